"""What stands out in a column, and the support that it asks for."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from skflow.data.lattice import Lattice
from skflow.data.support import Support
from skflow.preprocessing.lattice_steps import find_lattice
from skflow.preprocessing.odd_values import looks_like_code
from skflow.preprocessing.piles import Piles, find_piles, has_pile

_ROWS_PER_POINT = 4  # whole numbers or points of a lattice if each stands for more rows
_MIN_MULTIPLES = 10  # distinct values, which by chance are not all multiples of 2
# points that the middle nine tenths of the rows reach over: of steps such as 0.1, and others
_MAX_ROUNDED, _MAX_POINTS = 30, 100
_MIN_TAKEN = 0.5  # of these points are values
_MIN_ODD = 0.2  # of the rows are on every other point
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
    is_lattice : bool
        Whether its values are whole numbers or on another lattice.
    """

    what: str
    detail: str
    support: Any = None
    degenerate: bool = True
    is_lattice: bool = False


def examine_column(
    column: np.ndarray, odd: np.ndarray, n_rows: int, declared: Support
) -> Finding | None:
    """Find out what stands out in a column, apart from odd values, which are left out.

    Values that `declared` names as atoms are no piles.

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
    if n_rows > _ROWS_PER_POINT * len(values):
        if (values == np.round(values)).all():
            return _whole_numbers(values, declared, column[odd])
        lattice = _coarse_lattice(values, usual)
        if lattice is not None:
            return _on_lattice(lattice, values, declared, column[odd], has_pile(counts))
    is_free = declared == Support() and not odd.any()
    undeclared = np.where(np.isin(values, declared.states), 0, counts)
    piles = find_piles(values, undeclared, is_free)
    if piles is not None:
        return _at_piles(piles, values, declared, is_free)
    return _density_at_zero(values) if is_free else None


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
    lattice = find_lattice(values)
    is_sure = len(values) == 2 or len(values) >= _MIN_MULTIPLES
    if lattice is not None and lattice.step > 1 and is_sure:
        return _on_lattice(lattice, values, declared, odd, degenerate=True)
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
    return Finding("whole numbers", detail, support, is_lattice=True)


def _coarse_lattice(values: np.ndarray, usual: np.ndarray) -> Lattice | None:
    """The lattice of a column, if its steps are coarse beside the spread of the values.

    A smooth density describes finely rounded measurements as well as others. Points between
    which others are rare, as halves among whole numbers, are no lattice either.
    """
    lattice = find_lattice(values)
    if lattice is None or len(values) == 2:
        return lattice
    low, high = values[[0, -1]]
    if len(values) >= _MIN_MULTIPLES:
        low, high = np.quantile(usual, [0.05, 0.95])
        odd_share = (lattice.indices(usual) % 2).mean()
        if not _MIN_ODD <= odd_share <= 1 - _MIN_ODD:
            return None
    n_points = (high - low) / lattice.step + 1
    n_taken = int(((values >= low) & (values <= high)).sum())
    most = _MAX_ROUNDED if _looks_rounded(lattice.step) else _MAX_POINTS
    return lattice if n_points <= most and n_taken > _MIN_TAKEN * n_points else None


def _looks_rounded(step: float) -> bool:
    """Whether a step is one of those that measurements are rounded to: 0.1, 0.05, 0.002."""
    return (2 * step) % 1 != 0 and f"{step:.9e}"[0] in "125" and f"{step:.9e}"[2:11] == "0" * 9


def _on_lattice(
    lattice: Lattice, values: np.ndarray, declared: Support, odd: np.ndarray, degenerate: bool
) -> Finding:
    step = _number(lattice.step)
    support: Any = ("lattice", step)
    if not lattice.contains(odd).all():  # which the support would rule out
        support = None
    elif declared != Support():
        ends = declared.low, declared.high
        support = Support("lattice", *ends, step=step, origin=lattice.origin)
    elif len(values) == 2 and not len(odd):
        support = (*support, _number(values[0]), _number(values[1]))
    elif lattice.phase:
        support = Support("lattice", step=step, origin=lattice.origin)
    what = f"a lattice of step {lattice.step:.6g}"
    detail = f"{what}, {len(values)} distinct values from {values[0]:g} to {values[-1]:g}"
    return Finding(what, detail, support, degenerate, is_lattice=True)


def _at_piles(piles: Piles, values: np.ndarray, declared: Support, is_free: bool) -> Finding:
    detail = piles.shares()
    for value in piles.counts:
        if abs(value) >= 100 and looks_like_code(value):
            what = f"{value:g} again and again: a missing code?"
            return Finding(what, f"{detail}: a missing code?")
    low, high = (None if end is None else _number(end) for end in (piles.low, piles.high))
    support: Any = _named((low, high))
    if piles.inside:
        bounds = declared.low if low is None else low, declared.high if high is None else high
        support = Support("real", *bounds, atoms=(*declared.atoms, *piles.counts))
    if not is_free and declared == Support() and {values[0], values[-1]} & {*piles.counts}:
        support = None  # an end, beyond which odd values are
    return Finding(piles.describe(), detail, support)


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


def _named(bounds: tuple[Any, Any]) -> Any:
    return {(0, None): "nonnegative", (0, 1): "unit"}.get(bounds, bounds)


def _number(value: float) -> int | float:
    """A bound as it would be written: an int if it is one."""
    return int(value) if float(value).is_integer() else float(value)
