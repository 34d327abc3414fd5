"""compile=True: the same density, or a warning where it cannot be."""

import numpy as np
import pytest
import torch

from skflow.estimators import fitted_density
from skflow.runtime.compile import compiled

torchs_own_warnings = pytest.mark.filterwarnings(
    "ignore::DeprecationWarning", "ignore::FutureWarning"
)


def test_what_cannot_be_compiled_is_called_as_it_is(monkeypatch):
    def broken(function):
        def call(*args):
            raise RuntimeError("No working C++ compiler found.\nA long story.")

        return call

    monkeypatch.setattr(torch, "compile", broken)
    double = compiled(lambda x: 2 * x, wanted=True)
    with pytest.warns(RuntimeWarning, match="No working C.. compiler found. torch.compile needs"):
        assert double(torch.tensor(2.0)) == 4
    assert double(torch.tensor(3.0)) == 6  # and says it once


@pytest.mark.slow
@torchs_own_warnings
def test_the_callers_fault_stays_his():
    divide = compiled(lambda x: x @ torch.ones(3), wanted=True)
    with pytest.raises(RuntimeError, match="size"):
        divide(torch.ones(2))


def test_nothing_is_compiled_unasked():
    assert compiled(np.abs, wanted=False) is np.abs


@pytest.mark.slow
@torchs_own_warnings
@pytest.mark.parametrize("family", ["nsf_ar", "realnvp", "flow_matching", "flow_matching_ot"])
def test_compiled_fit_and_scores_are_the_plain_ones(quick, moons, more_moons, monkeypatch, family):
    monkeypatch.setattr(fitted_density, "_MANY_ROWS", 1)
    monkeypatch.setattr(fitted_density, "_BLOCK_OF_FEW_COLUMNS", len(more_moons))
    # few steps, for rounding grows from step to step
    settings = {"flow": family, "dropout": 0.0, "early_stopping": False, "max_iter": 10}
    plain = quick(**settings).fit(moons)
    fast = quick(compile=True, **settings).fit(moons)
    expected = plain.score_samples(more_moons)
    np.testing.assert_allclose(fast.score_samples(more_moons), expected, rtol=0, atol=1e-3)
    plain.set_params(compile=True)
    np.testing.assert_allclose(plain.score_samples(more_moons), expected, rtol=0, atol=1e-10)
