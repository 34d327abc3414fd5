"""Fits that depend on units, on the order of rows, or on repetition are found."""

from unittest import SkipTest

import numpy as np
import pytest
from sklearn.neighbors import KernelDensity

from skflow import Support
from skflow.testing import DensityCheckError, check_density
from skflow.testing.checks import fit_invariance
from tests.testing.planted_faults import (
    SUPPORTS,
    Gaussian,
    GaussianOfSubsets,
    Independent,
    check_names,
    finds,
    rows_of_all_kinds,
)


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


class AtomsInFixedUnits(Independent):
    """Scores of states that change with the units, as densities do."""

    def fit(self, X, y=None, sample_weight=None):
        self.scale_ = X.std(axis=0)
        return super().fit(X, y, sample_weight)

    def score_samples(self, X):
        low = [support.low for support in self.supports_]
        return super().score_samples(X) - ((low == X) @ np.log(self.scale_))


@pytest.mark.parametrize("j", range(5))
def test_probabilities_have_no_units(j):
    supports, X = SUPPORTS[j : j + 1], rows_of_all_kinds()[:, j : j + 1]
    assert not finds("scale_equivariance", Independent(supports), X)
    assert finds("scale_equivariance", AtomsInFixedUnits(supports), X) == (j in (0, 2))


class MissingCellsHaveUnits(GaussianOfSubsets):
    """Conditional densities at an expected value in place of marginal ones."""

    def _score_row(self, row):
        sd = np.sqrt(np.diag(self.covariance_))
        return super()._score_row(row) - np.log(sd[np.isnan(row)]).sum()


def test_missing_cells_have_no_units():
    assert not finds("scale_equivariance", GaussianOfSubsets())
    assert finds("scale_equivariance", MissingCellsHaveUnits())


class FixedSupports(Gaussian):
    """Supports that are no parameter: a plain column, and one above −100."""

    def fit(self, X, y=None, sample_weight=None):
        self.supports_ = self.supports(X)
        assert sample_weight is None
        assert (X[:, 1] > -100).all()
        return super().fit(X)

    def supports(self, X):
        return [Support(), Support(low=-100)]


class NoPlainColumn(FixedSupports):
    def supports(self, X):
        return [Support(low=-100)] * X.shape[1]


def test_columns_whose_supports_cannot_be_declared_are_not_rescaled():
    assert not finds("scale_equivariance", FixedSupports())
    with pytest.raises(SkipTest, match="No column can be rescaled"):
        finds("scale_equivariance", NoPlainColumn())
