"""What "auto" means: from rows, columns and effort to every setting of a fit.

The figures behind the choices are in docs/benchmarks.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from skflow.flows.families import Family, family_of
from skflow.flows.layers import LayerConfig
from skflow.flows.spec import FlowSpec
from skflow.training.loop import TrainingConfig

_MIN_LEFT_OUT = 10  # rows that a single member leaves out, where there are enough
_WIDE = 16  # columns, above which layers are dear
_FEW_ROWS = 500  # that cannot teach many layers
_ROBUST_NOISE = 0.7  # over the bandwidth that Scott's rule gives to kernels
_ROBUST_STEPS = 200  # longer training learns the groups that outliers form
_CHECKED_ROWS = 20_000  # left-out rows that a check looks at: more would take longer than training
_CHECKS = 60  # of a long training
_MANY_ROWS = 2000  # fewer need more members, and larger folds to validate on
_MAX_HASTE = 5.0  # with which few rows are regressed on: so many times as fast, and as short
_MAX_RATE = 2e-2  # of learning, however much the haste
_ROWS_A_COLUMN = 20  # a unit of haste: many columns need all steps


@dataclass(frozen=True)
class FitConfig:
    """All settings of one fit, resolved."""

    flow: FlowSpec
    base: str
    marginals: tuple[str, ...]  # to choose from
    n_members: int
    n_folds: int | None  # None: no rows are left out
    safety_net: bool
    training: TrainingConfig
    context: str | None = None  # "numbers" or "classes"
    robust: bool = False  # smooth, and not to be bent by groups of outliers
    compile: bool = False

    @property
    def scores_held_out(self) -> bool:
        """Whether parts are scored on rows that they have not seen."""
        return self.safety_net or (self.robust and self.n_folds is not None)

    @property
    def mixtures(self) -> bool:
        """Whether the safety net has Gaussian mixtures and kernels."""
        return self.safety_net and self.context is None and not self.robust


def resolve_config(
    params: dict,
    n_distinct: int,
    n_rows: float,
    n_features: int,
    n_context: int = 0,
    context: str | None = None,
    robust: bool = False,
    n_streamed: int = 0,
) -> FitConfig:
    """The recipe for an estimator's parameters.

    Parameters
    ----------
    params : dict
        The estimator's parameters, validated.
    n_distinct : int
        Number of distinct rows.
    n_rows : float
        Their effective number.
    n_features : int
        Number of columns.
    n_context : int, default=0
        Number of columns of the context.
    context : {"numbers", "classes"}, optional
        What the context is.
    robust : bool, default=False
        Whether the density is to look for outliers among its own rows.
    n_streamed : int, default=0
        Number of rows that an epoch reads, where it reads more than are held.

    Returns
    -------
    FitConfig
    """

    def choose(name: str, automatic: Any) -> Any:
        return automatic if isinstance(params[name], str) else params[name]

    fast = params["effort"] == "fast"
    width_of_row = n_features + n_context
    plenty = min(1.0, max(0.0, math.log10(10 * n_rows / width_of_row / 500)))
    family = family_of(params["flow"])
    training = family.training
    rate = family.learning_rate
    least = 2.0 if context else 1.0
    rate *= least * (5 / least) ** min(1, 1.5 * plenty)
    smooth = _ROBUST_NOISE * n_rows ** (-1 / (n_features + 4))
    haste = _haste(params, family, n_rows, width_of_row)
    rate = min(haste * rate, max(rate, _MAX_RATE))
    width = 64 if n_rows < _MANY_ROWS else 128
    hidden = choose("hidden_layer_sizes", (width, width))
    layer_config = LayerConfig(
        n_features,
        n_context,
        hidden_layer_sizes=tuple(int(size) for size in np.atleast_1d(hidden)),
        n_bins=params["n_bins"],
        activation=params["activation"],
        dropout=choose("dropout", (0.15 if context else 0.3) * (1 - plenty)),
    )
    n_transforms = choose("n_transforms", _n_transforms(family, n_rows, n_features))
    n_members = choose("n_estimators", _n_members(fast, n_rows))
    n_folds = _n_folds(params, n_members, n_distinct, n_rows)
    batch_size = choose("batch_size", 256 if n_rows < 10_000 else 512)
    train_size = n_distinct if n_folds is None else n_distinct - n_distinct // n_folds
    check_every = training.check_every or (10 if n_rows < 1000 else 25)
    epoch = n_streamed // batch_size or math.ceil(train_size / batch_size)
    if isinstance(params["max_iter"], str):
        n_steps = 400 if fast else 800 if n_rows < 10_000 else 1500
        n_steps = min(n_steps, _ROBUST_STEPS) if robust else n_steps
        n_steps = round(n_steps * training.length / haste)
        n_steps = max(n_steps, epoch) if n_streamed else n_steps
    else:
        n_steps = params["max_iter"] * epoch
    if n_streamed:  # long training, whose patience is as long
        check_every = max(check_every, n_steps // _CHECKS)
    return FitConfig(
        flow=FlowSpec(params["flow"], n_transforms, layer_config),
        base=family.base if params["base"] == "auto" else params["base"],
        marginals=_marginals(params["marginals"], robust),
        n_members=n_members,
        n_folds=n_folds,
        safety_net=params["safety_net"] and n_folds is not None,
        training=TrainingConfig(
            n_steps=n_steps,
            batch_size=batch_size,
            learning_rate=choose("learning_rate_init", rate),
            alpha=params["alpha"],
            noise=choose("noise", smooth if robust else 0.3 * (1 - plenty)),
            check_every=check_every,
            patience=params["n_iter_no_change"],
            tol=params["tol"],
            ema_decay=training.ema_decay,
            max_held_out=training.max_held_out or _CHECKED_ROWS,
        ),
        context=context,
        robust=robust,
        compile=params["compile"],
    )


def _haste(params: dict, family: Family, n_rows: float, width: int) -> float:
    """By how much a regression on few rows learns faster, for as many times fewer steps."""
    left_to_us = isinstance(params["max_iter"], str) and isinstance(
        params["learning_rate_init"], str
    )
    if family.training.length <= 1 or not left_to_us:
        return 1.0
    return max(1.0, min(_MAX_HASTE, _MANY_ROWS / n_rows, n_rows / width / _ROWS_A_COLUMN))


def _marginals(name: str | None, robust: bool) -> tuple[str, ...]:
    if name == "auto" and not robust:
        return ("standardize", "yeo-johnson", "kernel")
    return ("yeo-johnson",) if name == "yeo-johnson" else ("standardize",)


def _n_transforms(family: Family, n_rows: float, n_features: int) -> int:
    few_will_do = n_features > _WIDE or n_rows < _FEW_ROWS
    if few_will_do and family.min_transforms is not None:
        return family.min_transforms
    return family.n_transforms


def _n_members(fast: bool, n_rows: float) -> int:
    if fast or n_rows >= 10_000:
        return 1
    return 3 if n_rows >= _MANY_ROWS else 5


def _n_folds(params: dict, n_members: int, n_distinct: int, n_rows: float) -> int | None:
    """How many folds the rows are dealt into; each member leaves one of them out."""
    asked_for = params["early_stopping"] == "auto" or params["early_stopping"]
    if not asked_for or n_distinct < 2:
        return None
    if n_members > 1:
        return min(max(n_members, 5 if n_rows < _MANY_ROWS else 10), n_distinct)
    return max(2, min(round(1 / params["validation_fraction"]), n_distinct // _MIN_LEFT_OUT))
