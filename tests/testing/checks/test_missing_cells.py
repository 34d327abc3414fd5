"""Empty rows that do not score 0, and weights that fail where cells are missing, are found."""

import numpy as np
import pytest

from skflow.testing import DensityCheckError, check_density
from skflow.testing.checks import missing_cells
from tests.testing.planted_faults import GaussianOfSubsets, check_names, finds


class EmptyRowsAreMeans(GaussianOfSubsets):
    def score_samples(self, X):
        empty = np.isnan(X).all(axis=1, keepdims=True)
        return super().score_samples(np.where(empty, self.mean_, X))


class EmptyRowsAreUnknown(GaussianOfSubsets):
    def score_samples(self, X):
        return np.where(np.isnan(X).all(axis=1), np.nan, super().score_samples(X))


class MeansOfTheBatch(GaussianOfSubsets):
    def score_samples(self, X):
        if np.isnan(X).all(axis=1).any():
            return super().score_samples(X)
        means = np.nanmean(np.vstack([X, self.mean_]), axis=0)
        return super().score_samples(np.where(np.isnan(X), means, X))


class SortedByPattern(GaussianOfSubsets):
    """Rows with the same missing cells are scored together, and their scores not put back."""

    def score_samples(self, X):
        order = np.argsort(np.isnan(X).any(axis=1), kind="stable")
        return super().score_samples(X[order])


class WeightsOfCompleteRowsOnly(GaussianOfSubsets):
    def fit(self, X, y=None, sample_weight=None):
        if sample_weight is not None:
            incomplete = np.isnan(X).any(axis=1) & (sample_weight > 0)
            sample_weight = np.where(incomplete, 1, sample_weight)
        return super().fit(X, y, sample_weight)


class MergesEqualNumbersOnly(GaussianOfSubsets):
    """Equal rows count once, but NaN is not equal to NaN."""

    def fit(self, X, y=None, sample_weight=None):
        rows = X if sample_weight is None else X[sample_weight > 0]
        return super().fit(np.unique(rows, axis=0))


FAULTS = [
    (EmptyRowsAreMeans(), "empty_rows_score_zero"),
    (EmptyRowsAreUnknown(), "empty_rows_score_zero"),
    (MeansOfTheBatch(), "scores_holes_as_alone"),
    (SortedByPattern(), "scores_holes_as_alone"),
    (WeightsOfCompleteRowsOnly(), "weights_repeat_with_holes"),
    (MergesEqualNumbersOnly(), "weights_repeat_with_holes"),
]


@pytest.mark.parametrize(("estimator", "check"), FAULTS, ids=lambda p: type(p).__name__)
def test_each_fault_is_found(estimator, check):
    assert finds(check, estimator)


def test_every_check_finds_a_fault():
    assert check_names(missing_cells) == {check for _, check in FAULTS}


def test_faults_of_holes_are_not_faults_of_complete_rows():
    for estimator in (WeightsOfCompleteRowsOnly(), MergesEqualNumbersOnly()):
        assert not finds("weights_repeat", estimator)


@pytest.mark.slow
@pytest.mark.parametrize(("estimator", "check"), FAULTS, ids=lambda p: type(p).__name__)
def test_each_fault_is_reported(estimator, check):
    with pytest.raises(DensityCheckError, match=f"check_density_{check} "):
        check_density(estimator)
