"""Broken estimators, each found by the check for its fault; all else is left as it was."""

import numpy as np
import pytest
from sklearn.base import BaseEstimator, DensityMixin
from sklearn.mixture import GaussianMixture
from sklearn.neighbors import KernelDensity

from skflow import NormalizingFlowDensity
from skflow.testing import DensityCheckError, check_density
from skflow.testing.checks import DENSITY_CHECKS, FIT_CHECKS
from skflow.testing.estimator_interface import fit_clone
from skflow.testing.example_data import example_rows

X = example_rows(2)
X.setflags(write=False)


class Gaussian(DensityMixin, BaseEstimator):
    """A normal distribution: the sound one, which the faults below are patches of."""

    def __init__(self, random_state=None):
        self.random_state = random_state

    def fit(self, X, y=None, sample_weight=None):
        self.mean_ = np.average(X, axis=0, weights=sample_weight)
        self.covariance_ = self._covariance(X - self.mean_, sample_weight)
        return self

    def _covariance(self, centred, weights):
        covariance = np.atleast_2d(np.cov(centred.T, aweights=weights, bias=True))
        variances = np.maximum(np.diag(covariance), 1e-12)
        return covariance + 1e-9 * np.diag(variances)

    def score_samples(self, X):
        root = np.linalg.cholesky(self.covariance_)
        z = np.linalg.solve(root, (X - self.mean_).T)
        d = X.shape[1]
        return -0.5 * (z**2).sum(axis=0) - d / 2 * np.log(2 * np.pi) - np.log(np.diag(root)).sum()

    def sample(self, n_samples=1, random_state=None):
        rng = np.random.default_rng(random_state)
        root = np.linalg.cholesky(self.covariance_)
        return self.mean_ + rng.normal(size=(n_samples, len(self.mean_))) @ root.T


class LogDetTurned(Gaussian):
    def score_samples(self, X):
        return super().score_samples(X) + np.linalg.slogdet(self.covariance_)[1]


class Unnormalised(Gaussian):
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
        centre = np.median(super().sample(1000, random_state=0), axis=0)
        return centre + 0.9 * (rows - centre)


class DrawsAreRowsOfX(Gaussian):
    def fit(self, X, y=None, sample_weight=None):
        self.rows_ = X.copy()
        return super().fit(X, y, sample_weight)

    def sample(self, n_samples=1, random_state=None):
        return np.random.default_rng(random_state).choice(self.rows_, n_samples)


class OneDrawIsFlat(Gaussian):
    def sample(self, n_samples=1, random_state=None):
        return np.squeeze(super().sample(n_samples, random_state))


class DrawsFromTheGlobalGenerator(Gaussian):
    def sample(self, n_samples=1, random_state=None):
        return np.random.multivariate_normal(self.mean_, self.covariance_, n_samples)  # noqa: NPY002


class SeedsFromTheGlobalGenerator(Gaussian):
    def sample(self, n_samples=1, random_state=None):
        state = np.random.get_state()[1]  # noqa: NPY002
        return super().sample(n_samples, [*state[:3], random_state])


class SeedIgnored(Gaussian):
    def sample(self, n_samples=1, random_state=None):
        return super().sample(n_samples)


class SeedFixed(Gaussian):
    def sample(self, n_samples=1, random_state=None):
        return super().sample(n_samples, 0)


class FitIgnoresItsSeed(Gaussian):
    def _covariance(self, centred, weights):
        jitter = np.random.default_rng().normal(size=centred.shape)
        return super()._covariance(centred * (1 + 1e-3 * jitter), weights)


class BatchNorm(Gaussian):
    def score_samples(self, X):
        share = min(1, len(X) / 1000)
        return super().score_samples(X + share * (self.mean_ - X.mean(axis=0)))


class Dropout(Gaussian):
    def score_samples(self, X):
        noise = np.random.default_rng(len(X)).normal(size=X.shape)
        return super().score_samples(X + 1e-4 * noise)


class Float32(Gaussian):
    def score_samples(self, X):
        return super().score_samples(X).astype(np.float32).astype(np.float64)


class ScoresAreAColumn(Gaussian):
    def score_samples(self, X):
        return super().score_samples(X)[:, None]


class HoldsOutTheLastRows(Gaussian):
    def fit(self, X, y=None, sample_weight=None):
        kept = slice(len(X) * 9 // 10)
        return super().fit(X[kept], y, None if sample_weight is None else sample_weight[kept])


class WeightsIgnored(KernelDensity):
    def fit(self, X, y=None, sample_weight=None):
        return super().fit(X)


class WeightsInTheMeanOnly(Gaussian):
    def _covariance(self, centred, weights):
        return super()._covariance(centred, None)


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


class CentresXInPlace(Gaussian):
    def fit(self, X, y=None, sample_weight=None):
        super().fit(X, y, sample_weight)
        X -= self.mean_
        return self


class ScalesXInPlace(Gaussian):
    def score_samples(self, X):
        scores = super().score_samples(X)
        X *= 2
        return scores


class RunningMean(Gaussian):
    def fit(self, X, y=None, sample_weight=None):
        self.inflation_ = 0.9 * getattr(self, "inflation_", X.var()) + 0.1 * X.var()
        return super().fit(X, y, sample_weight)

    def score_samples(self, X):
        return super().score_samples(X) - 1e-6 * self.inflation_


class PickledInFloat32(Gaussian):
    def __getstate__(self):
        state = dict(super().__getstate__())
        return {**state, "mean_": state["mean_"].astype(np.float32)}


class DividesByTheVariance(Gaussian):
    def _covariance(self, centred, weights):
        scale = centred.std(axis=0)
        with np.errstate(all="ignore"):
            return super()._covariance(centred / scale, weights) * np.outer(scale, scale)


class SingularCovariance(Gaussian):
    def _covariance(self, centred, weights):
        covariance = np.atleast_2d(np.cov(centred.T, aweights=weights, bias=True))
        np.linalg.inv(covariance + 1e-300)
        if np.linalg.cond(covariance) > 1e12:
            raise np.linalg.LinAlgError("Singular matrix")
        return covariance


class BandwidthOfNeighbours(KernelDensity):
    """As wide as the median distance to the nearest row."""

    def fit(self, X, y=None, sample_weight=None):
        distances = np.linalg.norm(X[:, None] - X, axis=2) + np.diag(np.full(len(X), np.inf))
        self.bandwidth = np.median(distances.min(axis=1))
        return super().fit(X, y, sample_weight)


class MetresOnly(Gaussian):
    """A regulariser in the units of the columns."""

    def _covariance(self, centred, weights):
        return super()._covariance(centred, weights) + 0.1 * np.eye(centred.shape[1])


QUICK = {"effort": "fast", "max_iter": 20, "tol": 10.0, "n_iter_no_change": 2}

FAULTS = [
    (LogDetTurned(), "integrates_to_one"),
    (Unnormalised(), "integrates_to_one"),
    (JacobianForgotten(bandwidth=0.5), "integrates_to_one"),
    (FlowInScaledUnits(flow="realnvp", **QUICK), "integrates_to_one"),
    (DrawsTooNarrow(), "samples_follow_scores"),
    (DrawsUncorrelated(), "samples_follow_scores"),
    (DrawsWithoutWeights(2), "samples_follow_scores"),
    (DrawsAtALowTemperature(flow="nsf", **QUICK), "samples_follow_scores"),
    (DrawsAreRowsOfX(), "samples_never_repeat"),
    (OneDrawIsFlat(), "samples_shape"),
    (DrawsFromTheGlobalGenerator(), "leaves_global_state_alone"),
    (SeedsFromTheGlobalGenerator(), "ignores_global_state"),
    (SeedIgnored(), "same_seed_same_samples"),
    (SeedFixed(), "same_seed_same_samples"),
    (FitIgnoresItsSeed(), "same_seed_same_fit"),
    (BatchNorm(), "scores_one_row_as_many"),
    (Dropout(), "scores_in_any_order"),
    (Float32(), "scores_are_float64"),
    (ScoresAreAColumn(), "scores_shape"),
    (HoldsOutTheLastRows(), "fit_order"),
    (WeightsIgnored(), "weights_repeat"),
    (WeightsInTheMeanOnly(), "weights_repeat"),
    (UnderflowsFarOut(), "finite_far_away"),
    (NaNFarOut(), "finite_far_away"),
    (TailLevelled(), "tails_fall"),
    (TailRises(), "tails_fall"),
    (CentresXInPlace(), "leaves_x_alone"),
    (ScalesXInPlace(), "leaves_x_alone"),
    (RunningMean(), "refit_forgets"),
    (PickledInFloat32(), "survives_pickle"),
    (DividesByTheVariance(), "survives_constant_column"),
    (SingularCovariance(), "survives_equal_columns"),
    (BandwidthOfNeighbours(), "survives_equal_rows"),
    (MetresOnly(), "scale_equivariance"),
]


CHECKS = {check.__name__: check for check in (*DENSITY_CHECKS, *FIT_CHECKS)}


@pytest.mark.parametrize(("estimator", "name"), FAULTS, ids=lambda p: type(p).__name__)
def test_each_fault_is_found(estimator, name):
    check = CHECKS[f"check_density_{name}"]
    subject = fit_clone(estimator, X) if check in DENSITY_CHECKS else estimator
    with pytest.raises((DensityCheckError, ValueError)):
        check(subject, X)


def test_every_check_finds_a_fault():
    assert set(CHECKS) == {f"check_density_{name}" for _, name in FAULTS}


def test_what_the_faults_are_patches_of_passes():
    assert {result["status"] for result in check_density(Gaussian(), X)} == {"passed"}


@pytest.mark.slow
@pytest.mark.parametrize(("estimator", "name"), FAULTS, ids=lambda p: type(p).__name__)
def test_each_fault_is_reported(estimator, name):
    with pytest.raises(DensityCheckError, match=f"check_density_{name} ") as caught:
        check_density(estimator)
    print(*[line for line in str(caught.value).splitlines() if line.startswith("check_density")])
