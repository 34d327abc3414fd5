"""Which check runs on which data, and how often an estimator is fitted."""

from typing import ClassVar

import numpy as np
from sklearn.neighbors import KernelDensity

from skflow.testing.check_cases import check_cases
from skflow.testing.checks import FIT_CHECKS, SUBSET_CHECKS
from skflow.testing.example_data import example_rows
from tests.testing.planted_faults import GaussianOfSubsets


class CountingKernels(KernelDensity):
    n_fits = 0

    def fit(self, X, y=None, sample_weight=None):
        CountingKernels.n_fits += 1
        return super().fit(X, y, sample_weight)


def test_checks_that_fit_run_on_two_columns_only():
    cases = list(check_cases(KernelDensity(), None, seed=0))
    assert len(cases) == 3 * 12 + 11
    fit_names = {check.__name__ for check in FIT_CHECKS}
    assert {case.n_columns for case in cases if case.name in fit_names} == {2}
    assert {case.n_columns for case in cases if case.name not in fit_names} == {1, 2, 3}


def test_checks_of_a_fitted_density_share_one_fit():
    X = np.random.default_rng(0).normal(size=(40, 1))
    estimator = CountingKernels()
    for case in list(check_cases(estimator, X, seed=0))[:4]:
        case.run(estimator)
    assert CountingKernels.n_fits == 1


class Remembers(GaussianOfSubsets):
    fits: ClassVar[list] = []

    def fit(self, X, y=None, sample_weight=None):
        Remembers.fits.append(X)
        return super().fit(X, y, sample_weight)


def test_subsets_are_checked_on_a_density_fitted_to_holes():
    X = example_rows(2)
    estimator = Remembers()
    cases = list(check_cases(estimator, X, seed=0))
    names = [check.__name__ for check in SUBSET_CHECKS]
    for case in [c for c in cases if c.name in names]:
        case.run(estimator)
    (rows,) = Remembers.fits
    assert 0.05 < np.isnan(rows).mean() < 0.15
    assert not np.isnan(rows).all(axis=1).any()
