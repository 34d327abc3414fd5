"""Densities that do not integrate to 1 are found, and integrals are within their error."""

import numpy as np
import pytest
from sklearn.mixture import GaussianMixture
from sklearn.neighbors import KernelDensity

from skflow import NormalizingFlowDensity
from skflow.testing import DensityCheckError, check_density
from skflow.testing.checks import integral
from skflow.testing.example_data import example_rows
from skflow.testing.measure import Measure
from skflow.testing.robust_whitening import typical_rows
from tests.testing.planted_faults import (
    QUICK,
    SUPPORTS,
    Gaussian,
    Independent,
    check_names,
    finds,
    rows_of_all_kinds,
)


class LogDetTurned(Gaussian):
    def score_samples(self, X):
        return super().score_samples(X) + np.linalg.slogdet(self.covariance_)[1]


class Unnormalized(Gaussian):
    def score_samples(self, X):
        return super().score_samples(X) + X.shape[1] / 2 * np.log(2 * np.pi)


class JacobianForgotten(KernelDensity):
    def fit(self, X, y=None, sample_weight=None):
        self.scale_ = X.std(axis=0) + 1e-9
        return super().fit(X / self.scale_, sample_weight=sample_weight)

    def score_samples(self, X):
        return super().score_samples(X / self.scale_)

    def sample(self, n_samples=1, random_state=None):
        return super().sample(n_samples, random_state) * self.scale_


class FlowInScaledUnits(NormalizingFlowDensity):
    def score_samples(self, X):
        return super().score_samples(X) + 0.1 * X.shape[1]


FAULTS = [
    (LogDetTurned(), "integrates_to_one"),
    (Unnormalized(), "integrates_to_one"),
    (JacobianForgotten(bandwidth=0.5), "integrates_to_one"),
    (FlowInScaledUnits(flow="realnvp", **QUICK), "integrates_to_one"),
]


@pytest.mark.parametrize(("estimator", "check"), FAULTS, ids=lambda p: type(p).__name__)
def test_each_fault_is_found(estimator, check):
    assert finds(check, estimator)


def test_every_check_finds_a_fault():
    assert check_names(integral) == {check for _, check in FAULTS}


@pytest.mark.slow
@pytest.mark.parametrize(("estimator", "check"), FAULTS, ids=lambda p: type(p).__name__)
def test_each_fault_is_reported(estimator, check):
    with pytest.raises(DensityCheckError, match=f"check_density_{check} "):
        check_density(estimator)


class Scaled:
    """A mixture whose p is multiplied by a factor."""

    def __init__(self, X, factor):
        self.mixture, self.factor = GaussianMixture(2, random_state=0).fit(X), factor

    def score_samples(self, X):
        return self.mixture.score_samples(X) + np.log(self.factor)


@pytest.mark.parametrize("factor", [1, 1.03, 0.5, 1e4])
@pytest.mark.parametrize(("d", "tolerance"), [(1, 1e-9), (2, 1e-6), (3, 0.025), (6, 0.03)])
def test_integrals_are_right_within_their_error(d, tolerance, factor):
    X = example_rows(d)
    density = Scaled(X, factor)
    found = integral.integrate(density, typical_rows(density, X, seed=0), seed=0)
    assert found.value == pytest.approx(factor, abs=found.error + 1e-9 * factor)
    assert found.error < tolerance * factor


class ProbabilityPerUnit(Independent):
    """Divides probabilities of a lattice by its step, as if they were densities."""

    def score_samples(self, X):
        steps = [support.step or 1 for support in self.supports_]
        return super().score_samples(X) - np.log(steps).sum()


class ContinuumNotReduced(Independent):
    """Atoms come in addition to a density that already integrates to 1."""

    def score_samples(self, X):
        shares = [getattr(column, "share", 0.0) for column in self.columns_]
        return super().score_samples(X) - ((X > 0) @ np.log1p(-np.array(shares)))


class CategoryLost(Independent):
    """Smoothed codes that are not normalized again."""

    def score_samples(self, X):
        codes = [support.kind == "category" for support in self.supports_]
        return super().score_samples(X) + 0.05 * np.sum(codes)


def of_columns(columns):
    """Supports and rows of some of the columns of all kinds."""
    return [SUPPORTS[j] for j in columns], rows_of_all_kinds()[:, columns]


@pytest.mark.parametrize("columns", [[0], [2], [0, 4], [1, 2, 3], [0, 1, 2, 3, 4], [1, 1]])
def test_masses_of_columns_of_all_kinds_are_1(columns):
    supports, X = of_columns(columns)
    density = Independent(supports).fit(X)
    found = integral.total_mass(density, X, Measure(tuple(supports)), 0)
    assert found.value == pytest.approx(1, abs=found.error + 1e-9)
    assert found.error < 0.05
    assert not finds("integrates_to_one", Independent(supports), X)


@pytest.mark.parametrize(
    ("fault", "columns"),
    [
        (ProbabilityPerUnit, [2]),
        (ProbabilityPerUnit, [2, 4]),
        (ContinuumNotReduced, [0]),
        (ContinuumNotReduced, [0, 1, 3]),
        (CategoryLost, [1]),
        (CategoryLost, [1, 1]),
    ],
)
def test_faults_of_measure_are_found(fault, columns):
    supports, X = of_columns(columns)
    assert finds("integrates_to_one", fault(supports), X)


class OffByAMillionth(Independent):
    def score_samples(self, X):
        return super().score_samples(X) + 2e-6


def test_sums_over_all_rows_are_exact():
    supports, X = of_columns([1, 1])
    assert finds("integrates_to_one", OffByAMillionth(supports), X)
