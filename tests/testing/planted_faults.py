"""What tests of the checks share: a correct estimator to break, and whether a check finds it."""

import numpy as np
from scipy.special import gammaln
from scipy.stats import norm
from sklearn.base import BaseEstimator, DensityMixin

from skflow import Support
from skflow.testing import DensityCheckError, checks
from skflow.testing.estimator_interface import fit_clone
from skflow.testing.example_data import example_rows

X = example_rows(2)
X.setflags(write=False)

FITTED_CHECKS = (*checks.DENSITY_CHECKS, *checks.SUBSET_CHECKS)
ALL_CHECKS = (*FITTED_CHECKS, *checks.FIT_CHECKS)

QUICK = {"effort": "fast", "max_iter": 20, "tol": 10.0, "n_iter_no_change": 2}


def finds(check, estimator, X=X):
    """Whether a check fails for an estimator."""
    check = getattr(checks, f"check_density_{check}")
    assert checks.applies(check, estimator)
    subject = fit_clone(estimator, X) if check in FITTED_CHECKS else estimator
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


class GaussianOfSubsets(Gaussian):
    """A normal distribution that takes NaN, with its conditionals and marginals."""

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags

    def fit(self, X, y=None, sample_weight=None):
        weights = np.ones(len(X)) if sample_weight is None else sample_weight
        known = ~np.isnan(X)
        means = (weights @ np.where(known, X, 0)) / (weights @ known)
        return super().fit(np.where(known, X, means), y, sample_weight)

    def score_samples(self, X):
        if not np.isnan(X).any():
            return super().score_samples(X)
        return np.array([self._score_row(row) for row in X])

    def _score_row(self, row):
        known = np.flatnonzero(~np.isnan(row))
        return self.marginal(known).score_samples(row[None, known])[0] if len(known) else 0.0

    def marginal(self, columns):
        return self._of(self.mean_[columns], self.covariance_[np.ix_(columns, columns)])

    def condition(self, given):
        known, values = list(given), np.array(list(given.values()))
        rest = np.setdiff1d(np.arange(len(self.mean_)), known)
        gain = self._gain(rest, known)
        mean = self.mean_[rest] + gain @ (values - self.mean_[known])
        covariance = self.covariance_[np.ix_(rest, rest)]
        return self._of(mean, covariance - gain @ self.covariance_[np.ix_(known, rest)])

    def _gain(self, rest, known):
        between = self.covariance_[np.ix_(rest, known)]
        return between @ np.linalg.inv(self.covariance_[np.ix_(known, known)])

    def _of(self, mean, covariance):
        density = Gaussian()
        density.mean_, density.covariance_ = mean, covariance
        return density


SUPPORTS = [
    Support(low=0, atoms=[0]),
    Support("category", levels=[1, 2, 5]),
    Support("lattice", step=0.5, low=0),
    Support("circular", period=24),
    Support(),
]


def rows_of_all_kinds(n_rows=200, seed=0):
    """Rows of `SUPPORTS`: with a pile at 0, codes, steps of a half, hours and numbers."""
    rng = np.random.default_rng(seed)
    rain = rng.exponential(3, n_rows) * (rng.random(n_rows) < 0.6)
    codes = rng.choice([1, 2, 5], n_rows, p=[0.5, 0.4, 0.1])
    halves, hours = 0.5 * rng.poisson(3, n_rows), rng.uniform(0, 24, n_rows)
    return np.column_stack([rain, codes, halves, hours, rng.normal(5, 2, n_rows)])


class Independent(DensityMixin, BaseEstimator):
    """Columns of all kinds, independent of one another: exact in every measure."""

    def __init__(self, support=SUPPORTS):
        self.support = support

    def fit(self, X, y=None, sample_weight=None):
        self.supports_ = list(self.support)
        weights = np.ones(len(X)) if sample_weight is None else sample_weight
        pairs = zip(X.T, self.supports_, strict=True)
        self.columns_ = [self._column(s).fit(column, weights) for column, s in pairs]
        return self

    def _column(self, support):
        kinds = {"category": _Codes, "lattice": _Counts, "circular": _Angles}
        return kinds.get(support.kind, _Pile if support.states else _Numbers)(support)

    def score_samples(self, X):
        return np.sum([c.log_prob(x) for c, x in zip(self.columns_, X.T, strict=True)], axis=0)

    def sample(self, n_samples=1, random_state=None):
        rng = np.random.default_rng(random_state)
        return np.column_stack([column.sample(n_samples, rng) for column in self.columns_])


class _Column:
    def __init__(self, support):
        self.support = support


class _Numbers(_Column):
    def fit(self, x, weights):
        self.mean = np.average(x, weights=weights)
        variance = np.average((x - self.mean) ** 2, weights=weights)
        self.sd = np.sqrt(variance) + 1e-9 * (abs(self.mean) + 1)
        return self

    def log_prob(self, x):
        return norm(self.mean, self.sd).logpdf(x)

    def sample(self, n, rng):
        return rng.normal(self.mean, self.sd, n)


class _Pile(_Column):
    """An atom at the lower end, and an exponential distribution beyond it."""

    def fit(self, x, weights):
        beyond = x > self.support.low
        self.share = (weights @ ~beyond + 1) / (weights.sum() + 2)
        self.scale = np.average(x - self.support.low, weights=weights * beyond)
        return self

    def log_prob(self, x):
        distance = x - self.support.low
        beyond = np.log1p(-self.share) - distance / self.scale - np.log(self.scale)
        return np.where(distance == 0, np.log(self.share), beyond)

    def sample(self, n, rng):
        distance = rng.exponential(self.scale, n)
        return self.support.low + distance * (rng.random(n) > self.share)


class _Codes(_Column):
    def fit(self, x, weights):
        self.levels = np.array(self.support.levels)
        counts = weights @ (x[:, None] == self.levels) + 1
        self.shares = counts / counts.sum()
        return self

    def log_prob(self, x):
        return np.log(self.shares[np.searchsorted(self.levels, x)])

    def sample(self, n, rng):
        return rng.choice(self.levels, n, p=self.shares)


class _Counts(_Column):
    """A Poisson distribution of steps."""

    def _steps(self, x):
        return np.round((x - self.support.low) / self.support.step)

    def fit(self, x, weights):
        self.mean = np.average(self._steps(x), weights=weights)
        return self

    def log_prob(self, x):
        k = self._steps(x)
        return k * np.log(self.mean) - self.mean - gammaln(k + 1)

    def sample(self, n, rng):
        return self.support.low + self.support.step * rng.poisson(self.mean, n)


class _Angles(_Column):
    """A density in proportion to 1 + cos(angle) / 2."""

    def fit(self, x, weights):
        return self

    def log_prob(self, x):
        period = self.support.period
        return np.log1p(0.5 * np.cos(2 * np.pi * x / period)) - np.log(period)

    def sample(self, n, rng):
        angles = rng.uniform(0, self.support.period, 3 * n + 50)
        kept = 1.5 * rng.random(len(angles)) < 1 + 0.5 * np.cos(
            2 * np.pi * angles / self.support.period
        )
        return angles[kept][:n]
