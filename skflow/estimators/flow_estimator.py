"""What skflow's estimators share: parameters, arrays in, fitted state, pickling."""

import inspect
import time
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from numbers import Integral
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike
from sklearn import get_config
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.validation import (
    _check_sample_weight,
    check_random_state,
    validate_data,
)
from tqdm.auto import tqdm

from skflow.data.sources import MemmapSource, Source, in_blocks, source_of
from skflow.data.validation import (
    check_finite,
    check_layer_sizes,
    check_variance,
    explained_conversion,
)
from skflow.data.weighted_rows import effective_size, merge, spread
from skflow.estimators.callbacks import CallbackMixin
from skflow.estimators.parameters import FlowParameters, Seed
from skflow.fitting.defaults import resolve_config
from skflow.fitting.ensemble import Monitor, Progress, WarmStart
from skflow.fitting.fit_density import FitResult, fit_density
from skflow.fitting.streaming import StreamedDataset
from skflow.flows.distributions.constrained import ConstrainedDensity
from skflow.flows.distributions.flow import Flow
from skflow.flows.families import check_base
from skflow.flows.layers import LayerConfig
from skflow.flows.spec import ComponentSpec, DensitySpec, FlowSpec, from_arrays, to_arrays
from skflow.preprocessing.column_warnings import warn_about_columns
from skflow.preprocessing.supports import check_inside, dequantize, resolve_supports
from skflow.runtime.compile import compiled, is_compilable
from skflow.runtime.device import keep_freed_memory, resolve_device, scoring_dtype
from skflow.runtime.processes import current_process_group
from skflow.runtime.version import __version__
from skflow.serialization.checkpoint import Checkpoint

# rows scored at a time, that memory does not grow with them: enough for small operations, few
# enough for the cache
_BLOCK, _BLOCK_OF_FEW_COLUMNS = 2048, 4096
_FEW_COLUMNS = 8
_MANY_ROWS = 500_000  # whose scores are worth compiling for


class FlowEstimator(CallbackMixin, FlowParameters):
    """Base of the estimators: everything but what they estimate."""

    def _fit_rows(
        self,
        table: np.ndarray | Source,
        sample_weight: ArrayLike | None,
        names: np.ndarray | None = None,
        context: np.ndarray | None = None,
        kind: str | None = None,
        robust: bool = False,
        stream: bool = False,
    ) -> FitResult:
        """Fit the density of a validated table (n, d), given a context (n, c) of some kind.

        Where it is to `stream`, an epoch goes over all rows of a table beyond `max_rows`.
        """
        deadline = time.monotonic() + (np.inf if self.max_time is None else self.max_time)
        keep_freed_memory()
        processes = current_process_group()
        device = processes.device(resolve_device(self.device))
        checkpoint = Checkpoint(self.checkpoint)
        check_layer_sizes(self.hidden_layer_sizes)
        supports = resolve_supports(self.support, table.shape[1], names)
        check_base(self.base, self.flow)
        warm_start = None
        if self.warm_start and hasattr(self, "flow_"):
            warm_start = WarmStart(self._continuous(), self._spec)
        # a warm start deals the same folds, so that left-out rows stay left out
        seed = processes.broadcast(self._draw_seed) if warm_start is None else self._seed
        seed = checkpoint.seed(seed, fixed=isinstance(self.random_state, Integral))
        n_all = processes.count(table)
        most = -(-self.max_rows * len(table) // n_all)
        all_weights = _checked_weights(table, sample_weight)
        drawn, weights = _at_most(most, len(table), all_weights, seed)
        rows, context = np.asarray(table[drawn]), None if context is None else context[drawn]
        check_inside(rows, supports, names, drawn)
        rows, weights, context = processes.pool(rows, weights, context)
        check_variance(rows, names)
        n_rows = len(rows)
        rows, weights, context = merge(rows, weights, context)
        dequantized = dequantize(
            rows,
            weights,
            context,
            supports,
            np.random.default_rng((seed, 1)),
            None if warm_start is None else self.flow_,
        )
        warn_about_columns(rows, n_rows, supports, names)
        streamed = None
        if stream and n_all > self.max_rows:
            source = table if isinstance(table, Source) else MemmapSource(table, names)
            streamed = StreamedDataset(source, all_weights, drawn, dequantized, supports, most)
        config = resolve_config(
            self.get_params(deep=False),
            len(dequantized.rows),
            effective_size(dequantized.weights) * (1.0 if streamed is None else n_all / n_rows),
            rows.shape[1],
            0 if context is None else context.shape[1],
            kind,
            robust,
            0 if streamed is None else n_all,
        )
        checkpoint.begin(
            seed, f"{config}, {warm_start is not None}, {processes.size}", dequantized.arrays
        )
        monitor = Monitor(self._watch, checkpoint, deadline)
        fitted = fit_density(
            dequantized, config, seed, device, monitor, warm_start, processes, streamed
        )
        if not fitted.history.cut_short and processes.rank == 0:
            checkpoint.remove()
        if warm_start is not None:
            fitted.history.go_on_from(self.n_iter_, self.loss_curve_, self.validation_scores_)
        self._keep(fitted, seed, device)
        return fitted

    def _keep(self, fitted: FitResult, seed: int, device: torch.device) -> None:
        history = fitted.history
        self.flow_ = fitted.density
        self.weights_ = fitted.weights
        self.device_ = device
        self.n_iter_ = history.n_epochs
        self.loss_curve_ = history.losses
        self.validation_scores_ = history.scores
        self.best_validation_score_ = history.best_score
        self._spec = fitted.spec
        self._seed = seed
        if history.cut_short:
            cause = "was interrupted" if history.interrupted else f"took max_time={self.max_time}"
            warnings.warn(
                f"Training {cause} after {history.n_epochs} epochs; the estimator is fitted with "
                "the best weights so far.",
                ConvergenceWarning,
                stacklevel=5,
            )
        elif self.max_iter != "auto" and history.still_improving:
            warnings.warn(
                f"The log-likelihood of left-out rows was still improving by more than "
                f"tol={self.tol} when max_iter={self.max_iter} epochs had passed. Increase "
                "max_iter, or leave it at 'auto'.",
                ConvergenceWarning,
                stacklevel=5,
            )

    def _draw_seed(self) -> int:
        return int(check_random_state(self.random_state).randint(np.iinfo(np.int32).max))

    def _opened(self, X: Any, reset: bool) -> np.ndarray | Source:
        """Validated rows, or a source of rows, each of which is checked when it is read."""
        source = source_of(X)
        if source is None:
            return self._validate(X, reset)
        self._validate(source.head(), reset)
        return source

    def _validate(self, X: ArrayLike, reset: bool) -> np.ndarray:
        """X in float64, its width and names checked, free of NaN and inf."""
        with explained_conversion(X):
            rows: np.ndarray = validate_data(
                self,
                X,
                reset=reset,
                dtype=np.float64,
                order="C",
                ensure_all_finite=False,
                ensure_min_samples=2 if reset else 1,
            )
        if not get_config()["assume_finite"]:
            check_finite(rows, getattr(self, "feature_names_in_", None))
        return rows

    def _log_prob(
        self, rows: np.ndarray | Source, context: np.ndarray | None = None
    ) -> np.ndarray:
        """log p of validated rows, block by block."""
        keep_freed_memory()
        out = np.empty(len(rows))
        density = self._density()
        plain, many = density.log_prob, len(rows) >= _MANY_ROWS
        fast = compiled(plain, self.compile and many and is_compilable(density))
        start = 0
        size = _BLOCK_OF_FEW_COLUMNS if rows.shape[1] <= _FEW_COLUMNS else _BLOCK
        with torch.no_grad():
            for block in in_blocks(rows, size):
                at = slice(start, start + len(block))
                given = None if context is None else self._tensor(context[at])
                log_prob = fast if len(block) == size else plain
                out[at] = log_prob(self._tensor(block), given).cpu().numpy()
                start = at.stop
        return out

    def _sample(
        self, n_samples: int, random_state: Seed, context: np.ndarray | None = None
    ) -> np.ndarray:
        keep_freed_memory()
        seed = check_random_state(random_state).randint(np.iinfo(np.int32).max)
        generator = torch.Generator().manual_seed(int(seed))
        given = None if context is None else self._tensor(context)
        with torch.no_grad():
            drawn = self._density().sample(n_samples, generator, given)
        return drawn.double().cpu().numpy()

    def _continuous(self) -> Flow:
        """The fitted density of real numbers, behind that of columns with supports."""
        return self.flow_.continuous if isinstance(self.flow_, ConstrainedDensity) else self.flow_

    def _density(self) -> Flow | ConstrainedDensity:
        """What scores and draws, in the precision asked for."""
        if self.dtype == "float64":
            return self.flow_
        return self.flow_.with_base_dtype(torch.float32)

    def _tensor(self, values: np.ndarray) -> torch.Tensor:
        """A copy where and as the density computes."""
        return torch.from_numpy(np.array(values)).to(self.device_, scoring_dtype(self.device_))

    def _watch(self, updates: Iterable[Progress]) -> Iterable[Progress]:
        """Show training's progress where `verbose` asks for it, and tell callbacks."""
        updates = self._told(updates)
        if not self.verbose:
            yield from updates
            return
        with tqdm(desc=type(self).__name__, unit=" steps") as bar:
            for update in updates:
                bar.total = update.n_steps
                if update.score is not None:
                    bar.set_postfix({"validation": f"{update.score:.3f}"}, refresh=False)
                bar.update(update.step - bar.n)
                yield update

    @contextmanager
    def _all_or_nothing(self) -> Iterator[None]:
        self._begin_callbacks()
        before = dict(vars(self))
        try:
            yield
            self._end_callbacks()
        except BaseException:
            self.__dict__.clear()
            self.__dict__.update(before)
            raise

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "flow_")

    def __getstate__(self) -> dict[str, Any]:
        """Plain Python and numpy: no torch class, so that files load anywhere."""
        state = super().__getstate__()
        if "flow_" in state:
            state = dict(state)
            state["_arrays"] = to_arrays(state.pop("flow_"))
            state["_spec"] = asdict(state["_spec"])
            state["device_"] = str(state["device_"])
            state["_skflow_version"] = __version__
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        state = dict(state)
        arrays = state.pop("_arrays", None)
        if arrays is not None:
            version = state.pop("_skflow_version")
            if version != __version__:
                warnings.warn(
                    f"This {type(self).__name__} was saved by skflow {version} and is being "
                    f"loaded by skflow {__version__}; check its scores before use.",
                    UserWarning,
                    stacklevel=2,
                )
            state["_spec"] = _spec_from(state["_spec"])
            state["device_"] = _device_or_cpu(state["device_"])
            flow = from_arrays(state["_spec"], arrays)
            state["flow_"] = flow.to(state["device_"], scoring_dtype(state["device_"]))
        parameters = inspect.signature(type(self)).parameters.values()
        state = {p.name: p.default for p in parameters} | state  # of an earlier version
        super().__setstate__(state)


def _checked_weights(
    rows: np.ndarray | Source, sample_weight: ArrayLike | None
) -> np.ndarray | None:
    if sample_weight is None:
        return None
    return _check_sample_weight(sample_weight, rows, dtype=np.float64, ensure_non_negative=True)


def _at_most(
    most: int, n_rows: int, weights: np.ndarray | None, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Numbers of the rows that a fit holds, and their weights."""
    rng = np.random.default_rng(seed)
    if weights is None:
        drawn = spread(n_rows, most, rng)
        return drawn, np.ones(len(drawn))
    weighty = np.flatnonzero(weights)
    drawn = weighty[spread(len(weighty), most, rng)]
    return drawn, weights[drawn]


def _spec_from(record: dict[str, Any]) -> DensitySpec:
    flow = record["flow"]
    layers = LayerConfig(**flow["layers"])
    components = tuple(ComponentSpec(**component) for component in record["components"])
    return DensitySpec(
        FlowSpec(flow["family"], flow["n_transforms"], layers),
        record["input_transform"],
        components,
        record["context_transform"],
        record["constrained"],
    )


def _device_or_cpu(name: str) -> torch.device:
    """The device of a fit, or the CPU on a machine without it."""
    try:
        return resolve_device(name)
    except ValueError:
        return torch.device("cpu")
