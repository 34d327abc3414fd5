"""What log-determinants ask of rows, and of transformers."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils.validation import check_is_fitted, validate_data


def checked_rows(transformer: Any, X: ArrayLike) -> np.ndarray:
    """A copy of X in float64, with the columns that a fitted transformer expects."""
    check_is_fitted(transformer)
    rows: np.ndarray = validate_data(transformer, X, reset=False, dtype=np.float64, copy=True)
    return rows


def check_square(transformer: Any, n_in: int, n_out: int) -> None:
    """Raise where a transformer changes the number of columns."""
    if n_in != n_out:
        raise ValueError(
            f"{type(transformer).__name__} maps {n_in} columns to {n_out}, so it has no inverse "
            "and there is no density in the original units: "
            + (
                "all rows that differ only in what is left out look the same to it. Keep all "
                f"{n_in} (PCA gives no more than there are rows)."
                if n_out < n_in
                else "its rows fill only a surface, on which a density of all columns is infinite."
            )
        )
