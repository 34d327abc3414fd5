"""Integer marginals: columns of integers, spread over unit intervals, made standard normal.

z = Φ⁻¹(F(x)) for the distribution function F that is linear within each bin: that of a
few values is a step function, which no smooth map and no kernel can straighten.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.special import log_ndtr, ndtri_exp

from skflow.runtime.deadline import check_time

ColumnMap = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]

_MAX_BINS = 200  # lighter neighbors are merged to bins of about 1 / 200 of the weight
# Relative positions of knots near the ends of a segment. The slope changes to that of the next
# segment before the first one, and Φ⁻¹ is steep up to the last one.
_NEAR_ENDS = np.array([3e-4, 1e-3, 4e-3, 0.012, 0.03])
_HEAVY = 0.02  # weight of a segment from which on there are all of them
_MAX_KNOTS_PER_SEGMENT = 32  # of a segment that has all the weight
_MIN_GAIN = 0.1  # over a normal, in nats per sample
_LOG_SQRT_2PI = 0.5 * math.log(2 * math.pi)


@dataclass(frozen=True)
class IntegerMarginal:
    """One column: the bounds of its bins in ascending order, and their weights with sum 1.

    The missing mass, that of values never seen, is estimated by the weight of samples that are
    alone in their bins (Good 1953), and distributed as a standard normal.
    """

    low: np.ndarray
    high: np.ndarray
    weights: np.ndarray
    missing_mass: float

    @classmethod
    def fit(cls, low: np.ndarray, high: np.ndarray, weights: np.ndarray) -> "IntegerMarginal":
        """From the bounds (n,) of each sample's bin."""
        starts, first, index = np.unique(low, return_index=True, return_inverse=True)
        counts = np.bincount(index, weights)
        singletons = counts[np.bincount(index) == 1].sum()
        missing_mass = min(0.5, max(singletons, weights.mean()) / weights.sum())
        return cls(starts, high[first], counts / weights.sum(), missing_mass)

    def log_density(self, low: np.ndarray, high: np.ndarray) -> np.ndarray:
        """log of the mean density in each bin, the normal taken at its middle, (n,)."""
        index = np.minimum(np.searchsorted(self.low, low), len(self.low) - 1)
        known = self.low[index] == low
        inside = np.where(known, (1 - self.missing_mass) * self.weights[index] / (high - low), 0.0)
        with np.errstate(divide="ignore"):  # the density of a bin without an end may be 0
            return np.log(inside + self.missing_mass * _normal((low + high) / 2))

    def knots(self, straighten: ColumnMap | None = None) -> np.ndarray:
        """Position, value and slope of z = Φ⁻¹(F(x)) at its knots, (3, k).

        Both ends of every bin are knots, so that bins have exactly their weights.

        Parameters
        ----------
        straighten : callable, optional
            A map that columns have gone through before: positions (k,) to their images and the
            slopes there. Positions are then those of the images, but F is linear in x.
        """
        low, high, weight = self._merged_bins()._segments()
        segment, within = _knot_positions(weight)
        width, below = (high - low)[segment], (np.cumsum(weight) - weight)[segment]
        positions = low[segment] + within * width
        slopes = np.ones(len(positions))
        if straighten is not None:
            positions, slopes = straighten(positions)
        values = _quantile(below + within * weight[segment], positions, self.missing_mass)
        normal = self.missing_mass * _normal(positions)
        density = (1 - self.missing_mass) * weight[segment] / (width * slopes) + normal
        _average_at_ends(density, within, normal)
        log_slopes = np.log(density) + 0.5 * values**2 + _LOG_SQRT_2PI
        knots = np.stack([positions, values, np.exp(np.clip(log_slopes, -9, 9))])
        rising = np.diff(np.maximum.accumulate(knots[1]), prepend=-np.inf) > 1e-6
        return knots[:, rising & (np.diff(knots[0], prepend=-np.inf) > 1e-9)]

    def _merged_bins(self) -> "IntegerMarginal":
        """With light neighboring bins merged."""
        middle = np.cumsum(self.weights) - self.weights / 2
        group = np.floor(middle * _MAX_BINS)
        first = np.flatnonzero(np.diff(group, prepend=-1))
        last = np.append(first[1:], len(group)) - 1
        weights = np.add.reduceat(self.weights, first)
        return IntegerMarginal(self.low[first], self.high[last], weights, self.missing_mass)

    def _segments(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Bins and the gaps between them: bounds and weights, in ascending order."""
        gap = np.flatnonzero(self.low[1:] - self.high[:-1] > 1e-6 * (self.high - self.low)[:-1])
        low = np.append(self.low, self.high[gap])
        high = np.append(self.high, self.low[gap + 1])
        weight = np.append(self.weights, np.zeros(len(gap)))
        order = np.argsort(low, kind="stable")
        return low[order], high[order], weight[order]


def prefers_integer_marginal(
    low: np.ndarray,
    high: np.ndarray,
    weights: np.ndarray,
    folds: np.ndarray,
    normal_score: float,
) -> bool:
    """Whether held-out folds are likelier with a weight for each bin than under a normal.

    Samples of a negative fold are never held out.
    """
    total = 0.0
    for k in range(folds.max() + 1):
        check_time()
        train, held_out = folds != k, folds == k
        marginal = IntegerMarginal.fit(low[train], high[train], weights[train])
        total += weights[held_out] @ marginal.log_density(low[held_out], high[held_out])
    return bool(total / weights[folds >= 0].sum() > normal_score + _MIN_GAIN)


def _knot_positions(weight: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Segment of each knot, and its relative position in there; heavy segments have more.

    Both ends of every segment are among them.
    """
    within = [_positions_in_segment(each) for each in weight]
    return np.repeat(np.arange(len(weight)), [len(w) for w in within]), np.concatenate(within)


def _positions_in_segment(weight: float) -> np.ndarray:
    """Relative positions of the knots in a segment, dense at the ends of a heavy one."""
    near = _NEAR_ENDS if weight > _HEAVY else _NEAR_ENDS[-1:]
    n_inside = 2 + math.ceil(_MAX_KNOTS_PER_SEGMENT * weight)
    inside = np.linspace(near[-1], 1 - near[-1], n_inside)[1:-1]
    return np.concatenate([[0.0], near, inside, 1 - near[::-1], [1.0]])


def _average_at_ends(density: np.ndarray, within: np.ndarray, outside: np.ndarray) -> None:
    """Where segments meet, replace both densities by their geometric mean, in place.

    `outside` (n_knots,) is the density beyond the outermost segments.
    """
    density[0], density[-1] = np.sqrt(density[[0, -1]] * outside[[0, -1]])
    upper = np.flatnonzero(within == 1)[:-1]
    density[upper] = density[upper + 1] = np.sqrt(density[upper] * density[upper + 1])


def _normal(x: np.ndarray) -> np.ndarray:
    return np.exp(-0.5 * x**2 - _LOG_SQRT_2PI)


def _quantile(cdf: np.ndarray, x: np.ndarray, missing_mass: float) -> np.ndarray:
    """Φ⁻¹((1 − m) · cdf + m · Φ(x)) for a missing mass m, computed in the smaller tail."""
    log_rest, log_missing = math.log1p(-missing_mass), math.log(missing_mass)
    with np.errstate(divide="ignore"):
        lower = np.logaddexp(log_rest + np.log(cdf), log_missing + log_ndtr(x))
        upper = np.logaddexp(log_rest + np.log1p(-np.minimum(cdf, 1)), log_missing + log_ndtr(-x))
    lower, upper = np.minimum(lower, -1e-17), np.minimum(upper, -1e-17)
    return np.where(lower < upper, ndtri_exp(lower), -ndtri_exp(upper))
