"""Fits that depend on units, on the order of rows, or on repetition are found."""

import numpy as np
import pytest
from sklearn.neighbors import KernelDensity

from skflow.testing import DensityCheckError, check_density
from skflow.testing.checks import fit_invariance
from tests.testing.planted_faults import Gaussian, check_names, finds


class HoldsOutTheLastRows(Gaussian):
    def fit(self, X, y=None, sample_weight=None):
        kept = slice(len(X) * 9 // 10)
        return super().fit(X[kept], y, None if sample_weight is None else sample_weight[kept])


class WeightsIgnored(KernelDensity):
    def fit(self, X, y=None, sample_weight=None):
        return super().fit(X)


class WeightsInTheMeanOnly(Gaussian):
    def _covariance(self, centered, weights):
        return super()._covariance(centered, None)


class MetresOnly(Gaussian):
    """A regularizer in the units of the columns."""

    def _covariance(self, centered, weights):
        return super()._covariance(centered, weights) + 0.1 * np.eye(centered.shape[1])


FAULTS = [
    (HoldsOutTheLastRows(), "fit_order"),
    (WeightsIgnored(), "weights_repeat"),
    (WeightsInTheMeanOnly(), "weights_repeat"),
    (MetresOnly(), "scale_equivariance"),
]


@pytest.mark.parametrize(("estimator", "check"), FAULTS, ids=lambda p: type(p).__name__)
def test_each_fault_is_found(estimator, check):
    assert finds(check, estimator)


def test_every_check_finds_a_fault():
    assert check_names(fit_invariance) == {check for _, check in FAULTS}


@pytest.mark.slow
@pytest.mark.parametrize(("estimator", "check"), FAULTS, ids=lambda p: type(p).__name__)
def test_each_fault_is_reported(estimator, check):
    with pytest.raises(DensityCheckError, match=f"check_density_{check} "):
        check_density(estimator)
