"""Kernel marginals: columns with ties, spikes or gaps, made about standard normal.

z = Φ⁻¹(F(x)) for a kernel estimate F of a column's distribution function, evaluated at some
knots and interpolated smoothly in between, so that the Jacobian is the interpolant's derivative.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from scipy.special import log_ndtr, logsumexp, ndtr, ndtri_exp

from skflow.flows.bijections import Interpolant
from skflow.runtime.deadline import check_time

BANDWIDTH_FACTORS = (0.1, 0.25, 0.5, 1.0, 2.0)  # of the normal reference bandwidth
_MAX_KNOTS = 256
_MAX_SAMPLES = 5000  # beyond which kernels are centered on as many order statistics
_MIN_SAMPLES = 10  # below which kernels are not tried
_MAX_DISTANCES = 100_000  # computed at a time, so that they stay in the cache
_MIN_BANDWIDTH = 1e-4  # in standardized units
_MIN_GAIN = 0.5  # of kernels over a normal, in nats per sample
_MIN_GAIN_OF_TIES = 0.1  # the same where the smallest factor is best, which is a sign of ties
_MIN_RISE = 1e-6  # between the values at neighboring knots
_MAX_LOG_SLOPE = 9.0
_LOG_SQRT_2PI = 0.5 * math.log(2 * math.pi)


@dataclass(frozen=True)
class KernelMarginal:
    """The kernel density estimate of one column, with an adaptive bandwidth.

    `values` (m,) are its distinct values in ascending order, `weights` (m,) their weights with
    sum 1, `bandwidths` (m,) those of the Gaussian kernels centered on them.
    """

    values: np.ndarray
    weights: np.ndarray
    bandwidths: np.ndarray

    @classmethod
    def fit(cls, column: np.ndarray, weights: np.ndarray, factor: float) -> "KernelMarginal":
        """Kernels for a column (n,) with weights (n,); `factor` is the bandwidth factor."""
        values, index, counts = np.unique(column, return_inverse=True, return_counts=True)
        weights = np.bincount(index, weights) / weights.sum()
        bandwidth = factor * _reference_bandwidth(values, weights, len(column))
        bandwidth = max(bandwidth, 0.5 * _grid_spacing(values), _MIN_BANDWIDTH)
        bandwidths = np.full(len(values), bandwidth)
        # at least the distance to the nearest neighbor if untied: wide kernels in the tails
        gaps = np.diff(values, prepend=-np.inf, append=np.inf)
        nearest = np.minimum(gaps[:-1], gaps[1:])
        untied = (counts == 1) & np.isfinite(nearest)
        bandwidths[untied] = np.maximum(bandwidths[untied], nearest[untied])
        return cls(values, weights, bandwidths)

    def log_density(self, x: np.ndarray) -> np.ndarray:
        """log p(x), (n,) to (n,)."""
        n_blocks = -(-x.size * self.values.size // _MAX_DISTANCES)
        blocks = [self._log_sums(block) for block in np.array_split(x, max(1, n_blocks))]
        return np.concatenate(blocks) - _LOG_SQRT_2PI

    def _log_sums(self, x: np.ndarray) -> np.ndarray:
        # scipy's logsumexp with b, but in place, which is several times faster
        exponents = x[:, None] - self.values
        exponents /= self.bandwidths
        np.square(exponents, out=exponents)
        exponents *= -0.5
        largest = exponents.max(axis=1)
        exponents -= largest[:, None]
        terms = np.exp(exponents, out=exponents)
        return np.log(terms @ (self.weights / self.bandwidths)) + largest

    def normal_scores(self, x: np.ndarray) -> np.ndarray:
        """Φ⁻¹(F(x)), computed in the smaller of the two tails."""
        u = (x[:, None] - self.values) / self.bandwidths
        lower = np.minimum(logsumexp(log_ndtr(u), b=self.weights, axis=1), -1e-17)
        upper = np.minimum(logsumexp(log_ndtr(-u), b=self.weights, axis=1), -1e-17)
        low, high = ndtri_exp(lower), -ndtri_exp(upper)
        return np.where(low < 0, low, high)

    def knots(self) -> np.ndarray:
        """Position, value and slope of z = Φ⁻¹(F(x)) at its knots, (3, k)."""
        positions = self._knot_positions()
        values = self.normal_scores(positions)
        rising = np.diff(np.maximum.accumulate(values)) > _MIN_RISE
        rising = np.concatenate([[True], rising])
        positions, values = positions[rising], values[rising]
        log_slopes = self.log_density(positions) + 0.5 * values**2 + _LOG_SQRT_2PI
        slopes = np.exp(np.clip(log_slopes, -_MAX_LOG_SLOPE, _MAX_LOG_SLOPE))
        return np.stack([positions, values, slopes])

    def _knot_positions(self) -> np.ndarray:
        """Positions around every value if they are few, else around ties and at quantiles."""
        steps = np.array([-4, -2.5, -1.5, -0.7, 0, 0.7, 1.5, 2.5, 4])
        centers, bandwidths = self.values, self.bandwidths
        if len(centers) * len(steps) > _MAX_KNOTS:
            n_heavy = _MAX_KNOTS // 2 // len(steps)
            heavy = np.sort(np.argsort(-self.weights, kind="stable")[:n_heavy])
            heavy = heavy[self.weights[heavy] > 2 / _MAX_KNOTS]
            levels = ndtr(np.linspace(-3.5, 3.5, _MAX_KNOTS // 2))
            quantiles = np.interp(levels, _midpoint_levels(self.weights), self.values)
            centers, bandwidths = centers[heavy], bandwidths[heavy]
        else:
            quantiles = self.values[:0]
        around = (centers[:, None] + steps * bandwidths[:, None]).ravel()
        ends = [self.values[0] - self.bandwidths[0], self.values[-1] + self.bandwidths[-1]]
        inner = np.concatenate([around, quantiles])
        inner = inner[(inner > ends[0]) & (inner < ends[1])]
        return np.unique(np.concatenate([inner, ends]))


def select_bandwidth_factors(
    x: np.ndarray, weights: np.ndarray, folds: np.ndarray, normal_scores: np.ndarray
) -> list[float | None]:
    """The bandwidth factor of maximum held-out likelihood for each column.

    Parameters
    ----------
    x : ndarray of shape (n, d)
        Columns in standardized units.
    weights, folds : ndarray of shape (n,)
        Weight and fold of each sample. Samples of a negative fold are never held out.
    normal_scores : ndarray of shape (d,)
        Mean log-likelihood of each column under the normal that kernels have to beat.

    Returns
    -------
    list of float or None
        None for columns in which kernels do not gain enough.
    """
    return [
        _select_factor(column, weights, folds, score)
        for column, score in zip(x.T, normal_scores, strict=True)
    ]


def _select_factor(
    column: np.ndarray, weights: np.ndarray, folds: np.ndarray, normal_score: float
) -> float | None:
    if column.min() == column.max() or len(column) < _MIN_SAMPLES:
        return None
    scores = []
    for factor in BANDWIDTH_FACTORS:
        total = 0.0
        for k in range(folds.max() + 1):
            check_time()
            train, held_out = folds != k, folds == k
            kernels = KernelMarginal.fit(column[train], weights[train], factor)
            total += weights[held_out] @ kernels.log_density(column[held_out])
        scores.append(total / weights[folds >= 0].sum())
    best = int(np.argmax(scores))
    min_gain = _MIN_GAIN_OF_TIES if best == 0 else _MIN_GAIN
    return BANDWIDTH_FACTORS[best] if scores[best] > normal_score + min_gain else None


def kernel_knots(column: np.ndarray, weights: np.ndarray, factor: float | None) -> np.ndarray:
    """Knots (3, k) of the map that makes a column normal; of the identity for no factor."""
    check_time()
    if factor is None or column.min() == column.max():
        return np.array([[-1.0, 1.0], [-1.0, 1.0], [1.0, 1.0]])
    if len(column) > _MAX_SAMPLES:
        column, weights = _order_statistics(column, weights)
    return KernelMarginal.fit(column, weights, factor).knots()


def interpolant_through(knots: Sequence[np.ndarray]) -> Interpolant:
    """The interpolant through the knots of each column: positions, values and slopes (3, k)."""
    max_knots = max(column.shape[1] for column in knots)
    padded = np.stack([_padded(column, max_knots) for column in knots], axis=1)
    return Interpolant(*(torch.from_numpy(array) for array in padded))


def _order_statistics(column: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Evenly spaced quantiles of a long column, and equal weights."""
    order = np.argsort(column, kind="stable")
    levels = (np.arange(_MAX_SAMPLES) + 0.5) / _MAX_SAMPLES
    cumulative = weights[order].cumsum() / weights.sum()
    return column[order[np.searchsorted(cumulative, levels)]], np.ones(_MAX_SAMPLES)


def _padded(knots: np.ndarray, n_knots: int) -> np.ndarray:
    """The same function with additional knots on its straight upper tail."""
    steps = np.arange(1, n_knots - knots.shape[1] + 1)
    positions, values, slopes = knots[:, -1:]
    tail = np.stack([positions + steps, values + slopes * steps, slopes + 0 * steps])
    return np.concatenate([knots, tail], axis=1)


def _reference_bandwidth(values: np.ndarray, weights: np.ndarray, n_samples: int) -> float:
    """1.06 min(sd, IQR / 1.349) n^−0.2, without the IQR if ties make it 0."""
    sd = math.sqrt(weights @ np.square(values - weights @ values))
    lower, upper = np.interp([0.25, 0.75], _midpoint_levels(weights), values)
    spread = min(sd, (upper - lower) / 1.349) if upper > lower else sd
    return 1.06 * spread * n_samples**-0.2


def _midpoint_levels(weights: np.ndarray) -> np.ndarray:
    """Levels of the quantiles that sorted values are: the middle of each one's step."""
    return weights.cumsum() - 0.5 * weights


def _grid_spacing(values: np.ndarray) -> float:
    """The spacing of the grid that sorted values lie on, 0 if there is none."""
    if len(values) < 2:
        return 0.0
    gaps = np.diff(values)
    spacing = gaps.min()
    multiples = gaps / spacing
    return float(spacing) if np.abs(multiples - np.round(multiples)).max() < 1e-3 else 0.0
