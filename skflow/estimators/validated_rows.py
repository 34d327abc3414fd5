"""The rows of a table in float64, its width and names checked against those of a fit."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils.validation import validate_data

from skflow.data.holes import missing_as_nan
from skflow.data.nan_policy import NanPolicy
from skflow.data.table_kinds import check_is_table
from skflow.data.unsupported_values import check_no_times, check_not_masked
from skflow.data.validation import explained_conversion


def validated_rows(estimator: Any, X: ArrayLike, nan: NanPolicy, reset: bool) -> np.ndarray:
    """X in float64, NaN where a cell is missing; values that are not finite are not checked.

    Raises
    ------
    ValueError
        If the number or the names of the columns are others than in `fit`, unless `reset`; or if
        X is no table of numbers.
    """
    check_is_table(X)
    check_no_times(X)
    if nan.allowed:
        X = missing_as_nan(X)
    check_not_masked(X, nan=nan)
    with explained_conversion(X, nan):
        rows: np.ndarray = validate_data(
            estimator,
            X,
            reset=reset,
            dtype=np.float64,
            order="C",
            ensure_all_finite=False,
            ensure_min_samples=2 if reset else 1,
        )
    return rows
