"""What stands out in a column, and the support that it asks for."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from skflow.data.support import Support
from skflow.preprocessing.odd_values import looks_like_code

_ROWS_PER_INTEGER = 4  # distinct integers look like counts if each stands for more rows
_ROWS_PER_BOUND = 20  # an extreme value of more than one row in so many looks like a bound
_ROWS_PER_TIE = 5  # a value of more than one row in so many is a spike
_NEAR, _SHARE_NEAR = 0.1, 0.03  # uniform values have 0.05 of them so near to their bound
_MIN_NEAR_ZERO = 50  # distinct values to tell so


@dataclass(frozen=True)
class Finding:
    """What stands out in one column.

    Parameters
    ----------
    what : str
        In a few words that do not depend on the rows of a fold.
    detail : str
        The same with counts.
    support : object
        The declaration that the column asks for, as for the parameter `support`; None if there
        is none that would help.
    degenerate : bool
        Whether a density of the column as it is declared may be as high as one likes.
    """

    what: str
    detail: str
    support: Any = None
    degenerate: bool = True


def examine_column(
    column: np.ndarray, odd: np.ndarray, n_rows: int, declared: Support
) -> Finding | None:
    """Find out what stands out in a column, apart from odd values, which are left out.

    Parameters
    ----------
    column : ndarray of shape (n,)
        Its values in distinct rows; holes, which are NaN, do not count.
    odd : ndarray of shape (n,)
        Which of them are odd.
    n_rows : int
        Number of rows with a value, including repeated ones.
    declared : Support
        The support that is declared for it.

    Returns
    -------
    Finding or None
    """
    if declared.kind != "real":
        return None
    usual = column[~odd & ~np.isnan(column)]
    values, counts = np.unique(usual, return_counts=True)
    if len(values) == 0:
        return None
    if len(values) == 1:
        return Finding("constant", f"all values are {values[0]:g}")
    if (values == np.round(values)).all() and n_rows > _ROWS_PER_INTEGER * len(values):
        return _whole_numbers(values, declared, column[odd])
    if declared == Support() and not odd.any():
        at_bound = _pile_at_bound(values, counts)
        if at_bound is not None:
            return at_bound
    most = int(counts.argmax())
    if counts[most] > max(1, len(usual) / _ROWS_PER_TIE):
        return _ties(values[most], counts[most], len(usual))
    return _density_at_zero(values) if declared == Support() and not odd.any() else None


def count_observed(n_rows: int, observed: np.ndarray, counts: np.ndarray) -> int:
    """How many of `n_rows` rows have a value in a column, of distinct rows and their counts."""
    return round(n_rows * float(counts[observed].sum() / counts.sum()))


def tied_columns(rows: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """The columns of distinct rows, (d, n), in which to look for ties.

    Equal rows of several columns are copies of each other and no ties; in a single column there
    are only ties, and equal rows count.
    """
    return np.repeat(rows, counts, axis=0).T if rows.shape[1] == 1 else rows.T


def _whole_numbers(values: np.ndarray, declared: Support, odd: np.ndarray) -> Finding:
    detail = f"{len(values)} distinct whole numbers from {values[0]:g} to {values[-1]:g}"
    support: Any = "integer"
    if declared != Support():
        low = None if declared.low is None else math.ceil(declared.smallest)
        high = None if declared.high is None else math.floor(declared.largest)
        support = ("integer", low, high)
    elif values.tolist() == [0.0, 1.0] and not len(odd):
        support = ("integer", 0, 1)
    elif (odd != np.round(odd)).any():  # which the support would rule out
        support = None
    return Finding("whole numbers", detail, support)


def _pile_at_bound(values: np.ndarray, counts: np.ndarray) -> Finding | None:
    """Many rows at an end of the column, which looks like a bound unless it is a code."""
    n = int(counts.sum())
    piles = [end for end in (0, -1) if counts[end] > n / _ROWS_PER_BOUND]
    if n <= 2 * _ROWS_PER_BOUND or not piles:
        return None
    for end in piles:
        if abs(values[end]) >= 100 and looks_like_code(values[end]):
            what = f"{values[end]:g} again and again: a missing code?"
            return Finding(what, f"{_count(counts[end], n)} are {values[end]:g}: a missing code?")
    ends = " and ".join(f"{values[end]:g}" for end in piles)
    detail = " and ".join(f"{_count(counts[end], n)} are {values[end]:g}" for end in piles)
    low, high = (_number(values[end]) if end in piles else None for end in (0, -1))
    return Finding(f"many values at its end {ends}", detail, _named((low, high)))


def _ties(value: float, count: int, n: int) -> Finding:
    return Finding(f"many values equal to {value:g}", f"{_count(count, n)} are {value:g}")


def _density_at_zero(values: np.ndarray) -> Finding | None:
    """No values below 0, and about as many near it as elsewhere: a density would go on beyond."""
    if len(values) < _MIN_NEAR_ZERO or values[0] < 0 or not _many_near_zero(values):
        return None
    if values[-1] <= 1 and _many_near_zero(1 - values):
        return Finding("values from 0 to 1", "none outside 0 to 1, many near both", "unit", False)
    support = "positive" if values[0] > 0 else "nonnegative"
    return Finding("values above 0", "none below 0, many near it", support, False)


def _many_near_zero(values: np.ndarray) -> bool:
    """Whether the tenth of the way from 0 to the median has a fair part of the values."""
    return bool((values <= _NEAR * np.median(values)).mean() > _SHARE_NEAR)


def _count(count: int, n: int) -> str:
    return f"{count} of {n} distinct rows ({100 * count / n:.1f} %)"


def _named(bounds: tuple[Any, Any]) -> Any:
    return {(0, None): "nonnegative", (0, 1): "unit"}.get(bounds, bounds)


def _number(value: float) -> int | float:
    """A bound as it would be written: an int if it is one."""
    return int(value) if float(value).is_integer() else float(value)
