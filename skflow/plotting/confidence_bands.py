"""Simultaneous confidence bands for the order statistics of a uniform sample."""

import numpy as np
from scipy.stats import beta

_N_SIMULATIONS = 4000


def uniform_band(n: int, coverage: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Band that contains all order statistics of n uniform samples with probability `coverage`.

    Each order statistic follows a beta distribution, whose quantiles at one common level bound
    the band. The level at which the coverage is simultaneous is found by simulation with a
    fixed seed (Aldor-Noiman et al. 2013).

    Returns
    -------
    probabilities, lower, upper : ndarray of shape (n_ranks,)
        Expected values of selected order statistics, densely spaced near both ends, and the
        bounds of the band at each of them.
    """
    outer = np.geomspace(1, max(1, n / 2), 50)
    ranks = np.unique(np.concatenate([outer, np.linspace(1, n, 100), n + 1 - outer]).round())
    steps = np.diff(ranks, prepend=0, append=n + 1)
    rng = np.random.default_rng(0)
    sums = rng.gamma(steps, size=(_N_SIMULATIONS, len(steps))).cumsum(axis=1)
    cdf = beta.cdf(sums[:, :-1] / sums[:, -1:], ranks, n + 1 - ranks)
    smallest_tail = np.minimum(cdf, 1 - cdf).min(axis=1)
    level = np.quantile(smallest_tail, 1 - coverage)
    return (
        ranks / (n + 1),
        beta.ppf(level, ranks, n + 1 - ranks),
        beta.isf(level, ranks, n + 1 - ranks),
    )
