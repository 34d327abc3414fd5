"""Scores must be one float64 number per row, independent of the other rows."""

from typing import Any

import numpy as np

from skflow.testing.assertions import format_shape, require
from skflow.testing.estimator_interface import log_p
from skflow.testing.measure import Measure, is_plain

_TOLERANCE = 1e-9  # nats, relative to 1 + |log p|: allows for float64 rounding errors only


def check_density_scores_shape(density: Any, X: np.ndarray, seed: int = 0) -> None:
    """score_samples returns one finite number for each row of X."""
    scores = np.asarray(density.score_samples(X.copy()))
    require(
        scores.shape == (len(X),),
        f"score_samples of X of shape {format_shape(X)} has shape {format_shape(scores)}",
        f"{len(X)}",
        "a superfluous axis, or the mean of all rows, which is score",
    )
    require(
        np.isfinite(scores).all(),
        f"{np.isfinite(scores).sum()} of {len(X)} scores of the training data are finite",
        "all",
        "the logarithm of a p that underflowed; use logsumexp to add densities",
    )


def check_density_scores_are_float64(density: Any, X: np.ndarray, seed: int = 0) -> None:
    """Scores have float64 precision, and are not float32 numbers in a float64 array."""
    scores = np.asarray(density.score_samples(X.copy()))
    rounded = float(np.mean(scores == scores.astype(np.float32)))
    require(
        scores.dtype == np.float64 and not (rounded > 0.9 and len(np.unique(scores)) > 2),
        f"{scores.dtype}, {rounded:.0%} of the scores are exact in float32",
        "float64",
        "a network evaluated in float32: differences below 1e-7 |log p| are lost, and scores of "
        "a row alone and in a batch differ",
    )


def check_density_scores_one_row_as_many(density: Any, X: np.ndarray, seed: int = 0) -> None:
    """A row has the same score alone, in a batch, and in a batch with an outlier.

    The outlier is far outside in columns without bounds, atoms, categories and lattices.
    """
    rows = X[:20]
    in_batch = log_p(density, rows)
    alone = np.concatenate([log_p(density, row[None]) for row in rows])
    plain = [is_plain(support) for support in Measure.of(density, X.shape[1]).supports]
    outlier = np.where(plain, X.mean(axis=0) + 100 * X.std(axis=0), X[0])
    with_outlier = log_p(density, np.vstack([rows, outlier]))[:-1]
    require_same(
        "alone",
        np.vstack([alone, with_outlier]),
        in_batch,
        "batch statistics in scoring, or float32",
    )


def check_density_scores_in_any_order(density: Any, X: np.ndarray, seed: int = 0) -> None:
    """Scores do not depend on the order of the rows."""
    order = np.random.default_rng([seed, 4]).permutation(len(X))
    require_same(
        "in another order",
        log_p(density, X[order]),
        log_p(density, X)[order],
        "state carried over between rows, or random numbers in scoring",
    )


def require_same(how: str, scores: np.ndarray, expected: np.ndarray, cause: str) -> None:
    with np.errstate(invalid="ignore"):
        difference = np.abs(scores - expected) / (1 + np.abs(expected))
    largest = float(np.nan_to_num(difference, nan=np.inf).max())
    require(
        largest <= _TOLERANCE,
        f"scored {how}, log p differs by up to {largest:.2g} (1 + |log p|)",
        f"at most {_TOLERANCE:g}",
        cause,
    )
