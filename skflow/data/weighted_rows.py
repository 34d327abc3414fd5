"""Operations on weighted rows: merging duplicates, subsampling, repeat counts, folds."""

import math

import numpy as np

from skflow.data.holes import canonical
from skflow.runtime.deadline import check_time

_SMALLEST_COUNTS = range(1, 200)  # counts of the lightest row that are tried
_MAX_REPEATED_ROWS = 1_000_000
_MANY_REPEATS = 5  # mean repeats per distinct row
_MIN_REPEATED_ROWS = 1000  # where distinct rows have many repeats
_MAX_COUNT = 2.0**53  # beyond which a sum of weights could overflow and 1 more row is nothing


def merge_duplicates(
    rows: np.ndarray, weights: np.ndarray, context: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    """Merge equal rows and add up their weights.

    A function of the result treats a weight as a number of repetitions, does not depend on the
    order of the rows or on a common factor of the weights, and cannot have equal rows on both
    sides of a split. Rows of weight 0 are dropped, −0 equals 0, NaN equals NaN, and rows with
    different contexts are different.

    Parameters
    ----------
    rows : ndarray of shape (n, d)
    weights : ndarray of shape (n,)
        Non-negative.
    context : ndarray of shape (n, c), optional

    Returns
    -------
    rows : ndarray of shape (m, d)
        The distinct rows, in lexicographic order of context and row.
    weights : ndarray of shape (m,)
        Their summed weights, scaled to mean 1.
    context : ndarray of shape (m, c) or None
        Their contexts.
    """
    n_context = 0 if context is None else context.shape[1]
    joint = rows if context is None else np.hstack([context, rows])
    joint, weights, _ = _merge_equal_rows(joint, weights)
    context = None if context is None else np.ascontiguousarray(joint[:, :n_context])
    return np.ascontiguousarray(joint[:, n_context:]), weights, context


def summed_weights(rows: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return the summed weights (m,) of the distinct rows of `merge_duplicates`, not scaled."""
    return _merge_equal_rows(rows, weights)[2]


def _merge_equal_rows(
    rows: np.ndarray, weights: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The distinct rows, and their summed weights, scaled to mean 1 and as they were given."""
    positive = weights > 0
    rows, weights = canonical(rows[positive]), weights[positive]
    # The weights are the last sort key, so that those of equal rows are always added in one order.
    order = np.argsort(weights, kind="stable")
    for column in rows.T[::-1]:  # np.lexsort, which would not ask the time
        check_time()
        order = order[np.argsort(column[order], kind="stable")]
    rows, weights = rows[order], weights[order]
    bits = rows.view(np.int64)  # in which NaN equals NaN
    first = np.concatenate([[True], (bits[1:] != bits[:-1]).any(1)])
    starts = np.flatnonzero(first)
    sums = np.add.reduceat(weights / weights.max(), starts)
    # Rounded to float32, so that a common factor leaves no trace in the last bits.
    normalized = (sums * (len(sums) / sums.sum())).astype(np.float32)
    positive = normalized > 0
    as_given = np.add.reduceat(weights / max(1.0, weights.max() / _MAX_COUNT), starts)
    return rows[first][positive], normalized[positive].astype(np.float64), as_given[positive]


def sample_row_indices(n_rows: int, max_rows: int, rng: np.random.Generator) -> np.ndarray:
    """Return the indices of all rows, or of a stratified sample of `max_rows` rows.

    The table is cut into `max_rows` intervals of equal length, and one row is drawn from each.
    Indices are sorted, so that a file is read once from start to end.
    """
    if n_rows <= max_rows:
        return np.arange(n_rows)
    interval = n_rows / max_rows
    positions = (np.arange(max_rows) + rng.random(max_rows)) * interval
    return positions.astype(np.int64).clip(0, n_rows - 1)


def repeat_counts(weights: np.ndarray) -> np.ndarray:
    """Return integer counts (n,) in proportion to the weights (n,), or ones if there are none.

    Weights that are counts times a common factor become counts again, the smallest ones
    possible. Exception: where few rows in total are made of a few distinct values with many
    repeats each, the counts are multiplied until there are enough rows to fit a density to.
    """
    ratios = weights / weights.min()
    for smallest in _SMALLEST_COUNTS:
        counts = np.round(smallest * ratios)
        if counts.sum() > _MAX_REPEATED_ROWS:
            break
        if np.allclose(counts, smallest * ratios, rtol=1e-5, atol=0):
            few_rows = _MANY_REPEATS * len(counts) < counts.sum() < _MIN_REPEATED_ROWS
            factor = math.ceil(_MIN_REPEATED_ROWS / counts.sum()) if few_rows else 1
            return counts.astype(np.int64) * factor
    return np.ones(len(weights), dtype=np.int64)


def effective_sample_size(weights: np.ndarray) -> float:
    """Return Kish's effective sample size, (Σw)² / Σw²."""
    return float(weights.sum() ** 2 / np.square(weights).sum())


def assign_folds(n_rows: int, n_folds: int, rng: np.random.Generator) -> np.ndarray:
    """Return a random fold index for each row, (n_rows,); fold sizes differ by at most one."""
    return rng.permutation(np.arange(n_rows) % n_folds)
