"""A weighted set of rows: merged, sampled, dealt into folds."""

import math

import numpy as np

_MIN_COUNTS = 200  # of the rarest row, that are recognised
_MAX_COPIES = 1_000_000
_MUCH, _ENOUGH = 5, 1000  # repetitions of a row, and rows in all


def merge(
    rows: np.ndarray, weights: np.ndarray, context: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    """Distinct rows in lexicographic order, and their summed weights with mean 1.

    Whatever is a function of the result treats a weight as a number of repetitions, takes no
    notice of the order of the rows or of a common factor of the weights, and cannot have
    equal rows on both sides of a fold. Rows of weight 0 are dropped. Rows with different
    contexts are different.
    """
    n_context = 0 if context is None else context.shape[1]
    both = rows if context is None else np.hstack([context, rows])
    both, weights = _merge(both, weights)
    given = None if context is None else np.ascontiguousarray(both[:, :n_context])
    return np.ascontiguousarray(both[:, n_context:]), weights, given


def _merge(rows: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    kept = weights > 0
    rows, weights = rows[kept] + 0.0, weights[kept]  # + 0.0 makes −0 and 0 equal
    order = np.lexsort([weights, *rows.T[::-1]])  # weights last: equal rows add up in one order
    rows, weights = rows[order], weights[order]
    first = np.concatenate([[True], (rows[1:] != rows[:-1]).any(1)])
    summed = np.add.reduceat(weights / weights.max(), np.flatnonzero(first))
    # in float32, so that a common factor cannot survive in the last bits
    normed = (summed * (len(summed) / summed.sum())).astype(np.float32)
    weighty = normed > 0
    return rows[first][weighty], normed[weighty].astype(np.float64)


def spread(n_rows: int, most: int, rng: np.random.Generator) -> np.ndarray:
    """Numbers of all rows, or of as many as allowed: one from each of so many equal stretches.

    In order, so that a file is read from its beginning to its end, once.
    """
    if n_rows <= most:
        return np.arange(n_rows)
    stretch = n_rows / most
    return ((np.arange(most) + rng.random(most)) * stretch).astype(np.int64).clip(0, n_rows - 1)


def repetitions(weights: np.ndarray) -> np.ndarray:
    """Numbers of repetitions in proportion to the weights, one for each row if there are none.

    Weights that count something, divided by whatever, become counts again: the least ones
    possible, but for a few values that repeat much, which lose by not being many.
    """
    ratios = weights / weights.min()
    for least in range(1, _MIN_COUNTS):
        counts = np.round(least * ratios)
        if counts.sum() > _MAX_COPIES:
            break
        if np.allclose(counts, least * ratios, rtol=1e-5, atol=0):
            few = _MUCH * len(counts) < counts.sum() < _ENOUGH
            return counts.astype(np.int64) * (math.ceil(_ENOUGH / counts.sum()) if few else 1)
    return np.ones(len(weights), dtype=np.int64)


def effective_size(weights: np.ndarray) -> float:
    """Kish's effective number of rows, (Σw)² / Σw²."""
    return float(weights.sum() ** 2 / np.square(weights).sum())


def deal_folds(n_rows: int, n_folds: int, rng: np.random.Generator) -> np.ndarray:
    """A fold for every row, sizes equal to within one."""
    return rng.permutation(np.arange(n_rows) % n_folds)
