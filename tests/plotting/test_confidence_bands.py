"""Bands contain all order statistics of uniform samples with the stated coverage."""

import numpy as np
import pytest
from scipy.stats import beta

from skflow.plotting.confidence_bands import uniform_band


@pytest.mark.parametrize("n", [1, 2, 10, 100, 1000])
@pytest.mark.parametrize("coverage", [0.5, 0.95])
def test_the_band_holds_all_order_statistics_as_often_as_it_says(n, coverage):
    at, lower, upper = uniform_band(n, coverage)
    ranks = np.round(at * (n + 1)).astype(int)
    draws = np.sort(np.random.default_rng(3).random((1500, n)), axis=1)[:, ranks - 1]
    inside = ((draws >= lower) & (draws <= upper)).all(axis=1).mean()
    assert abs(inside - coverage) < 0.04  # three standard errors


def test_the_band_of_one_draw_is_an_interval():
    at, lower, upper = uniform_band(1, 0.9)
    assert at.tolist() == [0.5]
    np.testing.assert_allclose([*lower, *upper], [0.05, 0.95], atol=0.01)


def test_the_band_is_wider_than_that_of_each_order_statistic():
    at, lower, upper = uniform_band(50, 0.95)
    ranks = np.round(at * 51)
    assert (lower < beta.ppf(0.025, ranks, 51 - ranks)).all()
    assert (upper > beta.ppf(0.975, ranks, 51 - ranks)).all()
    np.testing.assert_allclose(lower, 1 - upper[::-1], atol=1e-12)
