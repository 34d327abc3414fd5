"""Integrals over one column of any kind."""

import numpy as np
import pytest
from scipy.stats import norm

from skflow import Support
from skflow.testing.column_integral import integral_over_column
from skflow.testing.estimator_interface import fit_clone
from skflow.testing.example_data import example_rows
from tests.testing.planted_faults import (
    SUPPORTS,
    GaussianOfSubsets,
    Independent,
    rows_of_all_kinds,
)


@pytest.mark.parametrize("j", range(5))
def test_a_column_of_any_kind_has_mass_1(j):
    rows = rows_of_all_kinds()
    density = fit_clone(Independent(), rows)
    rows = rows[rows[:, 0] > 0][:10]
    others = np.delete(np.arange(5), j)
    expected = np.sum([density.columns_[k].log_prob(rows[:, k]) for k in others], axis=0)
    found = integral_over_column(density, rows, j, SUPPORTS[j])
    np.testing.assert_allclose(found.value, expected, atol=1e-3)
    assert (np.abs(found.value - expected) <= found.error + 1e-8).all()
    assert found.error.max() < 0.01


@pytest.mark.parametrize("j", range(3))
def test_integrals_of_a_normal_distribution_are_its_marginals(j):
    density = fit_clone(GaussianOfSubsets(), example_rows(3))
    rows = example_rows(3)[:30]
    found = integral_over_column(density, rows, j, Support())
    rows[:, j] = np.nan
    np.testing.assert_allclose(found.value, density.score_samples(rows), atol=1e-4)


class Normal:
    """A normal distribution of one column, cut off at bounds or rounded to a lattice."""

    def __init__(self, mean, sd, low=-np.inf, high=np.inf, step=None):
        self.normal, self.low, self.high, self.step = norm(mean, sd), low, high, step

    def score_samples(self, X):
        x = X[:, 0]
        if self.step:
            ends = (x - self.step / 2, x + self.step / 2)
            with np.errstate(divide="ignore"):
                return np.log(self.normal.cdf(ends[1]) - self.normal.cdf(ends[0]))
        mass = self.normal.cdf(self.high) - self.normal.cdf(self.low)
        inside = (x > self.low) & (x < self.high)
        return np.where(inside, self.normal.logpdf(x) - np.log(mass), -np.inf)


@pytest.mark.parametrize(
    ("density", "support", "center"),
    [
        (Normal(0, 1, low=-1), Support(low=-1), 0.3),
        (Normal(0, 1, high=0.5), Support(high=0.5), 0.3),
        (Normal(5, 3, low=2, high=6), Support(low=2, high=6), 4),
        (Normal(100, 1e-3), Support(), 100.0005),
        (Normal(0, 2000, step=1), Support("lattice", step=1), 1000),
        (Normal(0, 0.1, step=0.25), Support("lattice", step=0.25), 0),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_bounds_steps_and_narrow_peaks_are_resolved(density, support, center):
    rows = np.array([[center], [center + (support.step or 1e-3)]])
    found = integral_over_column(density, rows, 0, support)
    np.testing.assert_allclose(found.value, 0, atol=2e-3)


def test_a_peak_beside_the_nodes_has_an_error():
    found = integral_over_column(Normal(50, 1e-3), np.array([[0.0], [1.0]]), 0, Support())
    assert not (found.error < 0.5).any()


def test_without_a_number_there_is_nothing_to_integrate_around():
    with pytest.raises(ValueError, match="No row has a number"):
        integral_over_column(Normal(0, 1), np.zeros((2, 1)), 0, Support(atoms=[0]))
