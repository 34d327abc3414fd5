"""The cells that a user says are known: a dict of one row, or a table with NaN elsewhere."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.utils import check_array

from skflow.data.column_labels import Names, column_labels, column_name
from skflow.data.holes import missing_as_nan
from skflow.data.nan_policy import HOLES
from skflow.data.support import Support
from skflow.data.table_kinds import check_is_table
from skflow.data.unreadable_cells import is_missing
from skflow.data.unsupported_values import check_no_times
from skflow.data.validation import explained_conversion
from skflow.preprocessing.supports import check_given, column_index, snapped


@dataclass(frozen=True)
class NamedColumns:
    """The columns that cells can be given of: their names, if they have any, and supports."""

    names: Names
    supports: Sequence[Support]

    def __len__(self) -> int:
        return len(self.supports)

    def index(self, column: Any, where: str, use: str) -> int:
        """The index of a column by its name or index; see `column_index`."""
        return column_index(column, len(self), self.names, where, use)

    def take(self, index: Sequence[int]) -> "NamedColumns":
        """Some of the columns, in the order of the indices."""
        names = None if self.names is None else self.names[list(index)]
        return NamedColumns(names, [self.supports[j] for j in index])


def named_columns(density: Any) -> NamedColumns:
    """The columns of a fitted density."""
    return NamedColumns(getattr(density, "feature_names_in_", None), density.supports_)


def selected_columns(columns: Any, of: NamedColumns) -> list[int]:
    """The indices of columns that are named by a list of names or indices, or by a single one.

    Raises
    ------
    ValueError
        If there are none, or if one does not exist or is named twice.
    """
    is_one = isinstance(columns, str) or not hasattr(columns, "__len__")
    keys = [columns] if is_one else list(columns)
    if not keys:
        raise ValueError("columns is empty, but a density needs at least one column.")
    index = []
    for key in keys:
        j = of.index(key, "columns has the entry", "for its entries")
        if j in index:
            raise ValueError(f"columns has {column_name(of.names, j)} more than once.")
        index.append(j)
    return index


def given_row(given: Any, of: NamedColumns) -> np.ndarray:
    """A row (d,) with the values of a dict, and NaN elsewhere; see `given_rows`."""
    if not isinstance(_as_mapping(given), Mapping):
        raise TypeError(
            f"given={given!r} must be a dict of values by names or indices of columns, such as "
            "{0: 1.5}. For one condition per row of a table, use sample(given=table), or "
            "score_samples of rows with and without the cells."
        )
    row: np.ndarray = given_rows(given, of)[0]
    return row


def given_rows(given: Any, of: NamedColumns) -> np.ndarray:
    """Rows (m, d) with the given cells, and NaN where none is given.

    Parameters
    ----------
    given : dict or table
        Values by names or indices of columns, or a table of rows: an array with all columns, or
        a data frame with some of them. A pandas.Series is a dict.
    of : NamedColumns

    Raises
    ------
    ValueError
        If a column does not exist, or if a value is not possible in its column.
    """
    given = _as_mapping(given)
    rows = _row_of(given, of) if isinstance(given, Mapping) else _rows_of(given, of)
    _check_finite(rows, of)
    check_given(rows, of.supports, of.names)
    return snapped(rows, of.supports)


def _as_mapping(given: Any) -> Any:
    """The dict of a pandas.Series; others as they are."""
    is_series = hasattr(given, "iloc") and getattr(given, "ndim", 0) == 1
    return given.to_dict() if is_series else given


def _row_of(given: Mapping, of: NamedColumns) -> np.ndarray:
    row = np.full((1, len(of)), np.nan)
    seen: set[int] = set()
    for key, value in given.items():
        j = of.index(key, "given has the key", "as keys")
        if j in seen:
            raise ValueError(f"given has {column_name(of.names, j)} more than once.")
        seen.add(j)
        row[0, j] = _number(value, column_name(of.names, j))
    return row


def _number(value: Any, column: str) -> float:
    """A value as a float; NaN for a missing one."""
    if is_missing(value):
        return np.nan
    if not isinstance(value, str) and np.ndim(value) == 0:
        try:
            return float(value)
        except (TypeError, ValueError, OverflowError):
            pass
    several = " For several rows, pass a table." if np.ndim(value) else ""
    raise ValueError(f"given has {value!r} in {column}, which must be a number or NaN.{several}")


def _rows_of(given: Any, of: NamedColumns) -> np.ndarray:
    check_is_table(given, "given")
    check_no_times(given, "given")
    labels = column_labels(given)
    table = missing_as_nan(given)
    with explained_conversion(table, HOLES):
        values = check_array(table, dtype=np.float64, ensure_all_finite=False, input_name="given")
    index = _columns_of(labels, values.shape[1], of)
    rows = np.full((len(values), len(of)), np.nan)
    rows[:, index] = values
    return rows


def _columns_of(labels: Names, n_columns: int, of: NamedColumns) -> list[int]:
    """Which of the columns those of a table are: by name, or all in their order."""
    if labels is None:
        if n_columns != len(of):
            raise ValueError(
                f"given has {n_columns} columns, but the density has {len(of)}. Pass all of them, "
                "NaN where a cell is to be drawn, or a data frame or a dict with some of them."
            )
        return list(range(n_columns))
    index: list[int] = []
    for label in labels:
        j = of.index(label, "given has the column", "for its columns")
        if j in index:
            raise ValueError(f"given has {column_name(of.names, j)} more than once.")
        index.append(j)
    return index


def _check_finite(rows: np.ndarray, of: NamedColumns) -> None:
    if np.isinf(rows).any():
        i, j = np.argwhere(np.isinf(rows))[0].tolist()
        raise ValueError(
            f"given has {rows[i, j]} in {column_name(of.names, j)}, row {i}, which must be a "
            "finite number, or NaN for a cell that is not known."
        )
