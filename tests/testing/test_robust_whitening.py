"""Whitened coordinates, whatever the tails."""

import numpy as np
from sklearn.neighbors import KernelDensity

from skflow.testing.example_data import example_rows
from skflow.testing.robust_whitening import robust_whitening, typical_rows


def test_whitening_is_robust_to_tails():
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(2000, 2)) @ np.array([[3, 1], [0, 0.1]]) + [5, -2]
    rows[:20] *= 1e6
    whitening = robust_whitening(rows)
    z = whitening.to_z(rows[20:])
    np.testing.assert_allclose(whitening.to_x(z), rows[20:])
    np.testing.assert_allclose(z.mean(axis=0), 0, atol=0.1)
    np.testing.assert_allclose(z.std(axis=0), 1.1, atol=0.15)  # a tenth of the rows is cut off


def test_the_log_determinant_is_that_of_the_map():
    whitening = robust_whitening(example_rows(3))
    jacobian = whitening.to_x(np.eye(3)) - whitening.to_x(np.zeros((3, 3)))
    np.testing.assert_allclose(whitening.log_det, np.linalg.slogdet(jacobian)[1])


def test_constant_columns_can_be_whitened():
    rows = np.column_stack([example_rows(1), np.full(200, 7.0)])
    whitening = robust_whitening(rows)
    z = whitening.to_z(rows)
    assert np.isfinite(z).all()
    np.testing.assert_allclose(whitening.to_x(z), rows)


def test_typical_rows_are_of_x_and_samples():
    X = example_rows(2)
    density = KernelDensity(bandwidth=0.1).fit(X)
    rows = typical_rows(density, X, seed=0, n_rows=40)
    assert rows.shape == (80, 2)
    of_x = (rows[:, None] == X).all(axis=2).any(axis=1)
    assert of_x.tolist() == [True] * 40 + [False] * 40
    cannot = KernelDensity(kernel="linear", bandwidth=0.1).fit(X)
    assert typical_rows(cannot, X, seed=0, n_rows=40).shape == (40, 2)
