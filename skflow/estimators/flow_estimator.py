"""What the estimators share: validated tables, and the road of a fit."""

import time
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from numbers import Integral
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike
from sklearn import get_config
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.validation import (
    check_random_state,
    validate_data,
)
from tqdm.auto import tqdm

from skflow.data.sample_weights import check_weights
from skflow.data.sources import MemmapSource, Source, source_of
from skflow.data.table_kinds import check_is_table
from skflow.data.validation import (
    Names,
    check_finite,
    check_layer_sizes,
    check_variance,
    explained_conversion,
)
from skflow.data.weighted_rows import (
    effective_sample_size,
    merge_duplicates,
    summed_weights,
)
from skflow.estimators.callbacks import CallbackMixin
from skflow.estimators.fitted_density import FittedDensity
from skflow.estimators.pickling import PlainStateMixin
from skflow.estimators.representation import RepresentationMixin
from skflow.fitting.defaults import DataSize, Task
from skflow.fitting.feasibility import feasible_config
from skflow.fitting.fit_context import FitContext, Monitor, Progress
from skflow.fitting.fit_density import FitResult, fit_density
from skflow.fitting.history import History
from skflow.fitting.loaded_rows import LoadedRows, load_rows
from skflow.fitting.streamed_dataset import StreamedDataset
from skflow.fitting.warm_start import FittedColumns, WarmStart, check_same_columns
from skflow.flows.families import check_base
from skflow.preprocessing.column_warnings import warn_about_columns
from skflow.preprocessing.dataset import WeightedDataset
from skflow.preprocessing.support_transform import fit_support_transform
from skflow.preprocessing.supports import Support, check_inside, resolve_supports
from skflow.runtime.device import keep_freed_memory, resolve_device
from skflow.runtime.process_group import current_process_group
from skflow.serialization.checkpoint import Checkpoint, FitIdentity


class FlowEstimator(RepresentationMixin, CallbackMixin, PlainStateMixin, FittedDensity):
    """Base of the estimators: the validation of tables, and the road of a fit.

    `_task` says what a density is fitted for: conditional on what, robust or not.
    """

    _task: ClassVar[Task] = Task()

    def _fit_rows(
        self,
        table: np.ndarray | Source,
        sample_weight: ArrayLike | None,
        names: Names = None,
        context: np.ndarray | None = None,
        stream: bool = False,
    ) -> FitResult:
        """Fit the density of a validated table (n, d), given a context (n, c) if there is one.

        With `stream`, an epoch goes over all rows of a table of more than `max_rows`.
        """
        fit, warm_start = self._begin_fit(), self._earlier_fit()
        supports = self._check_declarations(table.shape[1], names)
        weights = _checked_weights(table, sample_weight)
        loaded = load_rows(table, weights, context, self.max_rows, fit)
        check_inside(loaded.rows, supports, names, loaded.indices)
        distinct, n_rows = _distinct_rows(loaded, names, fit, self._task)
        data, transform = fit_support_transform(
            distinct,
            supports,
            np.random.default_rng((fit.seed, 1)),
            None if warm_start is None else self.flow_,
        )
        warn_about_columns(distinct.x.numpy(), n_rows, supports, names)
        streamed = None
        if stream and loaded.n_all > self.max_rows:
            source = table if isinstance(table, Source) else MemmapSource(table, names)
            streamed = StreamedDataset(
                source, weights, loaded.indices, data, transform, supports, loaded.max_rows
            )
        n_fitted = n_rows if streamed is None else loaded.n_all
        size = _size_of(data, n_fitted / n_rows, 0 if streamed is None else n_fitted)
        config = feasible_config(self, size, self._task)
        fit.monitor.checkpoint.identify(
            FitIdentity.of(
                fit.seed, data.arrays, config, warm_start is not None, fit.processes.size
            )
        )
        result = fit_density(data, config, fit, transform, warm_start, streamed)
        self._end_fit(result, fit, warm_start is not None)
        self._set_fitted(result, fit, n_fitted)
        self._warn_if_unfinished(result.history)
        return result

    def _begin_fit(self) -> FitContext:
        """The context of a fit: its clock runs from here, and its seed is drawn."""
        deadline = time.monotonic() + (np.inf if self.max_time is None else self.max_time)
        keep_freed_memory()
        processes = current_process_group()
        device = processes.device(resolve_device(self.device))
        checkpoint = Checkpoint(self.checkpoint)
        check_layer_sizes(self.hidden_layer_sizes)
        if self.warm_start and hasattr(self, "flow_"):
            seed = self._seed  # the same folds, so that held-out samples stay held out
        else:
            seed = processes.broadcast(self._draw_seed)
        seed = checkpoint.resolve_seed(seed, fixed=isinstance(self.random_state, Integral))
        return FitContext(seed, device, processes, Monitor(self._watch, checkpoint, deadline))

    def _earlier_fit(self) -> WarmStart | None:
        if self.warm_start and hasattr(self, "flow_"):
            return WarmStart(self._continuous(), self._spec)
        return None

    def _check_declarations(self, n_columns: int, names: Names) -> list[Support]:
        """The supports of the columns; raises where they or the base are not possible."""
        supports = resolve_supports(self.support, n_columns, names)
        check_base(self.base, self.flow)
        return supports

    def _end_fit(self, result: FitResult, fit: FitContext, continued: bool) -> None:
        """Remove the checkpoint of a finished fit; put the history of an earlier one in front."""
        if not result.history.cut_short and fit.processes.rank == 0:
            fit.monitor.checkpoint.remove()
        if continued:
            result.history.prepend(self.n_iter_, self.loss_curve_, self.validation_scores_)

    def _set_fitted(self, result: FitResult, fit: FitContext, n_fitted: int) -> None:
        """Set the fitted attributes."""
        history = result.history
        self.flow_ = result.density
        self.weights_ = result.weights
        self.device_ = fit.device
        self.n_iter_ = history.n_epochs
        self.n_samples_fit_ = n_fitted
        self.loss_curve_ = history.losses
        self.validation_scores_ = history.scores
        self.best_validation_score_ = history.best_score
        self.held_out_score_ = result.held_out_score
        self._spec = result.spec
        self._seed = fit.seed

    def _warn_if_unfinished(self, history: History) -> None:
        """Warn if training was cut short, or if `max_iter` ended it while it still improved."""
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
                f"The log-likelihood of held-out samples was still improving by more than "
                f"tol={self.tol} after max_iter={self.max_iter} epochs. Increase max_iter, or "
                "leave it at 'auto'.",
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
        check_is_table(X)
        earlier = self._columns_to_continue() if reset else None
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
        if earlier is not None:
            check_same_columns(earlier, self._columns_to_continue())
        if not get_config()["assume_finite"]:
            check_finite(rows, getattr(self, "feature_names_in_", None))
        return rows

    def _columns_to_continue(self) -> FittedColumns | None:
        """The columns of X, if a fit is continued."""
        if not (self.warm_start and hasattr(self, "flow_")):
            return None
        return FittedColumns(self.n_features_in_, getattr(self, "feature_names_in_", None))

    def _watch(self, updates: Iterable[Progress]) -> Iterable[Progress]:
        """Show a progress bar if `verbose`, and call the callbacks."""
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
        """Restore all attributes if the block raises: a failed fit changes nothing."""
        self._begin_callbacks()
        before = dict(vars(self))
        try:
            yield
            self._end_callbacks()
        except BaseException:
            self.__dict__.clear()
            self.__dict__.update(before)
            raise


def _checked_weights(
    rows: np.ndarray | Source, sample_weight: ArrayLike | None
) -> np.ndarray | None:
    if sample_weight is None:
        return None
    return check_weights(sample_weight, len(rows))


def _distinct_rows(
    loaded: LoadedRows, names: Names, fit: FitContext, task: Task
) -> tuple[WeightedDataset, int]:
    """The distinct rows of all processes, their weights summed; and how many rows there were."""
    rows, weights, context = fit.processes.gather_rows(loaded.rows, loaded.weights, loaded.context)
    check_variance(rows, names)
    data = WeightedDataset.of(*merge_duplicates(rows, weights, context))
    if task.robust:  # p-values count rows
        data = replace(data, counts=summed_weights(rows, weights))
    return data, len(rows)


def _size_of(data: WeightedDataset, factor: float, n_streamed: int) -> DataSize:
    """The size of a data set; `factor` is that of all rows over those held in memory."""
    return DataSize(
        len(data),
        effective_sample_size(data.weights.numpy()) * factor,
        data.x.shape[1],
        0 if data.context is None else data.context.shape[1],
        n_streamed,
    )
