"""The configuration of a fit: what "auto" means, given samples, columns and effort.

The measurements behind the choices are in docs/benchmarks.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol, TypeVar

import numpy as np

from skflow.flows.families import Family, family_of
from skflow.flows.layers import LayerConfig
from skflow.flows.spec import FlowSpec
from skflow.training.loop import TrainingConfig

ContextKind = Literal["numbers", "classes"] | None
T = TypeVar("T")

_MIN_HELD_OUT = 10  # samples that a single member holds out, if there are enough
_WIDE = 16  # columns, above which layers are expensive
_FEW_ROWS = 500  # too few to learn many layers from
_ENOUGH_ROWS = 50  # per column, from which on any-order networks need no dropout
_MIN_STEPS, _MIN_ANY_ORDER_RATE = 100, 3e-3  # of any-order networks
_MANY_ROWS = 2000  # below which more members and larger folds for validation are needed
_ROBUST_NOISE = 0.7  # in units of the kernel bandwidth by Scott's rule
_ROBUST_STEPS = 200  # longer training learns the clusters that outliers form
_CHECKED_ROWS = 20_000  # held-out samples per check: more would take longer than training
_CHECKS = 60  # in a long training
_MAX_SPEED_UP = 5.0  # of regressions on few samples: learning rate up, steps down by as much
_MAX_RATE = 2e-2  # learning rate, whatever the speed-up
_ROWS_PER_COLUMN = 20  # at least, per unit of speed-up: with many columns all steps are needed


class Parameters(Protocol):
    """The parameters of an estimator that a configuration depends on, already validated."""

    flow: str | Callable[..., Any]
    n_transforms: Literal["auto"] | int
    hidden_layer_sizes: Literal["auto"] | int | Sequence[int]
    n_bins: int
    activation: str
    dropout: Literal["auto"] | float
    base: Literal["auto", "normal", "t"]
    marginals: Literal["auto", "yeo-johnson"] | None
    n_estimators: Literal["auto"] | int
    safety_net: bool
    learning_rate_init: Literal["auto"] | float
    batch_size: Literal["auto"] | int
    max_iter: Literal["auto"] | int
    alpha: float
    noise: Literal["auto"] | float
    effort: Literal["full", "fast"]
    early_stopping: Literal["auto"] | bool
    validation_fraction: float
    n_iter_no_change: int
    tol: float
    compile: bool


@dataclass(frozen=True)
class Task:
    """What a density is fitted for.

    `context` says what it is conditional on, if anything; `robust` asks for a smooth density
    that groups of outliers among the samples cannot bend.
    """

    context: ContextKind = None
    robust: bool = False


@dataclass(frozen=True)
class DataSize:
    """Numbers of samples and columns.

    `n_effective` is Kish's effective sample size; `n_streamed` the number of samples that an
    epoch reads if it reads more than are held in memory, else 0.
    """

    n_distinct: int
    n_effective: float
    n_features: int
    n_context: int = 0
    n_streamed: int = 0

    @property
    def n_columns(self) -> int:
        """Columns of the samples and of the context."""
        return self.n_features + self.n_context

    @property
    def abundance(self) -> float:
        """From 0 for up to 50 samples per column to 1 for 500 and more, on a log scale."""
        return min(1.0, max(0.0, math.log10(10 * self.n_effective / self.n_columns / 500)))


@dataclass(frozen=True)
class FitConfig:
    """All settings of one fit, resolved.

    `marginals` are the candidates to select from; `n_folds` is None if no samples are held out,
    and `stops_early` says whether those held out decide when training ends. `n_epochs` is the
    number of epochs that training takes unless it is stopped early.
    """

    flow: FlowSpec
    base: str
    marginals: tuple[str, ...]
    n_members: int
    n_folds: int | None
    n_epochs: int
    safety_net: bool
    training: TrainingConfig
    task: Task = Task()
    compile: bool = False
    stops_early: bool = True

    @property
    def scores_held_out(self) -> bool:
        """Whether components are scored on held-out samples."""
        return self.safety_net or (self.task.robust and self.n_folds is not None)

    @property
    def has_mixtures(self) -> bool:
        """Whether the safety net includes Gaussian mixtures and kernels."""
        return self.safety_net and self.task == Task()


def resolve_config(parameters: Parameters, size: DataSize, task: Task | None = None) -> FitConfig:
    """The configuration for an estimator's parameters.

    Parameters
    ----------
    parameters : Parameters
        An estimator.
    size : DataSize
    task : Task, optional
        By default a density, neither conditional nor robust.

    Returns
    -------
    FitConfig
    """
    task = task or Task()
    family = family_of(parameters.flow)
    n_members = _n_members(parameters, size, task)
    n_folds = _n_folds(parameters, n_members, size, task)
    stops_early = n_folds is not None and bool(parameters.early_stopping)
    training = _training_config(parameters, family, n_folds, size, task)
    return FitConfig(
        flow=_flow_spec(parameters, family, size, task),
        base=family.base if parameters.base == "auto" else parameters.base,
        marginals=_marginals(parameters, task),
        n_members=n_members,
        n_folds=n_folds,
        n_epochs=math.ceil(training.n_steps / _epoch(n_folds, training.batch_size, size)),
        safety_net=parameters.safety_net and stops_early,
        training=training,
        task=task,
        compile=parameters.compile,
        stops_early=stops_early,
    )


def _or_auto(value: T | Literal["auto"], automatic: T) -> T:
    return automatic if isinstance(value, str) else value


def _n_members(parameters: Parameters, size: DataSize, task: Task) -> int:
    n_members = _or_auto(parameters.n_estimators, _automatic_members(parameters, size, task))
    if task.robust and 1 < size.n_distinct < 2 * _MANY_ROWS:
        return max(n_members, 2)  # a single one cannot hold out all or 2,000 samples
    return n_members


def _automatic_members(parameters: Parameters, size: DataSize, task: Task) -> int:
    if size.n_effective >= 10_000:
        return 1
    if family_of(parameters.flow).is_any_order and not task.robust:
        return _any_order_members(parameters, size)
    many = size.n_effective >= _MANY_ROWS
    if parameters.effort == "fast" and task.robust:
        return 2 if many else 3
    if parameters.effort == "fast":
        return 1
    return 3 if many else 5


def _any_order_members(parameters: Parameters, size: DataSize) -> int:
    """One where the mean over orders is enough; more where samples are few."""
    return 1 if parameters.effort == "fast" or size.n_effective >= _MANY_ROWS else 4


def _n_folds(parameters: Parameters, n_members: int, size: DataSize, task: Task) -> int | None:
    """Number of folds, of which each member holds out one."""
    if size.n_distinct < 2 or not (parameters.early_stopping or task.robust):
        return None
    wanted = round(1 / parameters.validation_fraction)
    if n_members > 1:
        wanted = max(n_members, 5 if size.n_effective < _MANY_ROWS else 10)
    if task.robust:
        return max(2, min(wanted, _folds_for_p_values(n_members, size.n_distinct)))
    if n_members > 1:
        return min(wanted, size.n_distinct)
    return max(2, min(wanted, size.n_distinct // _MIN_HELD_OUT))


def _folds_for_p_values(n_members: int, n: int) -> int:
    """The most folds with which `n_members` hold out 2,000 of n samples; or one fold each."""
    return max(min(n_members, n), n // math.ceil(_MANY_ROWS / n_members))


def _marginals(parameters: Parameters, task: Task) -> tuple[str, ...]:
    if parameters.marginals == "auto" and not task.robust:
        return ("standardize", "yeo-johnson", "kernel")
    return ("yeo-johnson",) if parameters.marginals == "yeo-johnson" else ("standardize",)


def _flow_spec(parameters: Parameters, family: Family, size: DataSize, task: Task) -> FlowSpec:
    few = size.n_effective < _MANY_ROWS and not family.is_any_order
    width = 64 if few else 128
    hidden = parameters.hidden_layer_sizes
    if isinstance(hidden, str):
        hidden = (width, width)
    dropout = (0.15 if task.context else 0.3) * (1 - size.abundance)
    if family.is_any_order and size.n_effective > _ENOUGH_ROWS * size.n_columns:
        dropout = 0.0
    layers = LayerConfig(
        size.n_features,
        size.n_context,
        hidden_layer_sizes=tuple(int(units) for units in np.atleast_1d(hidden)),
        n_bins=parameters.n_bins,
        activation=parameters.activation,
        dropout=_or_auto(parameters.dropout, dropout),
    )
    n_transforms = _or_auto(parameters.n_transforms, _n_transforms(family, size))
    return FlowSpec(parameters.flow, n_transforms, layers)


def _n_transforms(family: Family, size: DataSize) -> int:
    few_suffice = size.n_features > _WIDE or size.n_effective < _FEW_ROWS
    if few_suffice and family.min_transforms is not None:
        return family.min_transforms
    return family.n_transforms


def _training_config(
    parameters: Parameters, family: Family, n_folds: int | None, size: DataSize, task: Task
) -> TrainingConfig:
    speed_up = _speed_up(parameters, family, size)
    batch_size = _or_auto(parameters.batch_size, 256 if size.n_effective < 10_000 else 512)
    n_steps = _n_steps(parameters, family, speed_up, _epoch(n_folds, batch_size, size), size, task)
    check_every = family.training.check_every or (10 if size.n_effective < 1000 else 25)
    if size.n_streamed:  # patience grows with the length of training
        check_every = max(check_every, n_steps // _CHECKS)
    return TrainingConfig(
        n_steps=n_steps,
        batch_size=batch_size,
        learning_rate=_or_auto(
            parameters.learning_rate_init, _learning_rate(family, speed_up, size, task)
        ),
        alpha=parameters.alpha,
        noise=_or_auto(parameters.noise, 0.0 if family.is_any_order else _noise(size, task)),
        check_every=check_every,
        patience=parameters.n_iter_no_change,
        tol=parameters.tol,
        ema_decay=family.training.ema_decay,
        max_held_out=family.training.max_held_out or _CHECKED_ROWS,
    )


def _speed_up(parameters: Parameters, family: Family, size: DataSize) -> float:
    """By how much a regression on few samples learns faster, in as many times fewer steps."""
    automatic = parameters.max_iter == "auto" and parameters.learning_rate_init == "auto"
    if family.training.length <= 1 or family.is_any_order or not automatic:
        return 1.0
    by_rows = _MANY_ROWS / size.n_effective
    by_columns = size.n_effective / size.n_columns / _ROWS_PER_COLUMN
    return max(1.0, min(_MAX_SPEED_UP, by_rows, by_columns))


def _epoch(n_folds: int | None, batch_size: int, size: DataSize) -> int:
    """Steps in an epoch."""
    n_held_out = 0 if n_folds is None else size.n_distinct // n_folds
    in_memory = math.ceil((size.n_distinct - n_held_out) / batch_size)
    return size.n_streamed // batch_size or in_memory


def _n_steps(
    parameters: Parameters,
    family: Family,
    speed_up: float,
    epoch: int,
    size: DataSize,
    task: Task,
) -> int:
    if not isinstance(parameters.max_iter, str):
        return parameters.max_iter * epoch
    n_steps = 400 if parameters.effort == "fast" else 800 if size.n_effective < 10_000 else 1500
    if family.is_any_order:
        n_steps = _any_order_steps(parameters, n_steps, size)
    if task.robust:
        n_steps = min(n_steps, _ROBUST_STEPS)
    n_steps = round(n_steps * family.training.length / speed_up)
    return max(n_steps, epoch) if size.n_streamed else n_steps


def _any_order_steps(parameters: Parameters, n_steps: int, size: DataSize) -> int:
    """As many as samples, if these are few; a multiple of this where training is longer."""
    if parameters.effort == "fast":
        return n_steps // 2
    few = size.n_effective < _MANY_ROWS
    return max(_MIN_STEPS, round(size.n_effective / 5)) if few else n_steps


def _learning_rate(family: Family, speed_up: float, size: DataSize, task: Task) -> float:
    """The more samples per column, the faster: up to five times the family's rate."""
    minimum = 2.0 if task.context else 1.0
    rate = family.learning_rate
    rate *= minimum * (5 / minimum) ** min(1, 1.5 * size.abundance)
    if family.is_any_order:
        rate = max(rate, _MIN_ANY_ORDER_RATE)
    return min(speed_up * rate, max(rate, _MAX_RATE))


def _noise(size: DataSize, task: Task) -> float:
    """Standard deviation of the noise added in training, in whitened units."""
    if task.robust:
        return _ROBUST_NOISE * size.n_effective ** (-1 / (size.n_features + 4))
    return 0.3 * (1 - size.abundance)
