"""Fits to degenerate data, which have no density, must stay finite."""

from typing import Any

import numpy as np

from skflow.testing.assertions import require
from skflow.testing.declared_supports import with_one_more_column
from skflow.testing.estimator_interface import can_sample, draw_samples, fit_clone, log_p


def check_density_survives_constant_column(estimator: Any, X: np.ndarray, seed: int = 0) -> None:
    """With a constant column, fit succeeds, and scores and samples are finite."""
    rows = np.column_stack([X, np.full(len(X), 7.0)])
    _require_finite(with_one_more_column(estimator, X, seed=seed), rows, seed)


def check_density_survives_equal_columns(estimator: Any, X: np.ndarray, seed: int = 0) -> None:
    """With a duplicated column, fit succeeds, and scores and samples are finite."""
    wider = with_one_more_column(estimator, X, like=0, seed=seed)
    _require_finite(wider, np.column_stack([X, X[:, 0]]), seed)


def check_density_survives_equal_rows(estimator: Any, X: np.ndarray, seed: int = 0) -> None:
    """With two thirds of the rows equal, fit succeeds, and scores and samples are finite."""
    rows = X.copy()
    rows[: 2 * len(X) // 3] = X[0]
    _require_finite(estimator, rows, seed)


def _require_finite(estimator: Any, rows: np.ndarray, seed: int) -> None:
    density = fit_clone(estimator, rows, seed)
    scores = log_p(density, rows)
    samples = draw_samples(density, 20, seed) if can_sample(density) else np.empty(0)
    require(
        np.isfinite(scores).all() and np.isfinite(samples).all(),
        f"{np.isfinite(scores).sum()} of {len(rows)} scores and {np.isfinite(samples).sum()} of "
        f"{samples.size} sampled values are finite",
        "all",
        "division by a variance of 0, or the inverse of a singular covariance matrix",
    )
