"""Scores of densities and of conditional densities, compared to closed forms."""

import numpy as np
import pytest
from scipy.stats import norm
from sklearn.neighbors import KernelDensity

from skflow.metrics import conditional_log_likelihood, mean_log_likelihood, neg_crps


class Normal:
    """The conditional density N(x, 1) of a sample x."""

    def sample_y(self, X, n_samples, random_state):
        rng = np.random.default_rng(random_state)
        return X + rng.normal(size=(len(X), n_samples))

    def log_prob(self, X, y):
        return norm.logpdf(y, X[:, 0])


X = np.zeros((4000, 1))
Y = np.random.default_rng(1).normal(size=4000)


def crps(y):
    """Of a standard normal (Gneiting & Raftery 2007, equation 21)."""
    return y * (2 * norm.cdf(y) - 1) + 2 * norm.pdf(y) - 1 / np.sqrt(np.pi)


def test_crps_of_a_normal():
    assert neg_crps(Normal(), X, Y) == pytest.approx(-crps(Y).mean(), abs=0.003)


def test_crps_does_not_depend_on_the_number_of_samples():
    few = neg_crps(Normal(), X, Y, n_samples=2)
    assert few == pytest.approx(-crps(Y).mean(), abs=0.03)


def test_weights():
    weights = (Y > 1).astype(float)
    assert neg_crps(Normal(), X, Y, weights) == pytest.approx(-crps(Y[Y > 1]).mean(), abs=0.02)
    expected = norm.logpdf(Y[Y > 1]).mean()
    assert conditional_log_likelihood(Normal(), X, Y, weights) == pytest.approx(expected)


def test_mean_log_likelihood_is_a_mean_with_weights_and_a_floor():
    rows, weights = Y[:50, None], np.arange(50)
    kernels = KernelDensity(kernel="tophat", bandwidth=0.2).fit(Y[50:100, None])
    scores = kernels.score_samples(rows)
    assert np.isinf(scores).any()
    assert mean_log_likelihood(kernels, rows) == -np.inf
    floored = np.where(np.isinf(scores), -9, scores)
    assert mean_log_likelihood(kernels, rows, floor=-9) == pytest.approx(floored.mean())
    expected = weights @ floored / weights.sum()
    assert mean_log_likelihood(kernels, rows, None, weights, floor=-9) == pytest.approx(expected)


def test_mean_log_likelihood_takes_weights(moons):
    density = KernelDensity(bandwidth=0.3).fit(moons)
    weights = np.arange(300) % 3
    weighted = mean_log_likelihood(density, moons, sample_weight=weights)
    assert type(weighted) is float
    repeated = np.repeat(moons, weights, axis=0)
    assert weighted == pytest.approx(mean_log_likelihood(density, repeated), rel=1e-12)
    assert weighted != pytest.approx(mean_log_likelihood(density, moons), abs=1e-4)
