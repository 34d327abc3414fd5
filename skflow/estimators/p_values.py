"""Conformal p-values: the rank of a score among the scores of held-out samples."""

from dataclasses import dataclass
from typing import Self

import numpy as np


@dataclass(frozen=True)
class CalibrationScores:
    """Weighted empirical distribution of the scores of held-out samples.

    Parameters
    ----------
    scores : ndarray of shape (n_samples,)
        Scores in ascending order.
    cumulative_weights : ndarray of shape (n_samples,)
        Fraction of the total weight up to and including each score.
    """

    scores: np.ndarray
    cumulative_weights: np.ndarray

    @classmethod
    def from_samples(cls, scores: np.ndarray, weights: np.ndarray) -> Self:
        """Distribution of scores (n_samples,) in any order, with weights (n_samples,)."""
        order = np.argsort(scores, kind="stable")
        cumulative_weights = weights[order].cumsum()
        return cls(scores[order], cumulative_weights / cumulative_weights[-1])

    def p_values(self, scores: np.ndarray) -> np.ndarray:
        """Weight fraction of the calibration scores that are strictly below each score."""
        n_below = np.searchsorted(self.scores, scores, side="left")
        return np.concatenate([[0.0], self.cumulative_weights])[n_below]

    def threshold(self, p_value: float) -> float:
        """Smallest score whose p-value is at least `p_value`."""
        index = int(np.searchsorted(self.cumulative_weights, p_value, side="left"))
        # the next larger number, because p-values count what is strictly below
        return float(np.nextafter(self.scores[min(index, len(self.scores) - 1)], np.inf))
