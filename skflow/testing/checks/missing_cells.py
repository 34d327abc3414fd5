"""Estimators that take NaN must score and learn from the cells that were observed."""

from typing import Any
from unittest import SkipTest

import numpy as np

from skflow.testing.assertions import mean_abs_difference, require
from skflow.testing.checks.scores import require_same
from skflow.testing.estimator_interface import fit_clone, has_parameter, log_p
from skflow.testing.example_data import with_holes

_ROUNDING = 1e-9  # nats
_SAME_FIT_TOLERANCE = 1e-3  # nats


def check_density_empty_rows_score_zero(density: Any, X: np.ndarray, seed: int = 0) -> None:
    """A row without any cell has log p 0: it is certain to have the cells that it has."""
    rows = np.vstack([np.full(X.shape[1], np.nan), X[0]])
    score = log_p(density, rows)[0]
    require(
        abs(score) <= _ROUNDING,
        f"log p of a row of NaN is {score:.6g}",
        "0, the logarithm of the integral of p over all columns",
        "missing cells replaced by means or medians, or a density that does not integrate to 1",
    )


def check_density_scores_holes_as_alone(density: Any, X: np.ndarray, seed: int = 0) -> None:
    """A row with missing cells has the same score alone and among rows with other ones."""
    rows = with_holes(X[:40], seed)
    alone = np.concatenate([log_p(density, row[None]) for row in rows])
    require_same(
        "alone",
        alone,
        log_p(density, rows),
        "missing cells replaced by means of the batch, or scores assigned to the wrong rows after "
        "rows with the same missing cells were put together",
    )


def check_density_weights_repeat_with_holes(estimator: Any, X: np.ndarray, seed: int = 0) -> None:
    """With a fifth of the cells missing, too, a weight of 3 equals repeating a row three times.

    In repetitions of a row, NaN has other bits: all NaN are the same.
    """
    if not has_parameter(estimator.fit, "sample_weight"):
        raise SkipTest(f"{type(estimator).__name__}.fit has no parameter sample_weight.")
    rows = with_holes(X, seed)
    weights = np.random.default_rng([seed, 7]).integers(0, 4, len(X))
    repeated = np.repeat(rows, weights, axis=0)
    repeated[::2] = np.where(np.isnan(repeated[::2]), -np.nan, repeated[::2])
    of_weights = fit_clone(estimator, rows, seed, sample_weight=weights.astype(float))
    of_repetition = fit_clone(estimator, repeated, seed)
    difference = mean_abs_difference(log_p(of_weights, rows), log_p(of_repetition, rows))
    require(
        difference <= _SAME_FIT_TOLERANCE,
        f"log p of a weighted fit to rows with NaN differs from that of a fit to repeated rows by "
        f"{difference:.3g} nats per sample",
        f"at most {_SAME_FIT_TOLERANCE} nats",
        "equal rows with NaN that are not recognized as equal (NaN != NaN), or weights ignored "
        "where cells are missing",
    )
