"""Samples that are misshapen, repeated, or do not follow scores are found."""

from unittest import SkipTest

import numpy as np
import pytest
from scipy.stats import kstest
from sklearn.mixture import GaussianMixture

from skflow import NormalizingFlowDensity
from skflow.testing import DensityCheckError, check_density
from skflow.testing.checks import samples
from skflow.testing.example_data import example_rows
from tests.testing.planted_faults import (
    QUICK,
    SUPPORTS,
    Gaussian,
    Independent,
    check_names,
    finds,
    rows_of_all_kinds,
)


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


class NeverAtAnAtom(Independent):
    def sample(self, n_samples=1, random_state=None):
        rows = super().sample(n_samples, random_state)
        rows[rows[:, 0] == 0, 0] = 1e-3
        return rows


class CodesAsOften(Independent):
    """Draws all codes equally often."""

    def sample(self, n_samples=1, random_state=None):
        rows = super().sample(n_samples, random_state)
        codes = np.random.default_rng(random_state).choice([1, 2, 5], n_samples)
        rows[:, 1] = codes
        return rows


class StepsRoundedDown(Independent):
    def sample(self, n_samples=1, random_state=None):
        rows = super().sample(n_samples, random_state)
        rows[:, 2] = np.maximum(rows[:, 2] - 0.5, 0)
        return rows


class HoursRepeat(Independent):
    """Draws only whole hours and rounded numbers."""

    def sample(self, n_samples=1, random_state=None):
        return np.round(super().sample(n_samples, random_state))


@pytest.mark.parametrize("fault", [NeverAtAnAtom, CodesAsOften, StepsRoundedDown])
def test_faults_of_drawn_states_are_found(fault):
    assert finds("samples_follow_scores", fault(), rows_of_all_kinds())


def test_states_repeat_but_cells_on_a_continuum_do_not():
    X = rows_of_all_kinds()
    assert not finds("samples_never_repeat", Independent(), X)
    assert finds("samples_never_repeat", HoursRepeat(SUPPORTS[3:]), X[:, 3:])
    assert not finds("samples_never_repeat", Independent(SUPPORTS[:1]), X[:, :1])
    with pytest.raises(SkipTest, match="consist of atoms, categories and lattice points"):
        finds("samples_never_repeat", Independent(SUPPORTS[1:3]), X[:, 1:3])
