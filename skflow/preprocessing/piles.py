"""Piles: values that many rows of a column have, at its ends or inside."""

from dataclasses import dataclass

import numpy as np

_ROWS_PER_END = 20  # an extreme value of more than one row in so many looks like a bound
_ROWS_PER_TIE = 5  # a value of more than one row in so many is a pile


@dataclass(frozen=True)
class Piles:
    """The piles of a column.

    Parameters
    ----------
    low, high : float or None
        Those at its ends, which look like bounds.
    inside : tuple of float
        All others.
    counts : dict
        How many rows each of them has.
    n_rows : int
        Number of rows of the column.
    """

    low: float | None
    high: float | None
    inside: tuple[float, ...]
    counts: dict[float, int]
    n_rows: int

    def describe(self) -> str:
        """Which values they are, without counts."""
        ends = [f"{end:g}" for end in (self.low, self.high) if end is not None]
        others = [f"{value:g}" for value in self.inside]
        kinds = (("at its end", ends), ("equal to", others))
        named = [f"many values {kind} {' and '.join(values)}" for kind, values in kinds if values]
        return " and ".join(named)

    def shares(self) -> str:
        """How many rows each of them has."""
        return " and ".join(
            f"{count} of {self.n_rows} distinct rows ({100 * count / self.n_rows:.1f} %) are "
            f"{value:g}"
            for value, count in self.counts.items()
        )


def has_pile(counts: np.ndarray) -> bool:
    """Whether one value of a column, whose values have these counts, is a pile."""
    return bool(counts.max() > max(1, counts.sum() / _ROWS_PER_TIE))


def find_piles(values: np.ndarray, counts: np.ndarray, may_end: bool) -> Piles | None:
    """Find the piles of a column.

    Parameters
    ----------
    values : ndarray of shape (m,)
        Distinct values in order.
    counts : ndarray of shape (m,)
        How many rows have each of them.
    may_end : bool
        Whether the column may end at its first and last value. There fewer rows are a pile.

    Returns
    -------
    Piles or None
    """
    n_rows = int(counts.sum())
    is_end = np.zeros(len(values), dtype=bool)
    if may_end and n_rows > 2 * _ROWS_PER_END:
        is_end[[0, -1]] = counts[[0, -1]] > n_rows / _ROWS_PER_END
    is_inside = (counts > max(1, n_rows / _ROWS_PER_TIE)) & ~is_end
    is_pile = is_end | is_inside
    if not is_pile.any():
        return None
    return Piles(
        float(values[0]) if is_end[0] else None,
        float(values[-1]) if is_end[-1] else None,
        tuple(values[is_inside].tolist()),
        dict(zip(values[is_pile].tolist(), counts[is_pile].tolist(), strict=True)),
        n_rows,
    )
