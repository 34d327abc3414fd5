"""Scores that are misshapen, imprecise, or depend on other rows are found."""

import numpy as np
import pytest

from skflow.testing import DensityCheckError, check_density
from skflow.testing.checks import scores
from tests.testing.planted_faults import Gaussian, check_names, finds


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


FAULTS = [
    (BatchNorm(), "scores_one_row_as_many"),
    (Dropout(), "scores_in_any_order"),
    (Float32(), "scores_are_float64"),
    (ScoresAreAColumn(), "scores_shape"),
]


@pytest.mark.parametrize(("estimator", "check"), FAULTS, ids=lambda p: type(p).__name__)
def test_each_fault_is_found(estimator, check):
    assert finds(check, estimator)


def test_every_check_finds_a_fault():
    assert check_names(scores) == {check for _, check in FAULTS}


@pytest.mark.slow
@pytest.mark.parametrize(("estimator", "check"), FAULTS, ids=lambda p: type(p).__name__)
def test_each_fault_is_reported(estimator, check):
    with pytest.raises(DensityCheckError, match=f"check_density_{check} "):
        check_density(estimator)
