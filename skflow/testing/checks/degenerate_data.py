"""Rows that have no density: fits to them stay finite."""

from typing import Any

import numpy as np

from skflow.testing.assertions import require
from skflow.testing.estimator_interface import can_sample, draw, fitted, log_p


def check_density_survives_constant_column(estimator: Any, X: np.ndarray, seed: int = 0) -> None:
    """A column that is constant is fitted, and scores and draws are finite."""
    rows = np.column_stack([X, np.full(len(X), 7.0)])
    _require_finite(estimator, rows, seed)


def check_density_survives_equal_columns(estimator: Any, X: np.ndarray, seed: int = 0) -> None:
    """A column that is there twice is fitted, and scores and draws are finite."""
    _require_finite(estimator, np.column_stack([X, X[:, 0]]), seed)


def check_density_survives_equal_rows(estimator: Any, X: np.ndarray, seed: int = 0) -> None:
    """A row that is most of X is fitted, and scores and draws are finite."""
    rows = X.copy()
    rows[: 2 * len(X) // 3] = X[0]
    _require_finite(estimator, rows, seed)


def _require_finite(estimator: Any, rows: np.ndarray, seed: int) -> None:
    density = fitted(estimator, rows, seed)
    scores = log_p(density, rows)
    draws = draw(density, 20, seed) if can_sample(density) else np.empty(0)
    require(
        np.isfinite(scores).all() and np.isfinite(draws).all(),
        f"{np.isfinite(scores).sum()} of {len(rows)} scores and {np.isfinite(draws).sum()} of "
        f"{draws.size} values drawn are finite",
        "all",
        "a division by a variance that is 0, or the inverse of a singular covariance",
    )
