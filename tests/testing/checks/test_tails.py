"""Tails that are not finite, or do not decrease, are found."""

import numpy as np
import pytest
from sklearn.mixture import GaussianMixture

from skflow.testing import DensityCheckError, check_density
from skflow.testing.checks import tails
from tests.testing.planted_faults import Gaussian, check_names, finds


class UnderflowsFarOut(Gaussian):
    def score_samples(self, X):
        with np.errstate(divide="ignore"):
            return np.log(np.exp(super().score_samples(X)))


class NaNFarOut(Gaussian):
    def score_samples(self, X):
        with np.errstate(over="ignore", invalid="ignore"):
            far = np.exp(np.abs(X - self.mean_).max(axis=1))
            return super().score_samples(X) + (far - far)


class TailLevelled(GaussianMixture):
    def score_samples(self, X):
        return np.maximum(super().score_samples(X), -60)


class TailRises(Gaussian):
    def score_samples(self, X):
        radius = np.linalg.norm(X - self.mean_, axis=1)
        return np.maximum(super().score_samples(X), np.sqrt(radius) - 60)


FAULTS = [
    (UnderflowsFarOut(), "finite_far_away"),
    (NaNFarOut(), "finite_far_away"),
    (TailLevelled(), "tails_fall"),
    (TailRises(), "tails_fall"),
]


@pytest.mark.parametrize(("estimator", "check"), FAULTS, ids=lambda p: type(p).__name__)
def test_each_fault_is_found(estimator, check):
    assert finds(check, estimator)


def test_every_check_finds_a_fault():
    assert check_names(tails) == {check for _, check in FAULTS}


@pytest.mark.slow
@pytest.mark.parametrize(("estimator", "check"), FAULTS, ids=lambda p: type(p).__name__)
def test_each_fault_is_reported(estimator, check):
    with pytest.raises(DensityCheckError, match=f"check_density_{check} "):
        check_density(estimator)
