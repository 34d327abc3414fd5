"""Regions of highest density, and bands that hold ordered draws."""

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import beta

_DRAWS = 4000


def region_levels(density: np.ndarray, masses: ArrayLike) -> np.ndarray:
    """The densities above which given shares of the mass lie (Hyndman 1996).

    Parameters
    ----------
    density : ndarray
        Values on an evenly spaced grid, of any shape.
    masses : array-like of shape (k,)
        Shares between 0 and 1.

    Returns
    -------
    ndarray of shape (k,)
        The density at the border of the smallest region that holds each share of the mass on
        the grid.
    """
    highest_first = np.sort(density, axis=None)[::-1]
    held = highest_first.cumsum()
    last = np.searchsorted(held, np.asarray(masses) * held[-1])
    return highest_first[np.minimum(last, len(held) - 1)]


def uniform_band(n: int, coverage: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A band that holds the order statistics of n uniform draws all at once.

    Every order statistic is between two quantiles of its own beta distribution, all at the
    same level, which is chosen so that all are with probability `coverage` (Aldor-Noiman et
    al. 2013), from draws with a fixed seed.

    Returns
    -------
    probabilities, lower, upper : ndarray
        The expected value of some of the order statistics, the outer ones close together, and
        the band there.
    """
    outer = np.geomspace(1, max(1, n / 2), 50)
    ranks = np.unique(np.concatenate([outer, np.linspace(1, n, 100), n + 1 - outer]).round())
    steps = np.diff(ranks, prepend=0, append=n + 1)
    sums = np.random.default_rng(0).gamma(steps, size=(_DRAWS, len(steps))).cumsum(axis=1)
    below = beta.cdf(sums[:, :-1] / sums[:, -1:], ranks, n + 1 - ranks)
    worst = np.minimum(below, 1 - below).min(axis=1)
    level = np.quantile(worst, 1 - coverage)
    return (
        ranks / (n + 1),
        beta.ppf(level, ranks, n + 1 - ranks),
        beta.isf(level, ranks, n + 1 - ranks),
    )
