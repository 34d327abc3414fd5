"""Supports as users declare them: which values the columns can take, parsed and checked."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Integral
from typing import Any

import numpy as np

from skflow.data.validation import Names, column_name

SMALLEST = float(np.nextafter(0.0, 1.0))  # the lower bound of "positive"


@dataclass(frozen=True)
class Support:
    """Of one column: real or whole numbers from low to high, or angles with a period."""

    low: float = -math.inf
    high: float = math.inf
    whole: bool = False
    period: float = math.inf

    @property
    def circular(self) -> bool:
        """Whether the column is of angles."""
        return self.period < math.inf

    def __str__(self) -> str:
        if self.circular:
            return f"angles of period {self.period:g}"
        numbers = "whole numbers" if self.whole else "numbers"
        if self.low == SMALLEST:
            return f"{numbers} above 0"
        return f"{numbers} from {self.low:g} to {self.high:g}"


NAMED = {
    "positive": Support(low=SMALLEST),
    "nonnegative": Support(low=0.0),
    "unit": Support(0.0, 1.0),
    "integer": Support(whole=True),
    "circular": Support(period=2 * math.pi),
}


def resolve_supports(declared: Any, n_columns: int, names: Names) -> list[Support]:
    """A support for every column.

    Parameters
    ----------
    declared : None, str, tuple, list or dict
        One for all, a list with one for each, or a dict from names or indices of columns.
    n_columns : int
        Number of columns.
    names : ndarray of str or None
        Names of the columns.

    Returns
    -------
    list of Support

    Raises
    ------
    ValueError
        Where it cannot be read, or names a column that is not there.
    """
    if isinstance(declared, dict):
        supports = [Support()] * n_columns
        for column, spec in declared.items():
            supports[_index_of(column, n_columns, names)] = _read(spec)
        return supports
    if isinstance(declared, list):
        if len(declared) != n_columns:
            raise ValueError(
                f"support={declared!r} has {len(declared)} entries, and there are {n_columns} "
                "columns: pass one for each, a dict from names or indices, or one for all."
            )
        return [_read(spec) for spec in declared]
    return [_read(declared)] * n_columns


def check_no_angles(declared: Any, n_targets: int, names: Names) -> None:
    """Raise where a target is an angle, which has no mean, quantiles or distribution function."""
    supports = resolve_supports(declared, n_targets, names)
    if any(support.circular for support in supports):
        raise ValueError(
            f"support={declared!r}: a regressor's targets have means and quantiles, which angles "
            "have not. Fit sine and cosine of the angle as two targets, or a "
            "NormalizingFlowDensity of all columns."
        )


def check_inside(
    rows: np.ndarray, supports: Sequence[Support], names: Names, numbers: np.ndarray
) -> None:
    """Raise where a row is outside the supports; `numbers` are the rows' own."""
    for j, (column, support) in enumerate(zip(rows.T, supports, strict=True)):
        outside = (column < support.low) | (column > support.high)
        if support.whole:
            outside |= column != np.round(column)
        if outside.any():
            i = int(np.argmax(outside))
            raise ValueError(
                f"Row {numbers[i]} has {column[i]:g} in {column_name(names, j)}, which is "
                f"declared to be {support} ({int(outside.sum())} rows in all are outside). "
                "Declare another support, or drop such rows."
            )


def _index_of(column: Any, n_columns: int, names: Names) -> int:
    if isinstance(column, str):
        if names is not None and column in names:
            return int(np.flatnonzero(names == column)[0])
        known = "X has no names of columns" if names is None else f"there are {list(names)!r}"
        raise ValueError(f"support has a key {column!r}, and {known}.")
    if not isinstance(column, Integral) or not 0 <= int(column) < n_columns:
        raise ValueError(f"support has a key {column!r}, and there are {n_columns} columns.")
    return int(column)


def _read(spec: Any) -> Support:
    if spec is None:
        return Support()
    if isinstance(spec, str) and spec in NAMED:
        return NAMED[spec]
    if isinstance(spec, tuple):
        kind, *rest = spec if spec and isinstance(spec[0], str) else ("real", *spec)
        numbers = [_number(value, end) for value, end in zip(rest, (-1, 1), strict=False)]
        if kind == "circular" and len(rest) == 1 and 0 < numbers[0] < math.inf:
            return Support(period=numbers[0])
        if kind in ("real", "integer") and len(rest) == 2 and numbers[0] < numbers[1]:
            return Support(numbers[0], numbers[1], whole=kind == "integer")
    raise ValueError(
        f"support={spec!r} must be None, 'positive', 'nonnegative', 'unit', 'integer', "
        "'circular', (low, high), ('integer', low, high) or ('circular', period), with low < "
        "high (None where there is no bound) and a positive period; a list of these, one for "
        "each column, or a dict from names or indices of columns."
    )


def _number(value: Any, end: int) -> float:
    """A bound; None is the infinity at that end."""
    try:
        return end * math.inf if value is None else float(value)
    except (TypeError, ValueError):
        return math.nan
