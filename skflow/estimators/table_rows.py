"""The rows of a table on their way into a fit: as declared, as distinct samples, as a stream."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike

from skflow.data.column_labels import Names
from skflow.data.holes import check_rows_left, has_cells, warn_about_empty_rows
from skflow.data.nan_policy import HOLES
from skflow.data.sample_weights import check_weights
from skflow.data.sources import MemmapSource, Source
from skflow.data.support import Support
from skflow.data.unsupported_values import check_not_masked
from skflow.data.weighted_rows import effective_sample_size, merge_duplicates, summed_weights
from skflow.fitting.defaults import DataSize, Task
from skflow.fitting.fit_context import FitContext
from skflow.fitting.loaded_rows import LoadedRows
from skflow.fitting.streamed_dataset import StreamedDataset
from skflow.preprocessing.dataset import WeightedDataset
from skflow.preprocessing.odd_cells import OddCells
from skflow.preprocessing.support_transform import SupportTransform, repeated_by_weight
from skflow.preprocessing.supports import snapped
from skflow.runtime.process_group import ProcessGroup


@dataclass(frozen=True)
class DeclaredTable:
    """A table, and what the caller says of its columns and rows."""

    rows: np.ndarray | Source
    names: Names
    supports: list[Support]
    weights: np.ndarray | None
    context: np.ndarray | None
    context_names: Names
    stream: bool


@dataclass(frozen=True)
class PreparedRows:
    """Distinct samples without supports, and what they were made of."""

    data: WeightedDataset
    transform: SupportTransform
    n_rows: int
    loaded: LoadedRows
    distinct: WeightedDataset
    odd_cells: OddCells
    flow: str | Callable[..., Any]


def checked_weights(
    rows: np.ndarray | Source, sample_weight: ArrayLike | None
) -> np.ndarray | None:
    """Weights of the rows as they were given, (n,), or None."""
    if sample_weight is None:
        return None
    check_not_masked(sample_weight, "sample_weight")
    return check_weights(sample_weight, len(rows))


def without_empty_rows(
    rows: np.ndarray | Source, weights: np.ndarray | None, processes: ProcessGroup
) -> np.ndarray | None:
    """Weights that are 0 for rows without any observed cell, about which there is a warning.

    Those of a source are found when it is read.

    Raises
    ------
    ValueError
        If fewer than two rows are left, in all processes together.
    """
    if isinstance(rows, Source):
        n_left, n_empty = len(rows), 0
    else:
        positive = np.ones(len(rows), dtype=bool) if weights is None else weights > 0
        left = positive & has_cells(rows)
        n_left, n_empty = int(left.sum()), int(positive.sum() - left.sum())
        if n_empty:
            weights = np.where(left, 1.0 if weights is None else weights, 0.0)
    counts = processes.all_gather((n_left, n_empty))
    if any(empty for _, empty in counts):
        check_rows_left(sum(left for left, _ in counts))
    warn_about_empty_rows(n_empty)
    return weights


def streamed_dataset(
    table: DeclaredTable, prepared: PreparedRows, max_rows: int
) -> StreamedDataset | None:
    """The table, if an epoch goes over more rows than are held in memory."""
    loaded = prepared.loaded
    if not table.stream or loaded.n_all <= max_rows:
        return None
    source = table.rows
    if not isinstance(source, Source):
        source = MemmapSource(source, table.names)
        source.nan = HOLES  # whatever is an error was one when the table was validated
    return StreamedDataset(
        source,
        table.weights,
        loaded.indices,
        prepared.data,
        prepared.transform,
        table.supports,
        loaded.max_rows,
        prepared.odd_cells,
    )


def distinct_rows(loaded: LoadedRows, fit: FitContext, task: Task) -> tuple[WeightedDataset, int]:
    """The distinct rows of all processes, their weights summed; and how many rows there were."""
    rows, weights, context = fit.processes.gather_rows(loaded.rows, loaded.weights, loaded.context)
    data = WeightedDataset.of(*merge_duplicates(rows, weights, context))
    if task.robust:  # p-values count rows
        data = replace(data, counts=summed_weights(rows, weights))
    return data, len(rows)


def with_exact_values(data: WeightedDataset, supports: Sequence[Support]) -> WeightedDataset:
    """The samples without rounding: exactly the values of lattices, categories and atoms.

    Where all columns are discrete, equal rows are counts and not repeated measurements.
    """
    if all(support.is_discrete for support in supports):
        data = repeated_by_weight(data)
    x = torch.from_numpy(snapped(data.x.numpy(), supports))
    return replace(data, x=x, observed=x.numpy())


def size_of(data: WeightedDataset, factor: float, n_streamed: int) -> DataSize:
    """The size of a data set; `factor` is that of all rows over those held in memory."""
    return DataSize(
        len(data),
        effective_sample_size(data.weights.numpy()) * factor,
        data.x.shape[1],
        0 if data.context is None else data.context.shape[1],
        n_streamed,
    )
