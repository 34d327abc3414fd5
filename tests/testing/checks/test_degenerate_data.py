"""Fits to degenerate data that fail are found."""

import numpy as np
import pytest
from sklearn.neighbors import KernelDensity

from skflow.testing import DensityCheckError, check_density
from skflow.testing.checks import degenerate_data
from tests.testing.planted_faults import Gaussian, check_names, finds


class DividesByTheVariance(Gaussian):
    def _covariance(self, centered, weights):
        scale = centered.std(axis=0)
        with np.errstate(all="ignore"):
            return super()._covariance(centered / scale, weights) * np.outer(scale, scale)


class SingularCovariance(Gaussian):
    def _covariance(self, centered, weights):
        covariance = np.atleast_2d(np.cov(centered.T, aweights=weights, bias=True))
        np.linalg.inv(covariance + 1e-300)
        if np.linalg.cond(covariance) > 1e12:
            raise np.linalg.LinAlgError("Singular matrix")
        return covariance


class BandwidthOfNeighbors(KernelDensity):
    """As wide as the median distance to the nearest row."""

    def fit(self, X, y=None, sample_weight=None):
        distances = np.linalg.norm(X[:, None] - X, axis=2) + np.diag(np.full(len(X), np.inf))
        self.bandwidth = np.median(distances.min(axis=1))
        return super().fit(X, y, sample_weight)


FAULTS = [
    (DividesByTheVariance(), "survives_constant_column"),
    (SingularCovariance(), "survives_equal_columns"),
    (BandwidthOfNeighbors(), "survives_equal_rows"),
]


@pytest.mark.parametrize(("estimator", "check"), FAULTS, ids=lambda p: type(p).__name__)
def test_each_fault_is_found(estimator, check):
    assert finds(check, estimator)


def test_every_check_finds_a_fault():
    assert check_names(degenerate_data) == {check for _, check in FAULTS}


@pytest.mark.slow
@pytest.mark.parametrize(("estimator", "check"), FAULTS, ids=lambda p: type(p).__name__)
def test_each_fault_is_reported(estimator, check):
    with pytest.raises(DensityCheckError, match=f"check_density_{check} "):
        check_density(estimator)
