"""Levels that hold a share of the mass, and bands that hold ordered draws."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from scipy.stats import beta, norm

from skflow.plotting.confidence_bands import uniform_band
from skflow.plotting.highest_density_regions import region_levels


def test_levels_of_a_normal_are_those_of_chi_squared():
    """In the plane the region that holds a share m ends where p is (1 − m) times its peak."""
    axis = np.linspace(-6, 6, 401)
    p = norm.pdf(axis)[:, None] * norm.pdf(axis)
    masses = [0.1, 0.5, 0.9, 0.99]
    np.testing.assert_allclose(
        region_levels(p, masses), (1 - np.array(masses)) / (2 * np.pi), rtol=0.01
    )


def test_levels_of_one_column():
    axis = np.linspace(-8, 8, 10_001)
    quantile = norm.ppf(0.95)
    np.testing.assert_allclose(
        region_levels(norm.pdf(axis), [0.9]), [norm.pdf(quantile)], rtol=1e-3
    )


@given(
    npst.arrays(float, st.integers(1, 50), elements=st.floats(0, 1e6)).filter(np.any),
    st.floats(0.01, 0.99),
)
def test_regions_hold_their_share_and_not_a_cell_more(density, mass):
    (level,) = region_levels(density, [mass])
    held = density[density >= level].sum()
    assert held >= mass * density.sum() * (1 - 1e-9)
    assert density[density > level].sum() <= mass * density.sum() * (1 + 1e-9)


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
