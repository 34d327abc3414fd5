"""The rows of a table that a fit holds in memory."""

from dataclasses import dataclass, replace

import numpy as np

from skflow.data.holes import check_rows_left, has_cells
from skflow.data.sources import Source
from skflow.data.weighted_rows import sample_row_indices
from skflow.fitting.fit_context import FitContext
from skflow.fitting.substitutes import MAX_SAMPLES

_FEW_CHUNKS = 8  # of a source, if there is no time to read all of it


@dataclass(frozen=True)
class LoadedRows:
    """The rows of this process's table that are held in memory.

    Parameters
    ----------
    rows : ndarray of shape (m, d)
    weights : ndarray of shape (m,)
    context : ndarray of shape (m, c) or None
    indices : ndarray of shape (m,)
        Their indices in the table.
    max_rows : int
        Maximum number of rows that this process may hold.
    n_all : int
        Number of rows in the tables of all processes.
    n_empty : int
        Number of rows that were left out because they have no observed cell.
    """

    rows: np.ndarray
    weights: np.ndarray
    context: np.ndarray | None
    indices: np.ndarray
    max_rows: int
    n_all: int
    n_empty: int = 0

    def with_cells(self, fit: FitContext) -> "LoadedRows":
        """The rows with an observed cell; a ValueError in all processes if there are too few."""
        observed = has_cells(self.rows)
        n_empty = len(observed) - int(observed.sum())
        counts = fit.processes.all_gather((n_empty, len(observed)))
        n_all_empty, n_all_rows = (sum(numbers) for numbers in zip(*counts, strict=True))
        if n_all_empty:
            check_rows_left(n_all_rows - n_all_empty)
        if not n_empty:
            return self
        context = None if self.context is None else self.context[observed]
        return replace(
            self,
            rows=self.rows[observed],
            weights=self.weights[observed],
            context=context,
            indices=self.indices[observed],
            n_empty=n_empty,
        )


def load_rows(
    table: np.ndarray | Source,
    weights: np.ndarray | None,
    context: np.ndarray | None,
    max_rows: int,
    fit: FitContext,
) -> LoadedRows:
    """Read a table, or a random subset of its rows that is spread evenly over it.

    Parameters
    ----------
    table : ndarray or Source of shape (n, d)
        The table, or this process's shard of it.
    weights : ndarray of shape (n,) or None
        Weights of its rows; rows of weight 0 are not read.
    context : ndarray of shape (n, c) or None
        What the density is conditional on.
    max_rows : int
        Maximum number of rows of all processes, each of which holds a part of them in
        proportion to the length of its table.
    fit : FitContext

    Returns
    -------
    LoadedRows
    """
    n_all = fit.processes.count_rows(table)
    own_max = -(-max_rows * len(table) // n_all)
    indices, held_weights = _select_rows(own_max, len(table), weights, fit.seed)
    rows = np.asarray(table[indices])
    held_context = None if context is None else context[indices]
    loaded = LoadedRows(rows, held_weights, held_context, indices, own_max, n_all)
    return loaded.with_cells(fit)


def load_few_rows(
    table: np.ndarray | Source,
    weights: np.ndarray | None,
    context: np.ndarray | None,
    fit: FitContext,
) -> LoadedRows:
    """Read a few rows as if there were no others.

    Those of a source are in a few of its chunks, so that it need not be read to its end.
    """
    few = MAX_SAMPLES
    if isinstance(table, np.ndarray):
        loaded = load_rows(table, weights, context, few, fit)
        return replace(loaded, n_all=fit.processes.count_rows(loaded.rows))
    chunks = table.enumerate_chunks(np.random.default_rng(fit.seed), few // _FEW_CHUNKS)
    rows, indices = np.empty((0, table.shape[1])), np.empty(0, dtype=np.int64)
    for start, chunk in chunks:
        own = start + np.arange(len(chunk))[: few // _FEW_CHUNKS]
        own = own if weights is None else own[weights[own] > 0]
        rows, indices = np.concatenate([rows, chunk[own - start]]), np.append(indices, own)
        if len(rows) >= few:
            break
    held_weights = np.ones(len(rows)) if weights is None else weights[indices]
    n_all = fit.processes.count_rows(rows)
    return LoadedRows(rows, held_weights, None, indices, few, n_all).with_cells(fit)


def _select_rows(
    max_rows: int, n_rows: int, weights: np.ndarray | None, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Indices and weights of the rows to hold."""
    rng = np.random.default_rng(seed)
    if weights is None:
        indices = sample_row_indices(n_rows, max_rows, rng)
        return indices, np.ones(len(indices))
    nonzero = np.flatnonzero(weights)
    indices = nonzero[sample_row_indices(len(nonzero), max_rows, rng)]
    return indices, weights[indices]
