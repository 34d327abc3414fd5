"""Cell marginals: columns of whole numbers, spread over their cells, turned into normal ones.

z = Φ⁻¹(F(x)) for the distribution function F that is straight within each cell: a column of a
few values is a stair, which no smooth map and no kernel can straighten.
"""

import math
from dataclasses import dataclass

import numpy as np
from scipy.special import log_ndtr, ndtri_exp

_MAX_CELLS = 200  # on their own; more are put together, by weight
_EDGE = 0.03  # of a piece on either side, where the slope changes to that of the next
_KNOTS = 32  # for a piece that has all rows
_GAIN = 0.1  # nats a row that they have to gain
_LOG_SQRT_2PI = 0.5 * math.log(2 * math.pi)


@dataclass(frozen=True)
class IntegerMarginal:
    """One column: the ends of its cells in ascending order, and what share of the rows is there.

    What was never seen is left to a standard normal, with the share of the rows that are alone
    in their cells (Good 1953).
    """

    low: np.ndarray
    high: np.ndarray
    shares: np.ndarray
    unseen: float

    @classmethod
    def fit(cls, low: np.ndarray, high: np.ndarray, weights: np.ndarray) -> "IntegerMarginal":
        """From the ends of each row's cell."""
        starts, first, at = np.unique(low, return_index=True, return_inverse=True)
        counts = np.bincount(at, weights)
        alone = counts[np.bincount(at) == 1].sum()
        unseen = min(0.5, max(alone, weights.mean()) / weights.sum())
        return cls(starts, high[first], counts / weights.sum(), unseen)

    def log_density(self, low: np.ndarray, high: np.ndarray) -> np.ndarray:
        """Mean log-density over each row's cell, up to how the normal bends there."""
        at = np.minimum(np.searchsorted(self.low, low), len(self.low) - 1)
        known = self.low[at] == low
        inside = np.where(known, (1 - self.unseen) * self.shares[at] / (high - low), 0.0)
        return np.log(inside + self.unseen * _normal((low + high) / 2))

    def table(self) -> np.ndarray:
        """Knots, values and slopes of the map that makes the column normal, (3, k)."""
        low, high, share = self._few()._pieces()
        component, within = _places(share)
        width, below = (high - low)[component], (np.cumsum(share) - share)[component]
        low, share = low[component], share[component]
        knots = low + within * width
        values = _quantile(below + within * share, knots, self.unseen)
        density = (1 - self.unseen) * share / width + self.unseen * _normal(knots)
        log_slopes = np.log(density) + 0.5 * values**2 + _LOG_SQRT_2PI
        table = np.stack([knots, values, np.exp(np.clip(log_slopes, -9, 9))])
        rising = np.diff(np.maximum.accumulate(table[1]), prepend=-np.inf) > 1e-6
        return table[:, rising & (np.diff(table[0], prepend=-np.inf) > 1e-9)]

    def _few(self) -> "IntegerMarginal":
        """With neighbours put together where cells are many."""
        middle = np.cumsum(self.shares) - self.shares / 2
        bucket = np.floor(middle * _MAX_CELLS)
        first = np.flatnonzero(np.diff(bucket, prepend=-1))
        last = np.append(first[1:], len(bucket)) - 1
        shares = np.add.reduceat(self.shares, first)
        return IntegerMarginal(self.low[first], self.high[last], shares, self.unseen)

    def _pieces(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Cells, and the gaps between them: ends and shares, in ascending order."""
        gap = np.flatnonzero(self.low[1:] - self.high[:-1] > 1e-6 * (self.high - self.low)[:-1])
        low = np.append(self.low, self.high[gap])
        high = np.append(self.high, self.low[gap + 1])
        share = np.append(self.shares, np.zeros(len(gap)))
        order = np.argsort(low, kind="stable")
        return low[order], high[order], share[order]


def prefers_integer_marginal(
    low: np.ndarray,
    high: np.ndarray,
    weights: np.ndarray,
    folds: np.ndarray,
    normal_score: float,
) -> bool:
    """Whether left-out folds are likelier with a share for each cell than under a normal.

    Rows of a negative fold are never left out.
    """
    total = 0.0
    for k in range(folds.max() + 1):
        seen, held_out = folds != k, folds == k
        cells = IntegerMarginal.fit(low[seen], high[seen], weights[seen])
        total += weights[held_out] @ cells.log_density(low[held_out], high[held_out])
    return bool(total / weights[folds >= 0].sum() > normal_score + _GAIN)


def _places(share: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where to tabulate: which piece, and how far in it, more often where there is more."""
    n_each = 2 + np.ceil(_KNOTS * share).astype(int)
    component = np.repeat(np.arange(len(share)), n_each)
    number = np.arange(len(component)) - (np.cumsum(n_each) - n_each)[component]
    return component, _EDGE + (1 - 2 * _EDGE) * number / (n_each[component] - 1)


def _normal(x: np.ndarray) -> np.ndarray:
    return np.exp(-0.5 * x**2 - _LOG_SQRT_2PI)


def _quantile(seen: np.ndarray, x: np.ndarray, unseen: float) -> np.ndarray:
    """Φ⁻¹ of (1 − unseen) · seen + unseen · Φ(x), from whichever tail is the smaller."""
    log_rest, log_unseen = math.log1p(-unseen), math.log(unseen)
    with np.errstate(divide="ignore"):
        lower = np.logaddexp(log_rest + np.log(seen), log_unseen + log_ndtr(x))
        upper = np.logaddexp(log_rest + np.log1p(-np.minimum(seen, 1)), log_unseen + log_ndtr(-x))
    lower, upper = np.minimum(lower, -1e-17), np.minimum(upper, -1e-17)
    return np.where(lower < upper, ndtri_exp(lower), -ndtri_exp(upper))
