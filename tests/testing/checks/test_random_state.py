"""Seeds that are ignored, and global random state that is used, are found."""

import numpy as np
import pytest

from skflow.testing import DensityCheckError, check_density
from skflow.testing.checks import random_state
from tests.testing.planted_faults import (
    SUPPORTS,
    Gaussian,
    Independent,
    check_names,
    finds,
    rows_of_all_kinds,
)


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
    def _covariance(self, centered, weights):
        jitter = np.random.default_rng().normal(size=centered.shape)
        return super()._covariance(centered * (1 + 1e-3 * jitter), weights)


FAULTS = [
    (DrawsFromTheGlobalGenerator(), "leaves_global_state_alone"),
    (SeedsFromTheGlobalGenerator(), "ignores_global_state"),
    (SeedIgnored(), "same_seed_same_samples"),
    (SeedFixed(), "same_seed_same_samples"),
    (FitIgnoresItsSeed(), "same_seed_same_fit"),
]


@pytest.mark.parametrize(("estimator", "check"), FAULTS, ids=lambda p: type(p).__name__)
def test_each_fault_is_found(estimator, check):
    assert finds(check, estimator)


def test_every_check_finds_a_fault():
    assert check_names(random_state) == {check for _, check in FAULTS}


@pytest.mark.slow
@pytest.mark.parametrize(("estimator", "check"), FAULTS, ids=lambda p: type(p).__name__)
def test_each_fault_is_reported(estimator, check):
    with pytest.raises(DensityCheckError, match=f"check_density_{check} "):
        check_density(estimator)


class StatesOfAFixedSeed(Independent):
    def sample(self, n_samples=1, random_state=None):
        return super().sample(n_samples, 0)


@pytest.mark.parametrize("columns", [[1], [0, 1], [1, 2], [0, 4]], ids=str)
def test_states_may_be_equal_for_another_seed_but_not_all_of_them(columns):
    supports, X = [SUPPORTS[j] for j in columns], rows_of_all_kinds()[:, columns]
    assert not finds("same_seed_same_samples", Independent(supports), X)
    assert finds("same_seed_same_samples", StatesOfAFixedSeed(supports), X)
