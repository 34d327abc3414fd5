"""Samples that are misshapen, repeated, or do not follow scores are found."""

import numpy as np
import pytest
from scipy.stats import kstest
from sklearn.mixture import GaussianMixture

from skflow import NormalizingFlowDensity
from skflow.testing import DensityCheckError, check_density
from skflow.testing.checks import samples
from skflow.testing.example_data import example_rows
from tests.testing.planted_faults import QUICK, Gaussian, check_names, finds


class DrawsTooNarrow(Gaussian):
    def sample(self, n_samples=1, random_state=None):
        return self.mean_ + 0.9 * (super().sample(n_samples, random_state) - self.mean_)


class DrawsUncorrelated(Gaussian):
    def sample(self, n_samples=1, random_state=None):
        rng = np.random.default_rng(random_state)
        noise = rng.normal(size=(n_samples, len(self.mean_)))
        return self.mean_ + noise * np.sqrt(np.diag(self.covariance_))


class DrawsWithoutWeights(GaussianMixture):
    """Draws from each component as often as from any other."""

    def sample(self, n_samples=1):
        weights, self.weights_ = self.weights_, np.full_like(self.weights_, 1 / len(self.weights_))
        try:
            return super().sample(n_samples)
        finally:
            self.weights_ = weights


class DrawsAtALowTemperature(NormalizingFlowDensity):
    def sample(self, n_samples=1, random_state=None):
        rows = super().sample(n_samples, random_state)
        center = np.median(super().sample(1000, random_state=0), axis=0)
        return center + 0.9 * (rows - center)


class DrawsAreRowsOfX(Gaussian):
    def fit(self, X, y=None, sample_weight=None):
        self.rows_ = X.copy()
        return super().fit(X, y, sample_weight)

    def sample(self, n_samples=1, random_state=None):
        return np.random.default_rng(random_state).choice(self.rows_, n_samples)


class OneDrawIsFlat(Gaussian):
    def sample(self, n_samples=1, random_state=None):
        return np.squeeze(super().sample(n_samples, random_state))


FAULTS = [
    (DrawsTooNarrow(), "samples_follow_scores"),
    (DrawsUncorrelated(), "samples_follow_scores"),
    (DrawsWithoutWeights(2), "samples_follow_scores"),
    (DrawsAtALowTemperature(flow="nsf", **QUICK), "samples_follow_scores"),
    (DrawsAreRowsOfX(), "samples_never_repeat"),
    (OneDrawIsFlat(), "samples_shape"),
]


@pytest.mark.parametrize(("estimator", "check"), FAULTS, ids=lambda p: type(p).__name__)
def test_each_fault_is_found(estimator, check):
    assert finds(check, estimator)


def test_every_check_finds_a_fault():
    assert check_names(samples) == {check for _, check in FAULTS}


@pytest.mark.slow
@pytest.mark.parametrize(("estimator", "check"), FAULTS, ids=lambda p: type(p).__name__)
def test_each_fault_is_reported(estimator, check):
    with pytest.raises(DensityCheckError, match=f"check_density_{check} "):
        check_density(estimator)


@pytest.mark.slow
def test_p_values_are_uniform():
    X = example_rows(2)
    density = GaussianMixture().fit(X)
    found = [list(samples.p_values(density, X, seed).values()) for seed in range(200)]
    for column in np.array(found).T:
        assert kstest(column, "uniform").pvalue > 1e-3
