"""Supports: the values that columns can take, as users declare them, parsed and checked."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Integral
from typing import Any

import numpy as np

from skflow.data.column_labels import Names, column_name, label_of

SMALLEST_POSITIVE = float(np.nextafter(0.0, 1.0))  # the lower bound of "positive"


@dataclass(frozen=True)
class Support:
    """The support of one column: numbers from `low` to `high`, or angles with a period."""

    low: float = -math.inf
    high: float = math.inf
    integer: bool = False
    period: float = math.inf

    @property
    def circular(self) -> bool:
        """Whether the column consists of angles."""
        return self.period < math.inf

    def __str__(self) -> str:
        if self.circular:
            return f"angles of period {self.period:g}"
        numbers = "integers" if self.integer else "numbers"
        if self.low == SMALLEST_POSITIVE:
            return f"{numbers} above 0"
        return f"{numbers} from {self.low:g} to {self.high:g}"


_NAMED_SUPPORTS = {
    "positive": Support(low=SMALLEST_POSITIVE),
    "nonnegative": Support(low=0.0),
    "unit": Support(0.0, 1.0),
    "integer": Support(integer=True),
    "circular": Support(period=2 * math.pi),
}


def resolve_supports(declared: Any, n_columns: int, names: Names) -> list[Support]:
    """The support of every column.

    Parameters
    ----------
    declared : None, str, tuple, list or dict
        One for all columns, a list with one for each, or a dict whose keys are names or
        indices of columns.
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
        If a declaration is malformed, or is for a column that does not exist.
    """
    if isinstance(declared, dict):
        supports = [Support()] * n_columns
        for column, declaration in declared.items():
            supports[_column_index(column, n_columns, names)] = _parse(declaration)
        return supports
    if isinstance(declared, list):
        if len(declared) != n_columns:
            raise ValueError(
                f"support={declared!r} has {len(declared)} entries, but there are {n_columns} "
                "columns. Pass a list with one entry for each column, a dict whose keys are names "
                "or indices of columns, or a single support for all columns."
            )
        return [_parse(declaration) for declaration in declared]
    return [_parse(declared)] * n_columns


def check_no_angles(declared: Any, n_targets: int, names: Names) -> None:
    """Raise if a target is an angle, which has no mean, quantiles or distribution function."""
    for j, support in enumerate(resolve_supports(declared, n_targets, names)):
        if support.circular:
            raise ValueError(
                f"support={declared!r} declares that target {column_name(names, j)} consists "
                f"of {support}, but a regressor predicts means and quantiles, which "
                "angles do not have. Fit sine and cosine of the angle as two targets, or fit a "
                "NormalizingFlowDensity to all columns."
            )


def check_inside(
    rows: np.ndarray, supports: Sequence[Support], names: Names, indices: np.ndarray
) -> None:
    """Raise if a row (n, d) is outside the supports; `indices` (n,) are those in the table."""
    for j, (column, support) in enumerate(zip(rows.T, supports, strict=True)):
        outside = _is_outside(column, support)
        if outside.any():
            i = int(np.argmax(outside))
            raise ValueError(
                f"Row {indices[i]} has {column[i]:g} in {column_name(names, j)}, which is "
                f"declared to contain {support} (rows outside: {int(outside.sum())}). Declare "
                "another support for this column, or drop these rows."
            )


def first_outside(row: np.ndarray, supports: Sequence[Support], names: Names) -> str:
    """What the first value of a row (d,) outside its support is; "" if all are inside."""
    for j, (value, support) in enumerate(zip(row, supports, strict=True)):
        if _is_outside(value, support):
            return f"{value:g} in {column_name(names, j)}, of {support}"
    return ""


def _is_outside(values: np.ndarray, support: Support) -> np.ndarray:
    outside = (values < support.low) | (values > support.high)
    not_integer = (values != np.round(values)) & ~np.isnan(values)  # NaN is a hole
    return outside | not_integer if support.integer else outside


def _column_index(column: Any, n_columns: int, names: Names) -> int:
    """The index of a column, given its name, or its index where no name is an int."""
    labels = [] if names is None else [label_of(names, j) for j in range(n_columns)]
    if column in labels and not isinstance(column, bool):
        return labels.index(column)
    is_int = isinstance(column, Integral) and not isinstance(column, bool)
    has_int_names = any(isinstance(label, Integral) for label in labels)
    if is_int and not has_int_names and 0 <= int(column) < n_columns:
        return int(column)
    if has_int_names or (isinstance(column, str | tuple) and labels):
        kind = "names" if has_int_names else "names or indices"
        reason, advice = f"the columns are {labels!r}", f"these {kind}"
    elif isinstance(column, str | tuple):
        reason, advice = "X has no column names", "indices"
    else:
        reason = f"there are {n_columns} columns"
        advice = f"indices from 0 to {n_columns - 1} or names of columns"
    raise ValueError(f"support has the key {column!r}, but {reason}. Use {advice} as keys.")


def _parse(declaration: Any) -> Support:
    """The support that one column is declared to have."""
    if declaration is None:
        return Support()
    if isinstance(declaration, str) and declaration in _NAMED_SUPPORTS:
        return _NAMED_SUPPORTS[declaration]
    if isinstance(declaration, tuple):
        has_kind = bool(declaration) and isinstance(declaration[0], str)
        kind, *numbers = declaration if has_kind else ("real", *declaration)
        bounds = [_bound(value, sign) for value, sign in zip(numbers, (-1, 1), strict=False)]
        if kind == "circular" and len(numbers) == 1 and 0 < bounds[0] < math.inf:
            return Support(period=bounds[0])
        if kind == "integer" and len(numbers) == 2:
            bounds = [float(np.ceil(bounds[0])), float(np.floor(bounds[1]))]
        if kind in ("real", "integer") and len(numbers) == 2 and bounds[0] < bounds[1]:
            return Support(bounds[0], bounds[1], integer=kind == "integer")
    raise ValueError(
        f"support={declaration!r} must be None, {', '.join(map(repr, _NAMED_SUPPORTS))}, (low, "
        "high), ('integer', low, high) or ('circular', period), where low < high (None for no "
        "bound) and period > 0; or a list of these with one for each column, or a dict of these "
        "whose keys are names or indices of columns."
    )


def _bound(value: Any, sign: int) -> float:
    """A bound as a float, NaN if it is none; None is infinity with the given sign."""
    try:
        return sign * math.inf if value is None else float(value)
    except (TypeError, ValueError):
        return math.nan
