"""What the estimators share: validated tables, and the road of a fit."""

import time
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from numbers import Integral
from typing import Any, ClassVar

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
from torch import Tensor
from tqdm.auto import tqdm

from skflow.data.column_labels import Names, column_labels
from skflow.data.sources import MemmapSource, Source, source_of
from skflow.data.unsupported_values import check_no_times, check_not_masked
from skflow.data.validation import (
    check_finite,
    check_layer_sizes,
    check_variance,
    explained_conversion,
)
from skflow.data.weighted_rows import effective_sample_size, merge_duplicates, repeat_counts
from skflow.estimators.callbacks import CallbackMixin
from skflow.estimators.fitted_density import FittedDensity
from skflow.estimators.pickling import PlainStateMixin
from skflow.estimators.representation import RepresentationMixin
from skflow.fitting.defaults import DataSize, FitConfig, Task, resolve_config
from skflow.fitting.fit_context import FitContext, Monitor, Progress
from skflow.fitting.fit_density import FitResult, fit_density
from skflow.fitting.history import History
from skflow.fitting.loaded_rows import LoadedRows, load_rows
from skflow.fitting.streamed_dataset import StreamedDataset
from skflow.fitting.warm_start import WarmStart
from skflow.flows.families import check_base
from skflow.preprocessing.column_warnings import warn_about_columns, warn_about_odd_values
from skflow.preprocessing.dataset import WeightedDataset
from skflow.preprocessing.odd_cells import Fences, OddCells
from skflow.preprocessing.support_transform import SupportTransform, fit_support_transform
from skflow.preprocessing.supports import Support, check_inside, resolve_supports
from skflow.runtime.device import keep_freed_memory, resolve_device
from skflow.runtime.process_group import current_process_group
from skflow.serialization.checkpoint import Checkpoint, FitIdentity


class FlowEstimator(RepresentationMixin, CallbackMixin, PlainStateMixin, FittedDensity):
    """Base of the estimators: the validation of tables, and the road of a fit.

    `_task` says what a density is fitted for: conditional on what, robust or not.
    """

    _task: ClassVar[Task] = Task()
    _fences: Fences | None = None  # of the columns of X, if they have odd cells

    def _fit_rows(
        self,
        table: np.ndarray | Source,
        sample_weight: ArrayLike | None,
        names: Names = None,
        context: np.ndarray | None = None,
        stream: bool = False,
        context_names: Names = None,
    ) -> FitResult:
        """Fit the density of a validated table (n, d), given a context (n, c) if there is one.

        With `stream`, an epoch goes over all rows of a table of more than `max_rows`.
        """
        fit, warm_start = self._begin_fit(), self._earlier_fit()
        supports = self._check_declarations(table.shape[1], names)
        weights = _checked_weights(table, sample_weight)
        loaded = load_rows(table, weights, context, self.max_rows, fit)
        check_inside(loaded.rows, supports, names, loaded.indices)
        distinct, n_rows = _distinct_rows(loaded, fit)
        usual, odd_cells = self._without_odd_cells(distinct, fit)
        check_variance(usual.x.numpy(), names)
        data, transform = self._real_valued(usual, supports, fit)
        self._warn_about_table(distinct, n_rows, supports, odd_cells, names, context_names)
        streamed = None
        if stream and loaded.n_all > self.max_rows:
            streamed = StreamedDataset(
                table if isinstance(table, Source) else MemmapSource(table, names),
                weights,
                loaded.indices,
                data,
                transform,
                supports,
                loaded.max_rows,
                odd_cells,
            )
        n_fitted = n_rows if streamed is None else loaded.n_all
        size = _size_of(data, n_fitted / n_rows, 0 if streamed is None else n_fitted)
        config = self._configuration(data, size, fit)
        result = fit_density(data, config, fit, transform, warm_start, streamed)
        self._warn_about_streamed(streamed, distinct, names)
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

    def _without_odd_cells(
        self, data: WeightedDataset, fit: FitContext
    ) -> tuple[WeightedDataset, OddCells]:
        """The distinct rows with other values in place of odd ones.

        Where predictions are made for rows of X, odd cells of X are drawn in to the edge of the
        others, here and in predictions, so that what they tell about y is not lost.
        """
        self.__dict__.pop("_fences", None)
        fences = Fences.of(data.x.numpy(), data.weights.numpy())
        if self._task.context == "classes":
            data = replace(data, x=self._remembered(fences, data.x))
        elif self._task.context == "numbers":
            of_context = Fences.of(data.known_context.numpy(), data.weights.numpy())
            data = replace(data, context=self._remembered(of_context, data.known_context))
        odd_cells = OddCells(fences, data)
        return odd_cells.replaced_in(data, np.random.default_rng((fit.seed, 2))), odd_cells

    def _real_valued(
        self, data: WeightedDataset, supports: list[Support], fit: FitContext
    ) -> tuple[WeightedDataset, SupportTransform]:
        """The data with integers and angles as real numbers, as in the fit to continue from."""
        earlier = self.flow_ if self.warm_start and hasattr(self, "flow_") else None
        rng = np.random.default_rng((fit.seed, 1))
        return fit_support_transform(data, supports, rng, earlier)

    def _warn_about_table(
        self,
        data: WeightedDataset,
        n_rows: int,
        supports: list[Support],
        odd_cells: OddCells,
        names: Names,
        context_names: Names,
    ) -> None:
        """Warn about odd values, and about columns that no density describes well."""
        rows = data.x.numpy()
        tables = [(rows, odd_cells.fences, names)]
        if self._task.context == "numbers" and self._fences is not None:
            tables.append((data.known_context.numpy(), self._fences, context_names))
        warn_about_odd_values(tables)
        counts, odd = repeat_counts(data.weights.numpy()), odd_cells.fences.odd(rows)
        warn_about_columns(rows, n_rows, supports, names, self.support, odd, counts)

    def _warn_about_streamed(
        self, streamed: StreamedDataset | None, held: WeightedDataset, names: Names
    ) -> None:
        """Warn about odd values in columns that have none in the rows held in memory."""
        if streamed is not None and streamed.odd_cells is not None and streamed.odd_rows:
            fences, rows = streamed.odd_cells.fences, np.concatenate(streamed.odd_rows)
            known = fences.odd(held.x.numpy()).any(0)
            warn_about_odd_values([(np.where(known, 0.0, rows), fences, names)])

    def _remembered(self, fences: Fences, x: Tensor) -> Tensor:
        """x drawn in to its fences, as rows of X are in predictions."""
        if fences.odd(x.numpy()).any():
            self._fences = fences
        return torch.from_numpy(self._drawn_in(x.numpy()))

    def _drawn_in(self, rows: np.ndarray) -> np.ndarray:
        """Validated rows of X (n, d) to predict for, without odd cells."""
        return rows if self._fences is None else self._fences.drawn_in(rows)

    def _configuration(self, data: WeightedDataset, size: DataSize, fit: FitContext) -> FitConfig:
        """All settings; with data and seed, they identify the fit that a checkpoint is of."""
        config = resolve_config(self, size, self._task)
        continued = self.warm_start and hasattr(self, "flow_")
        fit.monitor.checkpoint.identify(
            FitIdentity.of(fit.seed, data.arrays, config, continued, fit.processes.size)
        )
        return config

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
        check_no_times(X)
        check_not_masked(X)
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
            check_finite(rows, self._names(X, rows))
        return rows

    def _names(self, X: Any, rows: np.ndarray | Source) -> Names:
        """The labels of the columns of X: its own ones, or the names that were seen in `fit`."""
        labels = rows.names if isinstance(rows, Source) else column_labels(X)
        return getattr(self, "feature_names_in_", None) if labels is None else labels

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
    check_not_masked(sample_weight, "sample_weight")
    return _check_sample_weight(sample_weight, rows, dtype=np.float64, ensure_non_negative=True)


def _distinct_rows(loaded: LoadedRows, fit: FitContext) -> tuple[WeightedDataset, int]:
    """The distinct rows of all processes, their weights summed; and how many rows there were."""
    rows, weights, context = fit.processes.gather_rows(loaded.rows, loaded.weights, loaded.context)
    return WeightedDataset.of(*merge_duplicates(rows, weights, context)), len(rows)


def _size_of(data: WeightedDataset, factor: float, n_streamed: int) -> DataSize:
    """The size of a data set; `factor` is that of all rows over those held in memory."""
    return DataSize(
        len(data),
        effective_sample_size(data.weights.numpy()) * factor,
        data.x.shape[1],
        0 if data.context is None else data.context.shape[1],
        n_streamed,
    )
