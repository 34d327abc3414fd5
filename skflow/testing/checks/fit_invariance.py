"""What must not change a fit: units, the order of rows, repetition in place of weights."""

from typing import Any
from unittest import SkipTest

import numpy as np

from skflow.testing.assertions import mean_gap, require
from skflow.testing.estimator_interface import fitted, log_p, takes

_UNITS_TOLERANCE = 0.05
_SAME_FIT = 1e-3


def check_density_scale_equivariance(estimator: Any, X: np.ndarray, seed: int = 0) -> None:
    """A fit to a X + b has log p lower by Σ log a: the units of the columns do not matter."""
    a = np.where(np.arange(X.shape[1]) % 2, 32.0, 1 / 8)
    b = 10 * a
    original = log_p(fitted(estimator, X, seed), X)
    scaled = log_p(fitted(estimator, a * X + b, seed), a * X + b) + np.log(a).sum()
    gap = mean_gap(scaled, original)
    require(
        gap <= _UNITS_TOLERANCE,
        f"columns multiplied by 1/8 and 32 in turn change log p by {gap:.3g} nats a row beyond "
        f"the change of units (mean absolute difference; {np.mean(scaled - original):+.3g} on "
        "average)",
        f"at most {_UNITS_TOLERANCE} nats",
        "a bandwidth or a regulariser in fixed units (scale the columns, and count the scaling), "
        "or a scaling whose log-determinant is missing",
    )


def check_density_fit_order(estimator: Any, X: np.ndarray, seed: int = 0) -> None:
    """A fit to the rows in another order is the same fit."""
    order = np.random.default_rng([seed, 6]).permutation(len(X))
    gap = mean_gap(
        log_p(fitted(estimator, X[order], seed), X), log_p(fitted(estimator, X, seed), X)
    )
    require(
        gap <= _SAME_FIT,
        f"shuffling the rows changes log p by {gap:.3g} nats a row",
        f"at most {_SAME_FIT} nats",
        "folds, batches or starting points chosen by the rows' positions",
    )


def check_density_weights_repeat(estimator: Any, X: np.ndarray, seed: int = 0) -> None:
    """A weight of 3 is the row three times, and a weight of 0 is no row."""
    if not takes(estimator.fit, "sample_weight"):
        raise SkipTest(f"{type(estimator).__name__}.fit takes no sample_weight.")
    weights = np.random.default_rng([seed, 7]).integers(0, 4, len(X))
    weighted = fitted(estimator, X, seed, sample_weight=weights.astype(float))
    repeated = fitted(estimator, np.repeat(X, weights, axis=0), seed)
    gap = mean_gap(log_p(weighted, X), log_p(repeated, X))
    require(
        gap <= _SAME_FIT,
        f"log p of a weighted fit differs from that of repeated rows by {gap:.3g} nats a row",
        f"at most {_SAME_FIT} nats",
        "sample_weight ignored in part of the fit (scaling, folds, starting points), or random "
        "numbers dealt by the rows' positions",
    )
