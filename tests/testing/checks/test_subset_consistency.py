"""Marginals that are no integrals, and conditionals that do not agree with them, are found."""

from unittest import SkipTest

import numpy as np
import pytest

from skflow.testing import DensityCheckError, check_density
from skflow.testing.checks import subset_consistency
from skflow.testing.estimator_interface import fit_clone
from skflow.testing.example_data import example_rows
from tests.testing.planted_faults import Gaussian, GaussianOfSubsets, X, check_names, finds


class MeansInHoles(GaussianOfSubsets):
    """Scores rows after mean imputation."""

    def score_samples(self, X):
        return super().score_samples(np.where(np.isnan(X), self.mean_, X))


class HolesWidenTheDensity(GaussianOfSubsets):
    """A density of the observed cells that was learned apart from that of complete rows."""

    def _score_row(self, row):
        score = super()._score_row(row * 1.5 - self.mean_ / 2)
        return score + np.log(1.5) * (~np.isnan(row)).sum()


class MarginalsAreConditionals(GaussianOfSubsets):
    def marginal(self, columns):
        rest = np.setdiff1d(np.arange(len(self.mean_)), columns)
        return self.condition({int(j): self.mean_[j] for j in rest})


class VarianceNotReduced(GaussianOfSubsets):
    """Conditional means with marginal variances."""

    def condition(self, given):
        density = super().condition(given)
        rest = np.setdiff1d(np.arange(len(self.mean_)), list(given))
        density.covariance_ = self.covariance_[np.ix_(rest, rest)]
        return density


class IndependentOfWhatIsGiven(GaussianOfSubsets):
    def _gain(self, rest, known):
        return np.zeros((len(rest), len(known)))


class ColumnsInOrderOfX(GaussianOfSubsets):
    """`marginal` returns columns in another order than asked for."""

    def marginal(self, columns):
        return super().marginal(np.sort(columns))


FAULTS = [
    (MeansInHoles(), "marginals_are_integrals"),
    (HolesWidenTheDensity(), "marginals_are_integrals"),
    (MarginalsAreConditionals(), "marginals_are_integrals"),
    (VarianceNotReduced(), "conditionals_times_marginals"),
    (IndependentOfWhatIsGiven(), "conditionals_times_marginals"),
    (ColumnsInOrderOfX(), "conditionals_times_marginals"),
]


@pytest.mark.parametrize(("estimator", "check"), FAULTS, ids=lambda p: type(p).__name__)
def test_each_fault_is_found(estimator, check):
    assert finds(check, estimator, example_rows(3))


def test_every_check_finds_a_fault():
    assert check_names(subset_consistency) == {check for _, check in FAULTS}


@pytest.mark.slow
@pytest.mark.parametrize(("estimator", "check"), FAULTS, ids=lambda p: type(p).__name__)
def test_each_fault_is_reported(estimator, check):
    with pytest.raises(DensityCheckError, match=f"check_density_{check} "):
        check_density(estimator)


class WithoutHoles(GaussianOfSubsets):
    """Conditionals and marginals, but no NaN."""

    def __sklearn_tags__(self):
        return Gaussian.__sklearn_tags__(self)


class MarginalsWithoutHoles(WithoutHoles):
    def marginal(self, columns):
        return super().marginal(np.flip(columns))


def test_marginals_of_densities_without_holes_are_checked_too():
    rows = example_rows(3)
    assert not finds("marginals_are_integrals", WithoutHoles(), rows)
    assert finds("marginals_are_integrals", MarginalsWithoutHoles(), rows)


class NoMarginals(WithoutHoles):
    def marginal(self, columns):
        raise ValueError("This family has no marginals; use another one.")


class HolesButNoMarginals(GaussianOfSubsets):
    marginal = NoMarginals.marginal


def test_methods_that_say_that_there_are_no_marginals_skip_a_check():
    for check in ("conditionals_times_marginals", "marginals_are_integrals"):
        with pytest.raises(SkipTest, match="no marginals; use another one"):
            finds(check, NoMarginals())
    assert finds("conditionals_times_marginals", HolesButNoMarginals())


def test_columns_are_named_as_in_the_fit():
    density = fit_clone(GaussianOfSubsets(), X)
    asked = []
    density.feature_names_in_ = np.array(["u", "v"], dtype=object)
    density.marginal = lambda names: (
        asked.append(names) or GaussianOfSubsets.marginal(density, [0])
    )
    subset_consistency._skip_without_subsets(density)
    assert asked == [["u"]]
