"""Tails that are not finite, or do not decrease, are found."""

from unittest import SkipTest

import numpy as np
import pytest
from sklearn.mixture import GaussianMixture

from skflow.testing import DensityCheckError, check_density
from skflow.testing.checks import tails
from tests.testing.planted_faults import (
    SUPPORTS,
    Gaussian,
    Independent,
    check_names,
    finds,
    rows_of_all_kinds,
)


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


FAULTS = [
    (UnderflowsFarOut(), "finite_far_away"),
    (NaNFarOut(), "finite_far_away"),
    (TailLevelled(), "tails_fall"),
    (TailRises(), "tails_fall"),
]


@pytest.mark.parametrize(("estimator", "check"), FAULTS, ids=lambda p: type(p).__name__)
def test_each_fault_is_found(estimator, check):
    assert finds(check, estimator)


def test_every_check_finds_a_fault():
    assert check_names(tails) == {check for _, check in FAULTS}


@pytest.mark.slow
@pytest.mark.parametrize(("estimator", "check"), FAULTS, ids=lambda p: type(p).__name__)
def test_each_fault_is_reported(estimator, check):
    with pytest.raises(DensityCheckError, match=f"check_density_{check} "):
        check_density(estimator)


class PileLevelsOff(Independent):
    def score_samples(self, X):
        far = X[:, 0] > 100
        return super().score_samples(np.where(far[:, None] & [True, False], 100.0, X))


class BelowZero(Independent):
    """Is only asked for values inside its supports."""

    def score_samples(self, X):
        assert (X[:, 0] >= 0).all()
        assert np.isin(X[:, 1], [1, 2, 5]).all()
        return super().score_samples(X)


def test_rays_go_away_from_bounds_and_along_real_columns_only():
    supports, X = SUPPORTS[:2], rows_of_all_kinds()[:, :2]
    for check in ("finite_far_away", "tails_fall"):
        assert not finds(check, BelowZero(supports), X)
    assert finds("tails_fall", PileLevelsOff(supports), X)
    with pytest.raises(SkipTest, match="No column has a tail"):
        finds("tails_fall", Independent(SUPPORTS[1:4]), rows_of_all_kinds()[:, 1:4])


def test_upper_bounds_are_left_downwards():
    ends = [(None, 3.0), (0.0, None), (None, None)]
    directions = np.array([[1.0, -2.0, -3.0], [-1.0, 2.0, 3.0]])
    expected = [[-1, 2, -3], [-1, 2, 3]]
    np.testing.assert_array_equal(tails._away_from(ends, directions), expected)
