"""What the estimators share: the road of a fit."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from numbers import Integral
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.validation import (
    check_random_state,
)
from torch import Tensor

from skflow.data.column_labels import Names
from skflow.data.holes import check_columns_observed, warn_about_empty_rows
from skflow.data.sources import Source
from skflow.data.support import Support
from skflow.data.validation import (
    check_layer_sizes,
    check_variance,
)
from skflow.data.weighted_rows import (
    repeat_counts,
)
from skflow.estimators.auto_flow import WithFlow, resolved_flow
from skflow.estimators.callbacks import CallbackMixin
from skflow.estimators.pickling import PlainStateMixin
from skflow.estimators.progress_bar import ProgressBar
from skflow.estimators.representation import RepresentationMixin
from skflow.estimators.table_input import TableInput
from skflow.estimators.table_rows import (
    DeclaredTable,
    PreparedRows,
    checked_weights,
    distinct_rows,
    size_of,
    streamed_dataset,
    with_exact_values,
    without_empty_rows,
)
from skflow.fitting.any_order.earlier_any_order import EarlierAnyOrder
from skflow.fitting.any_order.fit_any_order import fit_any_order
from skflow.fitting.defaults import FitConfig
from skflow.fitting.feasibility import feasible_config
from skflow.fitting.fit_context import FitContext, Monitor, Progress
from skflow.fitting.fit_density import FitResult, fit_density
from skflow.fitting.history import History
from skflow.fitting.loaded_rows import LoadedRows, load_few_rows, load_rows
from skflow.fitting.stages import Ending, Stages
from skflow.fitting.streamed_dataset import StreamedDataset
from skflow.fitting.warm_start import (
    FittedColumns,
    WarmStart,
    check_same_flows,
)
from skflow.flows.any_order.any_order_density import AnyOrderDensity
from skflow.flows.any_order.any_order_spec import AnyOrderSpec
from skflow.flows.distributions.distribution import Density
from skflow.flows.families import ANY_ORDER, check_base
from skflow.flows.spec import DensitySpec
from skflow.preprocessing.column_warnings import warn_about_columns, warn_about_odd_values
from skflow.preprocessing.dataset import WeightedDataset
from skflow.preprocessing.odd_cells import Fences, OddCells, OddCellsAsHoles
from skflow.preprocessing.support_transform import SupportTransform, fit_support_transform
from skflow.preprocessing.supports import (
    check_inside,
    check_possible_without_atoms,
    resolve_supports,
    snapped,
    without_atoms,
)
from skflow.runtime.device import keep_freed_memory, resolve_device
from skflow.runtime.own_settings import OwnSettingsMixin
from skflow.runtime.process_group import current_process_group
from skflow.runtime.user_warnings import warn_user
from skflow.serialization.checkpoint import Checkpoint, FitIdentity


class FlowEstimator(
    OwnSettingsMixin, RepresentationMixin, CallbackMixin, PlainStateMixin, TableInput
):
    """Base of the estimators: the road of a fit."""

    _fences: Fences | None = None  # of the columns of X, if they have odd cells

    def _observed_weights(
        self, table: np.ndarray | Source, weights: np.ndarray | None
    ) -> np.ndarray | None:
        """The weights of a table, 0 for rows without any observed cell."""
        if not self._takes_holes:
            return weights
        return without_empty_rows(table, weights, current_process_group())

    def _fit_rows(
        self,
        table: np.ndarray | Source,
        sample_weight: ArrayLike | None,
        names: Names = None,
        context: np.ndarray | None = None,
        stream: bool = False,
        context_names: Names = None,
    ) -> None:
        """Fit the density of a validated table (n, d), given a context (n, c) if there is one.

        With `stream`, an epoch goes over all rows of a table of more than `max_rows`. From here
        on, the end of `max_time` and Ctrl-C leave a fitted estimator.
        """
        supports = self._check_declarations(table.shape[1], names)
        weights = self._observed_weights(table, checked_weights(table, sample_weight))
        declared = DeclaredTable(table, names, supports, weights, context, context_names, stream)
        with ProgressBar(type(self).__name__, bool(self.verbose)) as bar:
            stages = Stages(self.max_time, bar.begin)
            result = stages.complete(lambda: self._follow_stages(declared, stages, bar))
        self._warn_if_unfinished(result, stages.ending)

    def _follow_stages(
        self, table: DeclaredTable, stages: Stages, bar: ProgressBar
    ) -> FitResult | None:
        """The road of a fit, which is followed again, with substitutes, if Ctrl-C cuts it short.

        None if an earlier fit was to be continued but there was no time for it.
        """
        begin = partial(self._begin_fit, stages, bar)
        fit, earlier = stages.run("beginning", begin, begin)
        rows = stages.run(
            "reading rows",
            lambda: self._read_rows(table, earlier.flow, fit),
            lambda: self._read_few_rows(table, earlier.flow, fit),
        )
        streamed = streamed_dataset(table, rows, self.max_rows)
        n_fitted = rows.n_rows if streamed is None else rows.loaded.n_all
        size = size_of(rows.data, n_fitted / rows.n_rows, 0 if streamed is None else n_fitted)
        config = feasible_config(WithFlow(self, rows.flow), size, self._task)
        continued = earlier.warm_start is not None
        if stages.ending is None:
            fit.monitor.checkpoint.identify(
                FitIdentity.of(fit.seed, rows.data.arrays, config, continued, fit.processes.size)
            )
        result = self._fit_density(rows, table.supports, config, fit, earlier, streamed)
        self._warn_about_streamed(streamed, rows.distinct, table.names)
        if result is not None:
            self._set_fitted(result, fit, n_fitted, earlier.history, table.supports)
            self._calibrate(result, table, fit)
        if stages.ending is None and fit.processes.rank == 0:
            fit.monitor.checkpoint.remove()
        bar.end(stages.ending)
        return result

    def _fit_density(
        self,
        rows: PreparedRows,
        supports: list[Support],
        config: FitConfig,
        fit: FitContext,
        earlier: "_EarlierFit",
        streamed: StreamedDataset | None,
    ) -> FitResult | None:
        """By the model that the flow asks for, continuing a fit of the same model."""
        warm = earlier.warm_start
        is_any_order = rows.flow == ANY_ORDER
        if warm is not None and is_any_order != isinstance(warm, EarlierAnyOrder):
            check_same_flows(warm.spec.flow, config.n_members, config.flow, config.n_members)
        if is_any_order:
            assert warm is None or isinstance(warm, EarlierAnyOrder)
            return fit_any_order(rows.data, config, fit, supports, warm, streamed)
        assert warm is None or isinstance(warm, WarmStart)
        return fit_density(rows.data, config, fit, rows.transform, warm, streamed)

    def _begin_fit(self, stages: Stages, bar: ProgressBar) -> tuple[FitContext, "_EarlierFit"]:
        """The context of a fit, for which a seed is drawn, and the fit that it continues."""
        keep_freed_memory()
        processes = current_process_group()
        device = processes.device(resolve_device(self.device))
        checkpoint = Checkpoint(self.checkpoint)
        check_layer_sizes(self.hidden_layer_sizes)
        earlier = self._earlier_fit()
        if earlier.warm_start is not None:
            seed = self._seed  # the same folds, so that held-out samples stay held out
        else:
            seed = processes.broadcast(self._draw_seed)
        seed = checkpoint.resolve_seed(seed, fixed=isinstance(self.random_state, Integral))
        monitor = Monitor(partial(self._watch, bar), checkpoint)
        return FitContext(seed, device, processes, monitor, stages), earlier

    def _earlier_fit(self) -> "_EarlierFit":
        """The fit to continue, if there is one and it has trained flows."""
        if not self.warm_start or "flow" not in getattr(self, "weights_", {}):
            return _EarlierFit()
        history = History(self.n_iter_, self.loss_curve_, self.validation_scores_)
        earlier: WarmStart | EarlierAnyOrder
        if isinstance(self.flow_, AnyOrderDensity):
            assert isinstance(self._spec, AnyOrderSpec)
            earlier = EarlierAnyOrder(self.flow_, self._spec)
        else:
            assert isinstance(self._spec, DensitySpec)
            earlier = WarmStart(self._continuous(), self._spec)
        return _EarlierFit(earlier, self.flow_, history)

    def _read_rows(
        self,
        table: DeclaredTable,
        earlier: Density | None,
        fit: FitContext,
    ) -> PreparedRows:
        """The rows of a table that are held in memory; warns about columns."""
        loaded = load_rows(table.rows, table.weights, table.context, self.max_rows, fit)
        prepared = self._prepared(loaded, table, earlier, fit)
        self._warn_about_table(prepared, table)
        return prepared

    def _read_few_rows(
        self,
        table: DeclaredTable,
        earlier: Density | None,
        fit: FitContext,
    ) -> PreparedRows:
        """A few rows, if there is no time for more."""
        loaded = load_few_rows(table.rows, table.weights, table.context, fit)
        return self._prepared(loaded, table, earlier, fit)

    def _prepared(
        self,
        loaded: LoadedRows,
        table: DeclaredTable,
        earlier: Density | None,
        fit: FitContext,
    ) -> PreparedRows:
        """Rows without odd cells and supports, and the distinct rows as they were."""
        check_inside(loaded.rows, table.supports, table.names, loaded.indices)
        loaded = replace(loaded, rows=snapped(loaded.rows, table.supports))
        distinct, n_rows = distinct_rows(loaded, fit, self._task)
        check_columns_observed(distinct.x.numpy(), table.names)
        flow = resolved_flow(self.flow, distinct, table.supports)
        usual, odd_cells = self._without_odd_cells(distinct, table.supports, flow, fit)
        check_variance(usual.x.numpy(), table.names)
        if self._task.robust:  # p-values compare with rows as they were fitted
            usual = replace(usual, observed=usual.x.numpy())
        if flow == ANY_ORDER:
            data, transform = with_exact_values(usual, table.supports), SupportTransform()
        else:
            check_possible_without_atoms(table.supports, table.names)
            rng = np.random.default_rng((fit.seed, 1))
            data, transform = fit_support_transform(usual, table.supports, rng, earlier)
        return PreparedRows(data, transform, n_rows, loaded, distinct, odd_cells, flow)

    def _warn_about_table(self, prepared: PreparedRows, table: DeclaredTable) -> None:
        """Warn about odd values, and about columns that no density describes well."""
        data, fences = prepared.distinct, prepared.odd_cells.fences
        rows = data.x.numpy()
        tables = [(rows, fences, table.names)]
        if self._task.context == "numbers" and self._fences is not None:
            tables.append((data.known_context.numpy(), self._fences, table.context_names))
        as_holes = isinstance(prepared.odd_cells, OddCellsAsHoles)
        warn_about_odd_values(tables, as_holes)
        warn_about_empty_rows(prepared.loaded.n_empty)
        counts = repeat_counts(data.weights.numpy())
        warn_about_columns(
            rows,
            prepared.n_rows,
            table.supports,
            table.names,
            self.support,
            fences.odd(rows),
            counts,
        )

    def _without_odd_cells(
        self,
        data: WeightedDataset,
        supports: list[Support],
        flow: str | Callable[..., Any],
        fit: FitContext,
    ) -> tuple[WeightedDataset, OddCells]:
        """The distinct rows with other values in place of odd ones.

        Where predictions are made for rows of X, odd cells of X are drawn in to the edge of the
        others, here and in predictions, so that what they tell about y is not lost.
        """
        self.__dict__.pop("_fences", None)
        fences = Fences.of(data.x.numpy(), data.weights.numpy())
        if flow == ANY_ORDER:
            fences = fences.beyond_states(supports)
        if self._task.context == "classes":
            data = replace(data, x=self._remembered(fences, data.x))
        elif self._task.context == "numbers":
            of_context = Fences.of(data.known_context.numpy(), data.weights.numpy())
            data = replace(data, context=self._remembered(of_context, data.known_context))
        as_holes = flow == ANY_ORDER and data.context is None
        odd_cells = (OddCellsAsHoles if as_holes else OddCells)(fences, data)
        return odd_cells.replaced_in(data, np.random.default_rng((fit.seed, 2))), odd_cells

    def _warn_about_streamed(
        self, streamed: StreamedDataset | None, held: WeightedDataset, names: Names
    ) -> None:
        """Warn about odd values in columns that have none in the rows held in memory."""
        if streamed is not None and streamed.odd_cells is not None and streamed.odd_rows:
            fences, rows = streamed.odd_cells.fences, np.concatenate(streamed.odd_rows)
            known = fences.odd(held.x.numpy()).any(0)
            tables = [(np.where(known, 0.0, rows), fences, names)]
            warn_about_odd_values(tables, streamed.takes_holes)

    def _remembered(self, fences: Fences, x: Tensor) -> Tensor:
        """x drawn in to its fences, as rows of X are in predictions."""
        if fences.odd(x.numpy()).any():
            self._fences = fences
        return torch.from_numpy(self._drawn_in(x.numpy()))

    def _drawn_in(self, rows: np.ndarray) -> np.ndarray:
        """Validated rows of X (n, d) to predict for, without odd cells."""
        return rows if self._fences is None else self._fences.drawn_in(rows)

    def _check_declarations(self, n_columns: int, names: Names) -> list[Support]:
        """The supports of the columns; raises where they or the base are not possible."""
        supports = resolve_supports(self.support, n_columns, names)
        if self.flow not in (ANY_ORDER, "auto"):
            check_possible_without_atoms(supports, names)
        check_base(self.base, self.flow)
        return supports

    def _set_fitted(
        self,
        result: FitResult,
        fit: FitContext,
        n_fitted: int,
        earlier: History | None,
        supports: list[Support],
    ) -> None:
        """Set the fitted attributes; the history of an earlier fit comes first."""
        history = replace(result.history)
        if earlier is not None:
            history.prepend(earlier.n_epochs, earlier.losses, earlier.scores)
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
        has_atoms = isinstance(result.density, AnyOrderDensity)
        self.supports_ = supports if has_atoms else without_atoms(supports)
        self._seed = fit.seed

    def _calibrate(self, result: FitResult, table: DeclaredTable, fit: FitContext) -> None:
        """Set the attributes that an estimator derives from its density; a stage of the fit."""

    def _warn_if_unfinished(self, result: FitResult | None, ending: Ending | None) -> None:
        """Warn if the fit was cut short, or if `max_iter` ended it while it still improved."""
        if ending is not None:
            interrupted = ending.cause == "interrupted"
            cause = "was interrupted" if interrupted else f"took max_time={self.max_time}"
            warn_user(
                f"The fit {cause} while {ending.stage}. {_what_is_left(result)}",
                ConvergenceWarning,
            )
        elif self.max_iter != "auto" and result is not None and result.history.still_improving:
            warn_user(
                f"The log-likelihood of held-out samples was still improving by more than "
                f"tol={self.tol} after max_iter={self.max_iter} epochs. Increase max_iter, or "
                "leave it at 'auto'.",
                ConvergenceWarning,
            )

    def _draw_seed(self) -> int:
        return int(check_random_state(self.random_state).randint(np.iinfo(np.int32).max))

    def _columns_to_continue(self) -> FittedColumns | None:
        """The columns of X, if a fit is continued."""
        if self._earlier_fit().warm_start is None:
            return None
        return FittedColumns(self.n_features_in_, getattr(self, "feature_names_in_", None))

    def _watch(self, bar: ProgressBar, updates: Iterable[Progress]) -> Iterable[Progress]:
        """Show the progress of training, and call the callbacks."""
        for update in self._told(updates):
            bar.update(update)
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


@dataclass(frozen=True)
class _EarlierFit:
    """The fit that is continued, if there is one."""

    warm_start: WarmStart | EarlierAnyOrder | None = None
    flow: Density | None = None
    history: History | None = None


def _what_is_left(result: FitResult | None) -> str:
    """What a fit that was cut short leaves."""
    if result is None:
        return "The estimator is as it was before."
    if "flow" in result.weights:
        return "The estimator is fitted with the best network weights so far."
    return (
        "No flow was trained: the estimator is fitted with the densities at which training would "
        "have begun. Give it more time."
    )
