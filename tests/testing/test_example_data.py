"""Example data: reproducible, bimodal and neither centered nor scaled."""

import numpy as np
import pytest

from skflow.testing.example_data import example_rows


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
