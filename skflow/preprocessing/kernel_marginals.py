"""Kernel marginals: columns with ties, spikes or gaps, turned into normal ones.

z = Φ⁻¹(F(x)) for a kernel estimate F of a column's distribution function, tabulated on some
knots and interpolated smoothly, so that the map's own derivative is the Jacobian.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from scipy.special import log_ndtr, logsumexp, ndtr, ndtri_exp

from skflow.flows.bijections import Interpolant

FACTORS = (0.1, 0.25, 0.5, 1.0, 2.0)  # of the normal reference bandwidth
_KNOTS = 256
_MAX_ROWS = 5000
_MIN_ROWS = 10
_MAX_DISTANCES = 100_000  # at a time, that they stay in the cache
_MIN_WIDTH = 1e-4  # of a kernel, in standardised units
_GAIN_OF_SPIKES = 0.1  # nats a row that a kernel estimate has to gain where it is at its
_GAIN = 0.5  # narrowest, a sign of ties, and elsewhere
_LOG_SQRT_2PI = 0.5 * math.log(2 * math.pi)


@dataclass(frozen=True)
class _Kernels:
    """One column: distinct values, their shares of the rows, and a bandwidth for each."""

    values: np.ndarray
    shares: np.ndarray
    widths: np.ndarray

    @classmethod
    def fit(cls, column: np.ndarray, weights: np.ndarray, factor: float) -> "_Kernels":
        values, first, counts = np.unique(column, return_inverse=True, return_counts=True)
        shares = np.bincount(first, weights) / weights.sum()
        width = factor * _reference_bandwidth(values, shares, len(column))
        widths = np.full(len(values), max(width, 0.5 * _grid(values), _MIN_WIDTH))
        # lone values get the distance to their neighbour: kernels widen with the tails
        gaps = np.diff(values, prepend=-np.inf, append=np.inf)
        nearest = np.minimum(gaps[:-1], gaps[1:])
        lone = (counts == 1) & np.isfinite(nearest)
        widths[lone] = np.maximum(widths[lone], nearest[lone])
        return cls(values, shares, widths)

    def log_density(self, x: np.ndarray) -> np.ndarray:
        n_blocks = -(-x.size * self.values.size // _MAX_DISTANCES)
        blocks = [self._log_sums(block) for block in np.array_split(x, max(1, n_blocks))]
        return np.concatenate(blocks) - _LOG_SQRT_2PI

    def _log_sums(self, x: np.ndarray) -> np.ndarray:
        # as scipy's logsumexp with b, in place and several times faster
        exponents = x[:, None] - self.values
        exponents /= self.widths
        np.square(exponents, out=exponents)
        exponents *= -0.5
        largest = exponents.max(axis=1)
        exponents -= largest[:, None]
        terms = np.exp(exponents, out=exponents)
        return np.log(terms @ (self.shares / self.widths)) + largest

    def normal_scores(self, x: np.ndarray) -> np.ndarray:
        """Φ⁻¹(F(x)), from whichever tail is the smaller."""
        u = (x[:, None] - self.values) / self.widths
        low = ndtri_exp(np.minimum(logsumexp(log_ndtr(u), b=self.shares, axis=1), -1e-17))
        high = -ndtri_exp(np.minimum(logsumexp(log_ndtr(-u), b=self.shares, axis=1), -1e-17))
        return np.where(low < 0, low, high)

    def knots(self) -> np.ndarray:
        """Where to tabulate: around every value if they are few, else along the quantiles."""
        steps = np.array([-4, -2.5, -1.5, -0.7, 0, 0.7, 1.5, 2.5, 4])
        centres, widths = self.values, self.widths
        if len(centres) * len(steps) > _KNOTS:
            heavy = np.sort(np.argsort(-self.shares, kind="stable")[: _KNOTS // 2 // len(steps)])
            heavy = heavy[self.shares[heavy] > 2 / _KNOTS]
            levels = ndtr(np.linspace(-3.5, 3.5, _KNOTS // 2))
            quantiles = np.interp(levels, self.shares.cumsum() - 0.5 * self.shares, self.values)
            centres, widths = centres[heavy], widths[heavy]
        else:
            quantiles = self.values[:0]
        around = (centres[:, None] + steps * widths[:, None]).ravel()
        ends = [self.values[0] - self.widths[0], self.values[-1] + self.widths[-1]]
        inside = np.concatenate([around, quantiles])
        inside = inside[(inside > ends[0]) & (inside < ends[1])]
        return np.unique(np.concatenate([inside, ends]))


def choose_factors(
    x: np.ndarray, weights: np.ndarray, folds: np.ndarray, normal_scores: np.ndarray
) -> list[float | None]:
    """For each column the bandwidth factor of its kernel estimate, or None for no kernels.

    Parameters
    ----------
    x : ndarray of shape (n, d)
    weights, folds : ndarray of shape (n,)
        Rows of a negative fold are never left out.
    normal_scores : ndarray of shape (d,)
        Mean log-likelihood of each column under the normal that kernels have to beat.
    """
    return [
        _choose_factor(column, weights, folds, score)
        for column, score in zip(x.T, normal_scores, strict=True)
    ]


def _choose_factor(
    column: np.ndarray, weights: np.ndarray, folds: np.ndarray, normal_score: float
) -> float | None:
    if column.min() == column.max() or len(column) < _MIN_ROWS:
        return None
    scores = []
    for factor in FACTORS:
        total = 0.0
        for k in range(folds.max() + 1):
            seen, held_out = folds != k, folds == k
            kernels = _Kernels.fit(column[seen], weights[seen], factor)
            total += weights[held_out] @ kernels.log_density(column[held_out])
        scores.append(total / weights[folds >= 0].sum())
    best = int(np.argmax(scores))
    needed = _GAIN_OF_SPIKES if best == 0 else _GAIN
    return FACTORS[best] if scores[best] > normal_score + needed else None


def interpolant_of(tables: Sequence[np.ndarray]) -> Interpolant:
    """The link whose columns have knots, values and slopes (3, k) as in the tables."""
    longest = max(table.shape[1] for table in tables)
    filled = np.stack([_lengthened(table, longest) for table in tables], axis=1)
    return Interpolant(*(torch.from_numpy(rows) for rows in filled))


def kernel_table(column: np.ndarray, weights: np.ndarray, factor: float | None) -> np.ndarray:
    """Knots, values and slopes (3, k) that make a column normal; the identity for no factor."""
    if factor is None or column.min() == column.max():
        return np.array([[-1.0, 1.0], [-1.0, 1.0], [1.0, 1.0]])
    if len(column) > _MAX_ROWS:
        column, weights = _thinned(column, weights)
    kernels = _Kernels.fit(column, weights, factor)
    knots = kernels.knots()
    values = kernels.normal_scores(knots)
    rising = np.concatenate([[True], np.diff(np.maximum.accumulate(values)) > 1e-6])
    knots, values = knots[rising], values[rising]
    log_slopes = kernels.log_density(knots) + 0.5 * values**2 + _LOG_SQRT_2PI
    return np.stack([knots, values, np.exp(np.clip(log_slopes, -9, 9))])


def _thinned(column: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Evenly spaced order statistics, as many as kernels can be afforded for."""
    order = np.argsort(column, kind="stable")
    levels = (np.arange(_MAX_ROWS) + 0.5) / _MAX_ROWS
    cumulated = weights[order].cumsum() / weights.sum()
    return column[order[np.searchsorted(cumulated, levels)]], np.ones(_MAX_ROWS)


def _lengthened(table: np.ndarray, length: int) -> np.ndarray:
    """The same function with further knots on its straight upper tail."""
    steps = np.arange(1, length - table.shape[1] + 1)
    knots, values, slopes = table[:, -1:]
    tail = np.stack([knots + steps, values + slopes * steps, slopes + 0 * steps])
    return np.concatenate([table, tail], axis=1)


def _reference_bandwidth(values: np.ndarray, shares: np.ndarray, n_rows: int) -> float:
    """1.06 min(sd, IQR / 1.349) n^−0.2, the IQR only where ties have not made it 0."""
    sd = math.sqrt(shares @ np.square(values - shares @ values))
    lower, upper = np.interp([0.25, 0.75], shares.cumsum() - 0.5 * shares, values)
    spread = min(sd, (upper - lower) / 1.349) if upper > lower else sd
    return 1.06 * spread * n_rows**-0.2


def _grid(values: np.ndarray) -> float:
    """The spacing of the grid on which the values lie, 0 where they do not."""
    if len(values) < 2:
        return 0.0
    gaps = np.diff(values)
    spacing = gaps.min()
    multiples = gaps / spacing
    return float(spacing) if np.abs(multiples - np.round(multiples)).max() < 1e-3 else 0.0
