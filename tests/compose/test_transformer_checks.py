"""Input of log-determinants: validated rows, and as many columns out as in."""

import numpy as np
import pytest
from sklearn.decomposition import PCA
from sklearn.exceptions import NotFittedError
from sklearn.neighbors import KernelDensity
from sklearn.preprocessing import StandardScaler

from skflow.compose import TransformedDensity
from skflow.compose.transformer_checks import check_square, validate_rows

RNG = np.random.default_rng(0)


def test_too_few_rows_for_pca():
    with pytest.raises(ValueError, match=r"PCA maps 3 columns to 2, .*as there are rows"):
        TransformedDensity(PCA(), KernelDensity()).fit(RNG.normal(size=(2, 3)))


def test_more_columns_than_before_have_no_density():
    with pytest.raises(ValueError, match=r"StandardScaler maps 2 columns to 3, .* surface"):
        check_square(StandardScaler(), 2, 3)
    check_square(StandardScaler(), 2, 2)


def test_validated_rows_are_a_float64_copy():
    X = np.arange(6.0).reshape(3, 2)
    scaler = StandardScaler().fit(X)
    rows = validate_rows(scaler, X)
    rows += 1
    np.testing.assert_array_equal(X, np.arange(6.0).reshape(3, 2))
    assert validate_rows(scaler, X.astype(np.float32)).dtype == np.float64
    with pytest.raises(ValueError, match="3 features, but StandardScaler is expecting 2"):
        validate_rows(scaler, np.ones((2, 3)))
    with pytest.raises(NotFittedError):
        validate_rows(StandardScaler(), X)
