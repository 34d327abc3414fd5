"""Supports: the values that columns can take, as users declare them, parsed and checked."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from numbers import Integral
from typing import Any

import numpy as np

from skflow.data.column_labels import Names, column_name, label_of
from skflow.data.support import Support

SHORT_FORMS = {
    "positive": Support(low=0),
    "nonnegative": Support(low=0, atoms=(0,)),
    "unit": Support(low=0, high=1, atoms=(0, 1)),
    "integer": Support("lattice", step=1),
    "circular": Support("circular"),
}


# kinds whose values have no order: what is missing, and what to do instead
_UNORDERED = {
    "circular": "angles do not have. Fit sine and cosine of the angle as two targets",
    "category": "categories do not have. Fit a NormalizingFlowClassifier",
}


def resolve_supports(declared: Any, n_columns: int, names: Names) -> list[Support]:
    """The support of every column.

    Parameters
    ----------
    declared : None, Support, str, tuple, list or dict
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
            supports[column_index(column, n_columns, names)] = _parse(declaration)
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


def check_ordered(declared: Any, n_targets: int, names: Names) -> None:
    """Raise if a target has no order, and so no mean, quantiles or distribution function."""
    for j, support in enumerate(resolve_supports(declared, n_targets, names)):
        if support.kind not in _UNORDERED:
            continue
        raise ValueError(
            f"support={declared!r} declares that target {column_name(names, j)} consists of "
            f"{support.describe()}, but a regressor predicts means and quantiles, which "
            f"{_UNORDERED[support.kind]}, or fit a NormalizingFlowDensity to all columns."
        )


def check_possible_without_atoms(supports: Sequence[Support], names: Names) -> None:
    """Raise if a support needs a density of one column at a time, as any_order has."""
    for j, support in enumerate(supports):
        reason = why_any_order(support)
        if reason:
            raise ValueError(
                f"support declares that {column_name(names, j)} contains {reason}, which needs "
                "flow='any_order'. Use it, or another support."
            )


def why_any_order(support: Support) -> str:
    """What of a support the families other than any_order cannot do; "" if there is nothing.

    These take real numbers, bounded or not, whole numbers and angles. Atoms at the ends only say
    that these are inside.
    """
    inside = [atom for atom in support.atoms if atom not in (support.low, support.high)]
    if inside:
        return f"values with a probability of their own, such as {inside[0]:g}"
    return support.describe() if support.is_discrete and not support.is_integer else ""


def without_atoms(supports: Sequence[Support]) -> list[Support]:
    """Supports as the families other than any_order have them: their ends are open."""
    return [replace(support, atoms=()) for support in supports]


def check_inside(
    rows: np.ndarray, supports: Sequence[Support], names: Names, indices: np.ndarray
) -> None:
    """Raise if a row (n, d) is outside the supports; `indices` (n,) are those in the table.

    NaN, a missing value, never is outside.
    """
    for j, (column, support) in enumerate(zip(rows.T, supports, strict=True)):
        outside = ~support.contains(column)
        if outside.any():
            i = int(np.argmax(outside))
            raise ValueError(
                f"Row {indices[i]} has {column[i]:.10g} in {column_name(names, j)}, which is "
                f"declared to contain {_expected(column[i], support)} (rows outside: "
                f"{int(outside.sum())}). Declare another support for this column, or drop these "
                "rows."
            )


def first_outside(row: np.ndarray, supports: Sequence[Support], names: Names) -> str:
    """What the first value of a row (d,) outside its support is; "" if all are inside."""
    for j, (value, support) in enumerate(zip(row, supports, strict=True)):
        if not support.contains(value):
            return f"{value:.10g} in {column_name(names, j)}, of {support.describe()}"
    return ""


def column_index(
    column: Any,
    n_columns: int,
    names: Names,
    where: str = "support has the key",
    use: str = "as keys",
) -> int:
    """The index of a column, given its name, or its index where no name is an int.

    Parameters
    ----------
    column : object
        What the user named the column.
    n_columns : int
        Number of columns.
    names : ndarray of str or None
        Names of the columns.
    where, use : str
        Parts of messages: what names the column, and as what names or indices are to be used.

    Raises
    ------
    ValueError
        If there is no such column.
    """
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
    raise ValueError(f"{where} {column!r}, but {reason}. Use {advice} {use}.")


def check_given(
    rows: np.ndarray, supports: Sequence[Support], names: Names, what: str = "given"
) -> None:
    """Raise if a cell of rows (n, d) is not NaN and not a possible value of its column."""
    for j, (column, support) in enumerate(zip(rows.T, supports, strict=True)):
        outside = ~support.contains(column)
        if outside.any():
            i = int(np.argmax(outside))
            expected = _expected(column[i], support)
            raise ValueError(
                f"{what} has {column[i]:.10g} in {column_name(names, j)}, row {i}, which "
                f"contains {expected}. Pass a value that is possible there, or NaN for a cell "
                "that is not known."
            )


def snapped(rows: np.ndarray, supports: Sequence[Support]) -> np.ndarray:
    """Rows (n, d) without rounding: exactly the values of lattices, categories and atoms."""
    if all(support == Support() for support in supports):
        return rows
    columns = [s.snap(column) for column, s in zip(rows.T, supports, strict=True)]
    return np.column_stack(columns)


def _expected(value: float, support: Support) -> str:
    """The values of a support, and why one is not among them if it lies between them."""
    described = support.describe()
    if support.kind != "lattice" or support.lattice.contains(np.array(value)):
        return described
    step, origin = support.lattice.step, support.lattice.origin
    return f"{described}: {value:.10g} is not on the lattice of step {step:g} from {origin:g}"


def _parse(declaration: Any) -> Support:
    """The support that one column is declared to have."""
    if declaration is None:
        return Support()
    if isinstance(declaration, Support):
        return declaration
    if isinstance(declaration, str) and declaration in SHORT_FORMS:
        return SHORT_FORMS[declaration]
    reason = ""
    if isinstance(declaration, tuple):
        try:
            return _parse_tuple(declaration)
        except ValueError as error:
            reason = f" is not possible: {error} A support"
    raise ValueError(
        f"support={declaration!r}{reason} must be None, "
        f"{', '.join(map(repr, SHORT_FORMS))}, (low, high), ('integer', low, high), ('lattice', "
        "step), ('lattice', step, low, high), ('category', levels) or ('circular', period), where "
        "low < high (None for no bound), step > 0 and period > 0, or a skflow.Support; or a list "
        "of these with one for each column, or a dict of these whose keys are names or indices of "
        "columns."
    )


def _parse_tuple(declaration: tuple) -> Support:
    has_kind = bool(declaration) and isinstance(declaration[0], str)
    kind, *values = declaration if has_kind else ("interval", *declaration)
    parse = _TUPLES.get((kind, len(values)))
    if parse is None:
        raise ValueError("there is no such tuple.")
    return parse(*values)


def _interval(low: Any, high: Any) -> Support:
    """A closed interval: its finite ends are atoms."""
    bounds = Support(low=low, high=high)
    ends = [end for end in (bounds.low, bounds.high) if end is not None]
    return Support(low=low, high=high, atoms=tuple(ends))


_TUPLES: dict[tuple[str, int], Callable[..., Support]] = {
    ("interval", 2): _interval,
    ("integer", 2): lambda low, high: Support("lattice", low, high, step=1, origin=0),
    ("lattice", 1): lambda step: Support("lattice", step=step),
    ("lattice", 3): lambda step, low, high: Support("lattice", low, high, step),
    ("category", 1): lambda levels: Support("category", levels=levels),
    ("circular", 1): lambda period: Support("circular", period=period),
}
