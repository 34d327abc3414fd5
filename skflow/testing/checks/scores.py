"""Scores: their form, their precision, and that each row is scored on its own."""

from typing import Any

import numpy as np

from skflow.testing.assertions import require, shape
from skflow.testing.estimator_interface import log_p

_SAME = 1e-9  # nats, times 1 + |log p|: round-off of float64, and no more


def check_density_scores_shape(density: Any, X: np.ndarray, seed: int = 0) -> None:
    """score_samples gives one finite number for each row of X."""
    scores = np.asarray(density.score_samples(X.copy()))
    require(
        scores.shape == (len(X),),
        f"score_samples of {shape(X)} is {shape(scores)}",
        f"{len(X)}",
        "a column too many, or the mean of all rows, which is score",
    )
    require(
        np.isfinite(scores).all(),
        f"{np.isfinite(scores).sum()} of {len(X)} scores of the rows fitted are finite",
        "all",
        "a logarithm of an underflowed p: add logarithms by logsumexp",
    )


def check_density_scores_are_float64(density: Any, X: np.ndarray, seed: int = 0) -> None:
    """Scores have the precision of float64, not of float32 in a float64 array."""
    scores = np.asarray(density.score_samples(X.copy()))
    rounded = float(np.mean(scores == scores.astype(np.float32)))
    require(
        scores.dtype == np.float64 and not (rounded > 0.9 and len(np.unique(scores)) > 2),
        f"{scores.dtype}, {rounded:.0%} of the scores exact in float32",
        "float64",
        "a network that scores in float32: differences under 1e-7 |log p| are lost, and rows "
        "scored alone and together differ",
    )


def check_density_scores_one_row_as_many(density: Any, X: np.ndarray, seed: int = 0) -> None:
    """A row has the same score alone, among others, and beside an outlier."""
    rows = X[:20]
    together = log_p(density, rows)
    alone = np.concatenate([log_p(density, row[None]) for row in rows])
    outlier = X.mean(axis=0, keepdims=True) + 100 * X.std(axis=0)
    beside = log_p(density, np.vstack([rows, outlier]))[:-1]
    _require_same(
        "alone", np.vstack([alone, beside]), together, "batch statistics in scoring, or float32"
    )


def check_density_scores_in_any_order(density: Any, X: np.ndarray, seed: int = 0) -> None:
    """Scores of shuffled rows are the shuffled scores."""
    order = np.random.default_rng([seed, 4]).permutation(len(X))
    _require_same(
        "in another order",
        log_p(density, X[order]),
        log_p(density, X)[order],
        "state carried from row to row, or random numbers in scoring",
    )


def _require_same(how: str, scores: np.ndarray, expected: np.ndarray, cause: str) -> None:
    with np.errstate(invalid="ignore"):
        gap = np.abs(scores - expected) / (1 + np.abs(expected))
    worst = float(np.nan_to_num(gap, nan=np.inf).max())
    require(
        worst <= _SAME,
        f"scored {how}, log p differs by up to {worst:.2g} (1 + |log p|)",
        f"at most {_SAME:g}",
        cause,
    )
