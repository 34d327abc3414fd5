"""Holes: cells that were not observed, which are NaN in rows of float64."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from skflow.data.column_labels import Names, column_name
from skflow.data.unreadable_cells import is_missing
from skflow.runtime.exceptions import EmptyRowWarning
from skflow.runtime.user_warnings import warn_user


def canonical(rows: np.ndarray) -> np.ndarray:
    """A copy of rows in which equal cells have equal bits: −0 is 0, and all NaN are one."""
    copy = np.add(rows, 0.0, dtype=np.float64)
    copy[np.isnan(copy)] = np.nan
    return copy


def has_cells(rows: np.ndarray) -> np.ndarray:
    """Which rows (n, d) have an observed cell, (n,)."""
    observed = ~np.isnan(rows[:, 0])
    others = np.flatnonzero(~observed)
    observed[others] = ~np.isnan(rows[others]).all(axis=1)
    return observed


def warn_about_empty_rows(n_rows: int) -> None:
    """Warn if there are rows without any observed cell, which a fit leaves out."""
    if n_rows:
        warn_user(
            f"Rows without any observed cell: {n_rows}. The fit leaves them out.",
            EmptyRowWarning,
        )


def check_rows_left(n_rows: int) -> None:
    """Raise a ValueError if fewer than two rows have an observed cell."""
    if n_rows < 2:
        raise ValueError(
            f"X has {n_rows} sample(s) with an observed cell and a positive weight, while a "
            "minimum of 2 is required. All other rows are NaN or have a weight of 0."
        )


def check_columns_observed(rows: np.ndarray, names: Names) -> None:
    """Raise a ValueError that names the column if a column of rows (n, d) has no observed cell."""
    empty = np.isnan(rows).all(axis=0)
    if empty.any():
        raise ValueError(
            f"X has no observed cell in {column_name(names, int(empty.argmax()))}: all its values "
            "are NaN, so that nothing can be learned about it. Drop the column."
        )


def missing_as_nan(X: Any) -> Any:
    """X with NaN in place of masked cells, and of None and pandas.NA among objects.

    What cannot hold such cells is returned as it is; so are columns of pandas' nullable types and
    of polars, whose missing values become NaN when they are converted to floats.
    """
    if isinstance(X, np.ma.MaskedArray):
        X = _filled(X)
    if hasattr(X, "iloc") and hasattr(X, "columns"):
        return _frame_with_nan(X)
    if isinstance(X, Sequence) and not isinstance(X, str):
        X = _as_objects(X)
    if isinstance(X, np.ndarray) and X.dtype == object:
        missing = np.fromiter((is_missing(value) for value in X.flat), bool, X.size)
        return np.where(missing.reshape(X.shape), np.nan, X)
    return X


def _filled(X: Any) -> np.ndarray:
    """The cells of a masked array, NaN where they are masked."""
    if X.dtype.kind in "biu" and np.ma.getmaskarray(X).any():
        X = X.astype(np.float64)
    filled: np.ndarray = X.filled(np.nan) if np.ma.getmaskarray(X).any() else X.data
    return filled


def _frame_with_nan(X: Any) -> Any:
    """A data frame of pandas, without missing values of other types among its objects."""
    is_object = [str(dtype) == "object" for dtype in X.dtypes]
    if not any(is_object):
        return X
    return X.apply(lambda c: c.where(c.notna(), np.nan) if str(c.dtype) == "object" else c)


def _as_objects(X: Sequence) -> Any:
    """An array of a sequence of rows, if they have a common length and cells that are objects."""
    try:
        table = np.asarray(X)
    except ValueError:  # rows of different lengths, of which the conversion says more
        return X
    return table if table.dtype == object else X
