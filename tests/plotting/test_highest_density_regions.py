"""Levels of highest-density regions contain a given probability mass."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from scipy.stats import norm

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


def test_cells_count_by_their_volume():
    axis = np.sinh(np.linspace(-8, 8, 4001)) / 200
    widths = np.gradient(axis)
    quantile = norm.ppf(0.95)
    np.testing.assert_allclose(
        region_levels(norm.pdf(axis), [0.9], widths), [norm.pdf(quantile)], rtol=0.01
    )
