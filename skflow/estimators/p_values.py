"""Conformal p-values: the rank of a score among the scores of held-out samples."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from skflow.runtime.user_warnings import warn_user

# Scores of equal rows differ in their last digits if they are computed in different batches:
# what is this close, relative to max(1, |score|), is a tie.
ROUNDING = {"float64": 1e-9, "float32": 1e-5}
NO_OFFSET = -1e9  # below the log-likelihood of any row that has one


@dataclass(frozen=True)
class CalibrationScores:
    """Weighted scores of held-out samples, each under the model that was fitted without it.

    A sample x has a score s_k(x) under each model k, and the p-value

        p(x) = (1 + Σ_i w_i 1[s_i ≤ s_k(i)(x)]) / (1 + Σ_i w_i),

    where k(i) is the model that held out sample i, and s_i the score of i under that model: a
    cross-conformal p-value (Vovk 2015; Barber, Candès, Ramdas & Tibshirani 2021).

    Parameters
    ----------
    scores : tuple of ndarray of shape (n_k,)
        For each model, the scores of the samples that it held out, in ascending order, and
        lowered by the rounding error, so that a score that is not below them counts as a tie.
    weights : tuple of ndarray of shape (n_k,)
        The weights of these samples, as they were given.
    """

    scores: tuple[np.ndarray, ...]
    weights: tuple[np.ndarray, ...]

    @classmethod
    def from_samples(
        cls, scores: Sequence[np.ndarray], weights: Sequence[np.ndarray], rounding: float = 0.0
    ) -> Self:
        """For each model, scores (n_k,) in any order, and the weights (n_k,) of the samples."""
        orders = [np.argsort(s, kind="stable") for s in scores]
        return cls(
            tuple(_lowered(s[o], rounding) for s, o in zip(scores, orders, strict=True)),
            tuple(w[o] for w, o in zip(weights, orders, strict=True)),
        )

    @property
    def n_models(self) -> int:
        """Number of models."""
        return len(self.scores)

    @property
    def total_weight(self) -> float:
        """Sum of the weights of all samples."""
        return float(sum(w.sum() for w in self.weights))

    def p_values(self, scores: np.ndarray) -> np.ndarray:
        """The p-values (n,) of samples with scores (n_models, n)."""
        counts = np.ones(scores.shape[1])
        for own, weights, new in zip(self.scores, self.weights, scores, strict=True):
            n_below = np.searchsorted(own, new, side="right")
            counts += np.concatenate([[0.0], weights.cumsum()])[n_below]
        return np.minimum(counts / (1 + self.total_weight), 1.0)

    def threshold(self, p_value: float) -> float:
        """Smallest score whose rank among the scores of all models exceeds a p-value.

        With one model, scores below the threshold are those with a p-value of at most
        `p_value`. If no score has one, the threshold is below all scores.
        """
        if self.smallest > p_value:
            return NO_OFFSET
        scores, weights = np.concatenate(self.scores), np.concatenate(self.weights)
        order = np.argsort(scores, kind="stable")
        counts = 1 + weights[order].cumsum()
        return float(scores[order][np.argmax(counts / (1 + self.total_weight) > p_value)])

    @property
    def smallest(self) -> float:
        """The smallest p-value that a sample can have."""
        return 1 / (1 + self.total_weight)

    def warn_if_few(self, p_value: float) -> None:
        """Warn if no sample can have a p-value of at most `p_value`, or only few can."""
        if self.smallest > p_value:
            found = "No row can be labeled an outlier"
        elif self.total_weight < 2 / p_value:
            found = "Only rows rarer than all held-out rows can be labeled outliers"
        else:
            return
        warn_user(
            f"{found}: with n rows, or weights that sum to n, p-values are at least 1 / (n + 1), "
            f"and contamination='auto' asks for p <= {p_value}. Pass a number as contamination, "
            "or compare p_value(X) with a larger threshold.",
            UserWarning,
        )


def share_threshold(scores: np.ndarray, weights: np.ndarray, share: float) -> float:
    """Threshold below which the scores have the given share of the weight, or the nearest one.

    It is halfway between two scores. Equal scores, also those that rounding in float64 has made
    different, are on one side, and at least one score is above.

    Parameters
    ----------
    scores : ndarray of shape (n,)
    weights : ndarray of shape (n,)
    share : float
        Between 0 and 1.
    """
    order = np.argsort(scores, kind="stable")
    scores, below = scores[order], weights[order].cumsum() / weights.sum()
    rounding = ROUNDING["float64"]  # that of float32 would make many scores of a long table equal
    last = np.flatnonzero(scores[:-1] < _lowered(scores[1:], rounding))  # of equal scores
    distances = np.abs(np.concatenate([[0.0], below[last]]) - share).round(12)
    nearest = np.flatnonzero(distances == distances.min())[-1]
    if nearest == 0:
        return float(_lowered(scores[:1], rounding)[0])
    return float(scores[last[nearest - 1]] / 2 + scores[last[nearest - 1] + 1] / 2)


def _lowered(scores: np.ndarray, rounding: float) -> np.ndarray:
    return scores - rounding * np.abs(scores).clip(1, np.finfo(np.float64).max)
