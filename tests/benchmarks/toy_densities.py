"""Known densities with the interface that the benchmarks expect of synthetic_densities.py."""

import numpy as np


class StandardNormal:
    conditional = False

    def __init__(self, d):
        self.d = d

    def sample(self, n, seed):
        return np.random.default_rng(seed).normal(size=(n, self.d))

    def log_prob(self, x):
        return -0.5 * (np.square(x) + np.log(2 * np.pi)).sum(axis=1)


class NormalAroundContext(StandardNormal):
    """N(y, 1) in each column, conditional on y."""

    conditional = True

    def sample(self, n, seed):
        rng = np.random.default_rng(seed)
        y = rng.normal(size=(n, self.d))
        return y + rng.normal(size=(n, self.d)), y

    def log_prob(self, x, y):
        return super().log_prob(x - y)


def densities():
    return {
        "two_moons": StandardNormal(2),
        "checkerboard": StandardNormal(2),
        "gmm8": StandardNormal(8),
        "cond_hetero": NormalAroundContext(1),
    }
