"""Input data of a plot: validation, feature names, subsamples and axis ranges."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils import check_array, check_random_state


def check_has_method(estimator: Any, method: str, display: str) -> None:
    """Raise a TypeError if the estimator lacks a method that the display requires."""
    if not hasattr(estimator, method):
        raise TypeError(
            f"{type(estimator).__name__} has no method {method}, which {display} requires."
        )


def check_rows(X: ArrayLike) -> np.ndarray:
    """X as a finite float64 array of shape (n_samples, n_features)."""
    rows: np.ndarray = check_array(X, dtype=np.float64)
    return rows


def resolve_feature_names(
    estimator: Any, X: Any, feature_names: Sequence[str] | None, n_features: int
) -> list[str]:
    """The names passed, else those of the dataframe X, else those seen in `fit`, else x0, x1, …"""
    names_in_fit = getattr(estimator, "feature_names_in_", None)
    candidates = (feature_names, getattr(X, "columns", None), names_in_fit)
    names = next((c for c in candidates if c is not None), None)
    if names is None:
        return [f"x{j}" for j in range(n_features)]
    if len(names) != n_features:
        raise ValueError(
            f"feature_names={list(names)} has {len(names)} names, but X has {n_features} columns."
        )
    return [str(name) for name in names]


def as_fitted_type(estimator: Any, X: Any, rows: np.ndarray) -> Any:
    """Rows as a dataframe of the type of X if the estimator was fitted with feature names."""
    columns = getattr(X, "columns", None)
    if columns is None or not hasattr(estimator, "feature_names_in_"):
        return rows
    return type(X)(dict(zip(columns, rows.T, strict=True)))


def subsample_rows(rows: np.ndarray, max_rows: int | None, random_state: Any) -> np.ndarray:
    """At most `max_rows` rows, chosen at random without replacement, in their original order."""
    if max_rows is None or len(rows) <= max_rows:
        return rows
    chosen: np.ndarray = check_random_state(random_state).choice(
        len(rows), max_rows, replace=False
    )
    return rows[np.sort(chosen)]


def padded_range(values: np.ndarray, fraction: float = 0.2) -> tuple[float, float]:
    """The range of the values, extended on either side by a fraction of its width."""
    low, high = float(values.min()), float(values.max())
    padding = fraction * (high - low) or 1.0
    return low - padding, high + padding
