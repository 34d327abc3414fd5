"""Rows of a table as a fitted density takes them: its columns, finite, with holes or without."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn import get_config
from sklearn.utils.validation import validate_data

from skflow.data.column_labels import column_labels
from skflow.data.holes import missing_as_nan
from skflow.data.nan_policy import HOLES
from skflow.data.table_kinds import check_is_table
from skflow.data.unsupported_values import check_no_times
from skflow.data.validation import check_finite, explained_conversion


def validated_rows(estimator: Any, X: ArrayLike) -> np.ndarray:
    """X in float64, NaN where a cell is missing, checked against the columns of an estimator.

    Raises
    ------
    ValueError
        If the number or the names of the columns are others, or if a value is infinite.
    """
    check_is_table(X)
    check_no_times(X)
    table = missing_as_nan(X)
    with explained_conversion(table, HOLES):
        rows: np.ndarray = validate_data(
            estimator, table, reset=False, dtype=np.float64, order="C", ensure_all_finite=False
        )
    if not get_config()["assume_finite"]:
        names = column_labels(X)
        check_finite(rows, getattr(estimator, "feature_names_in_", names), nan=HOLES)
    return rows
