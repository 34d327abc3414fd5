"""Input validation for log-determinants: the rows, and the shape of the Jacobian."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils.validation import check_is_fitted, validate_data


def validate_rows(transformer: Any, X: ArrayLike) -> np.ndarray:
    """A float64 copy of X, checked against the columns that the transformer was fitted on."""
    check_is_fitted(transformer)
    rows: np.ndarray = validate_data(transformer, X, reset=False, dtype=np.float64, copy=True)
    return rows


def check_square(transformer: Any, n_in: int, n_out: int) -> None:
    """Raise a ValueError if the transformer changes the number of columns."""
    if n_in == n_out:
        return
    if n_out < n_in:
        reason = (
            "rows that differ only in the discarded components have the same image. Keep all "
            f"{n_in} (PCA has at most as many components as there are rows)."
        )
    else:
        reason = "its output lies on a lower-dimensional surface and has no density."
    raise ValueError(
        f"{type(transformer).__name__} maps {n_in} columns to {n_out}, so it is not invertible "
        f"and there is no density in the original units: {reason}"
    )
