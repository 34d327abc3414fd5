"""Rows for a picture: as an array, with names, and in the kind of table that a density knows."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils import check_array, check_random_state


def rows_of(X: ArrayLike) -> np.ndarray:
    """X in float64, (n, d), free of NaN and inf."""
    rows: np.ndarray = check_array(X, dtype=np.float64)
    return rows


def names_of(estimator: Any, X: Any, given: Sequence[str] | None, n_features: int) -> list[str]:
    """Names of the columns: those given, those of a frame, those of the fit, or x0, x1, …"""
    of_fit = getattr(estimator, "feature_names_in_", None)
    candidates = (given, getattr(X, "columns", None), of_fit)
    names = next((c for c in candidates if c is not None), None)
    if names is None:
        return [f"x{j}" for j in range(n_features)]
    if len(names) != n_features:
        raise ValueError(
            f"feature_names={list(names)} has {len(names)} names, and X has {n_features} columns."
        )
    return [str(name) for name in names]


def as_fitted(estimator: Any, X: Any, rows: np.ndarray) -> Any:
    """Rows as a frame of the kind of X, if the estimator knows its columns by name."""
    columns = getattr(X, "columns", None)
    if columns is None or not hasattr(estimator, "feature_names_in_"):
        return rows
    return type(X)(dict(zip(columns, rows.T, strict=True)))


def some_of(rows: np.ndarray, most: int | None, random_state: Any) -> np.ndarray:
    """At most so many rows, drawn at random."""
    if most is None or len(rows) <= most:
        return rows
    chosen: np.ndarray = check_random_state(random_state).choice(len(rows), most, replace=False)
    return rows[np.sort(chosen)]


def margins(values: np.ndarray, share: float = 0.2) -> tuple[float, float]:
    """The range of a column, and some of it more on either side."""
    low, high = float(values.min()), float(values.max())
    margin = share * (high - low) or 1.0
    return low - margin, high + margin
