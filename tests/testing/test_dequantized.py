"""Densities of any measure as densities of real numbers."""

import numpy as np
import pytest

from skflow.testing.dequantized import Dequantized
from skflow.testing.estimator_interface import fit_clone, log_p
from skflow.testing.measure import Measure
from tests.testing.planted_faults import SUPPORTS, Independent, rows_of_all_kinds


@pytest.fixture(scope="module")
def rows():
    return rows_of_all_kinds()


@pytest.fixture(scope="module")
def dequantized(rows):
    density = fit_clone(Independent(), rows)
    return Dequantized(density, rows, Measure(tuple(SUPPORTS)))


def test_numbers_that_are_spread_have_the_score_of_their_row(dequantized, rows):
    numbers = dequantized.spread(rows)
    assert numbers.shape == (len(rows), 6)  # the pile has a column for its state
    n_atoms = (rows[:, 0] == 0).sum()
    assert 50 < n_atoms < 120
    at_atoms = dequantized.axes[0].at_atoms.logpdf(numbers[:, 0])
    expected = log_p(dequantized.density, rows) + np.log(2)  # steps of a half
    expected += np.where(rows[:, 0] == 0, at_atoms, 0)
    np.testing.assert_allclose(dequantized.score_samples(numbers), expected, rtol=1e-12)


def test_numbers_of_each_cell_stay_in_its_interval(dequantized, rows):
    numbers = dequantized.spread(rows)
    assert np.abs(numbers[:, 3] - rows[:, 2]).max() <= 0.25
    codes = np.searchsorted([1, 2, 5], rows[:, 1])
    np.testing.assert_array_equal(np.round(numbers[:, 2]), codes)
    np.testing.assert_array_equal(np.round(numbers[:, 1]), rows[:, 0] == 0)
    np.testing.assert_array_equal(numbers[:, 4:], rows[:, 3:])


@pytest.mark.parametrize(
    ("column", "value"),
    [(0, -1), (1, -1), (1, 2), (2, -1), (2, 3), (3, -0.3), (4, -0.1), (4, 24)],
    ids=str,
)
def test_numbers_beyond_all_cells_have_no_density(dequantized, rows, column, value):
    number = dequantized.spread(rows[rows[:, 0] > 0][:1])
    number[0, column] = value
    assert dequantized.score_samples(number)[0] == -np.inf


def test_samples_are_spread_at_random_and_by_their_seed(dequantized):
    first, again, other = (dequantized.sample(20, seed) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert len(np.unique(np.vstack([first, other])[:, 1])) == 40
