"""Example data: reproducible, bimodal and neither centered nor scaled."""

import numpy as np
import pytest

from skflow.testing.example_data import example_rows, with_holes


@pytest.mark.parametrize("d", [1, 2, 3])
def test_example_data_are_reproducible_and_in_unequal_units(d):
    X = example_rows(d)
    assert X.shape == (200, d)
    np.testing.assert_array_equal(X, example_rows(d))
    assert not np.isin(X, example_rows(d, seed=1)).any()
    np.testing.assert_allclose(X.mean(axis=0), [10, -10, 10][:d], atol=1.5)


def test_the_first_column_has_two_clusters():
    x = example_rows(1, n_rows=20_000)[:, 0]
    assert np.mean(x > 8) == pytest.approx(0.75, abs=0.02)  # midway between 10 − 6 and 10 + 2


def test_a_share_of_the_cells_is_missing_and_every_row_has_one():
    X = example_rows(3, n_rows=5000)
    rows = with_holes(X, share=0.3)
    missing = np.isnan(rows)
    assert missing.mean() == pytest.approx(0.2, abs=0.01)  # a third of the cells is kept
    assert not missing.all(axis=1).any()
    np.testing.assert_array_equal(rows[~missing], X[~missing])
    np.testing.assert_array_equal(rows, with_holes(X, share=0.3))
    assert not np.array_equal(missing, np.isnan(with_holes(X, seed=1, share=0.3)))
    np.testing.assert_array_equal(with_holes(X[:, :1]), X[:, :1])
