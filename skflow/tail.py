"""The lower tail of weighted scores: which share of them lies below a value."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class LowerTail:
    """Scores in ascending order, and the share of the weight up to and with each."""

    scores: np.ndarray
    shares: np.ndarray

    @classmethod
    def of(cls, scores: np.ndarray, weights: np.ndarray) -> "LowerTail":
        """From scores and weights (n,) in any order."""
        order = np.argsort(scores, kind="stable")
        cumulative = weights[order].cumsum()
        return cls(scores[order], cumulative / cumulative[-1])

    def share_below(self, values: np.ndarray) -> np.ndarray:
        """Share of the weight of scores strictly below each value."""
        n_below = np.searchsorted(self.scores, values, side="left")
        return np.concatenate([[0.0], self.shares])[n_below]

    def end(self, share: float) -> float:
        """The least value that no less than a share lies below."""
        last = int(np.searchsorted(self.shares, share, side="left"))
        return float(np.nextafter(self.scores[min(last, len(self.scores) - 1)], np.inf))
