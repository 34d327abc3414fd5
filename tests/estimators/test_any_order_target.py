"""A regressor's single target with atoms: distribution function, quantiles, means and draws."""

import numpy as np
import pytest
from scipy import stats

from skflow import NormalizingFlowRegressor

N = 800
RNG = np.random.default_rng(0)
X = RNG.normal(size=(N, 2))
IS_ZERO = RNG.random(N) < stats.norm.cdf(X[:, 0])  # half of the targets
Y = np.where(IS_ZERO, 0.0, np.exp(1 + 0.5 * RNG.normal(size=N)))


@pytest.fixture(scope="module")
def regressor():
    return NormalizingFlowRegressor(support="nonnegative", effort="fast", random_state=0).fit(X, Y)


def test_the_pile_is_an_atom(regressor):
    rows = np.array([[-1.0, 0.0], [0.0, 0.0], [1.0, 0.0]])
    at_zero = np.array([regressor.cdf(row[None], [0.0])[0] for row in rows])
    np.testing.assert_allclose(at_zero, stats.norm.cdf(rows[:, 0]), atol=0.15)
    below = np.array([regressor.cdf(row[None], [-1e-9])[0] for row in rows])
    np.testing.assert_allclose(below, 0, atol=1e-12)
    np.testing.assert_allclose(np.exp(regressor.log_prob(rows, np.zeros(3))), at_zero, rtol=1e-9)
    drawn = regressor.sample_y(rows, 2000, random_state=0)
    np.testing.assert_allclose((drawn == 0).mean(1), at_zero, atol=4 * 0.5 / 2000**0.5)
    assert drawn.min() == 0


def test_the_cdf_rises_and_quantiles_invert_it(regressor):
    grid = np.r_[0, np.geomspace(1e-6, 100, 60)]
    rows = np.zeros((len(grid), 2))
    cdf = regressor.cdf(rows, grid)
    assert (np.diff(cdf) >= -1e-9).all()
    assert cdf[-1] == pytest.approx(1, abs=0.01)
    levels = np.array([0.01, 0.2, 0.6, 0.9, 0.99])
    quantiles = regressor.predict_quantiles(rows[:1], levels)[0]
    assert quantiles[:2].tolist() == [0, 0]
    reached = regressor.cdf(rows[:3], quantiles[2:])
    np.testing.assert_allclose(reached, levels[2:], atol=1e-6)


def test_intervals_cover_what_the_model_says(regressor):
    low, high = regressor.predict_interval(X, 0.9).T
    inside = (low <= Y) & (high >= Y)
    # 0 is the lower end wherever its probability exceeds 0.05
    expected = regressor.cdf(X, high) - np.where(low > 0, regressor.cdf(X, low), 0)
    assert inside.mean() == pytest.approx(expected.mean(), abs=0.03)


def test_randomized_ranks_are_uniform(regressor):
    upper = regressor.cdf(X, Y)
    lower = np.where(Y == 0, 0.0, upper)
    ranks = lower + np.random.default_rng(1).random(N) * (upper - lower)
    assert stats.kstest(ranks, "uniform").pvalue > 1e-3


def test_means(regressor):
    mean, deviation = regressor.predict(X, return_std=True)
    truth = (1 - stats.norm.cdf(X[:, 0])) * np.exp(1 + 0.125)
    assert np.sqrt(np.mean((mean - truth) ** 2)) < 0.45
    assert (deviation > 0).all()
    assert mean.mean() == pytest.approx(Y.mean(), rel=0.1)
