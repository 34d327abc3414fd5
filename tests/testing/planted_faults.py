"""What tests of the checks share: a correct estimator to break, and whether a check finds it."""

import numpy as np
from sklearn.base import BaseEstimator, DensityMixin

from skflow.testing import DensityCheckError, checks
from skflow.testing.estimator_interface import fit_clone
from skflow.testing.example_data import example_rows

X = example_rows(2)
X.setflags(write=False)

ALL_CHECKS = (*checks.DENSITY_CHECKS, *checks.FIT_CHECKS)

QUICK = {"effort": "fast", "max_iter": 20, "tol": 10.0, "n_iter_no_change": 2}


def finds(check, estimator):
    """Whether a check fails for an estimator."""
    check = getattr(checks, f"check_density_{check}")
    subject = fit_clone(estimator, X) if check in checks.DENSITY_CHECKS else estimator
    try:
        check(subject, X)
    except (DensityCheckError, ValueError):
        return True
    return False


def check_names(module):
    """Names of the checks that a module defines, without their prefix."""
    defined = [check for check in vars(module).values() if check in ALL_CHECKS]
    return {check.__name__.removeprefix("check_density_") for check in defined}


class Gaussian(DensityMixin, BaseEstimator):
    """A normal distribution: the correct estimator that planted faults break."""

    def __init__(self, random_state=None):
        self.random_state = random_state

    def fit(self, X, y=None, sample_weight=None):
        self.mean_ = np.average(X, axis=0, weights=sample_weight)
        self.covariance_ = self._covariance(X - self.mean_, sample_weight)
        return self

    def _covariance(self, centered, weights):
        covariance = np.atleast_2d(np.cov(centered.T, aweights=weights, bias=True))
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
