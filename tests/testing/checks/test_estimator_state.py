"""Modified input, state kept from earlier fits, and lossy pickles are found."""

import numpy as np
import pytest

from skflow.testing import DensityCheckError, check_density
from skflow.testing.checks import estimator_state
from tests.testing.planted_faults import Gaussian, check_names, finds


class CentersXInPlace(Gaussian):
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


FAULTS = [
    (CentersXInPlace(), "leaves_x_alone"),
    (ScalesXInPlace(), "leaves_x_alone"),
    (RunningMean(), "refit_forgets"),
    (PickledInFloat32(), "survives_pickle"),
]


@pytest.mark.parametrize(("estimator", "check"), FAULTS, ids=lambda p: type(p).__name__)
def test_each_fault_is_found(estimator, check):
    assert finds(check, estimator)


def test_every_check_finds_a_fault():
    assert check_names(estimator_state) == {check for _, check in FAULTS}


@pytest.mark.slow
@pytest.mark.parametrize(("estimator", "check"), FAULTS, ids=lambda p: type(p).__name__)
def test_each_fault_is_reported(estimator, check):
    with pytest.raises(DensityCheckError, match=f"check_density_{check} "):
        check_density(estimator)
