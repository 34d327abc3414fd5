"""The columns of a table that may be messy: with holes, text, dates or booleans."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from skflow.data.column_labels import column_labels
from skflow.data.unreadable_cells import is_missing
from skflow.data.unsupported_values import how_to_convert_times, is_time


@dataclass(frozen=True)
class TableColumn:
    """A column as numbers, NaN where it has holes.

    Parameters
    ----------
    values : ndarray of shape (n,) or None
        None if the column is not numeric.
    note : str
        What is wrong with it; "" if nothing is.
    is_flag : bool
        Whether it contains booleans.
    """

    values: np.ndarray | None
    note: str = ""
    is_flag: bool = False


def table_columns(X: Any) -> list[TableColumn]:
    """Read a table column by column, whatever it contains.

    Parameters
    ----------
    X : array-like or data frame of shape (n, d)

    Returns
    -------
    list of TableColumn

    Raises
    ------
    ValueError
        If X is not two-dimensional or has no rows.
    """
    names = column_labels(X)
    if hasattr(X, "iloc") and names is not None:
        columns = [X.iloc[:, j] for j in range(len(names))]
    elif hasattr(X, "to_series") and names is not None:
        columns = [X.to_series(j) for j in range(len(names))]
    else:
        columns = _columns_of_array(X)
    if not columns or not len(columns[0]):
        raise ValueError(
            f"infer_support needs a table with rows and columns, but X is {type(X).__name__} of "
            f"shape {np.shape(X)}."
        )
    labels = [None] * len(columns) if names is None else list(names)
    return [_read(column, label) for column, label in zip(columns, labels, strict=True)]


def _columns_of_array(X: Any) -> list[np.ndarray]:
    table = X if isinstance(X, np.ndarray) else np.asarray(X)
    if table.dtype.kind in "US" and not isinstance(X, np.ndarray):  # numbers beside text
        table = np.asarray(X, dtype=object)
    if table.ndim != 2:
        raise ValueError(
            f"infer_support needs a table, an array of two dimensions, but X has {table.ndim}. "
            "Pass X.reshape(-1, 1) if it is a single column."
        )
    return [table[:, j] for j in range(table.shape[1])]


def _read(column: Any, label: Any) -> TableColumn:
    values = _without_holes(column)
    kind = str(getattr(column, "dtype", "")).lower()
    present = [value for value in values if value is not None] if values.dtype == object else []
    if values.dtype.kind in "mM" or (present and is_time(present[0])):
        return TableColumn(None, f"not numeric: dates. {how_to_convert_times('X', label)}")
    try:
        numbers = np.array([np.nan if v is None else v for v in values.tolist()], dtype=float)
    except (TypeError, ValueError):
        return TableColumn(None, "not numeric: drop the column, or encode it")
    n_missing, n_infinite = int(np.isnan(numbers).sum()), int(np.isinf(numbers).sum())
    notes = [f"{n_missing} missing values"] * (n_missing > 0)
    notes += [f"{n_infinite} infinite values"] * (n_infinite > 0)
    is_bool = [isinstance(value, bool | np.bool_) for value in present]
    is_flag = kind.startswith("bool") or (bool(is_bool) and all(is_bool))
    return TableColumn(numbers, ", ".join(notes), is_flag)


def _without_holes(column: Any) -> np.ndarray:
    """The values (n,), with None or NaN for missing ones."""
    if isinstance(column, np.ma.MaskedArray):
        values, missing = column.data.astype(object), np.ma.getmaskarray(column)
    else:
        values = np.asarray(column)
        if values.dtype != object:
            return values
        missing = np.array([is_missing(value) for value in values])
    values = values.copy()
    values[missing] = None
    return values
