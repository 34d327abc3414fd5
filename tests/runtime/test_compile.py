"""compile=True: the same density, or a warning if compilation fails."""

import numpy as np
import pytest
import torch

from skflow.estimators import fitted_density
from skflow.runtime.compile import compiled

ignore_warnings_of_torch = pytest.mark.filterwarnings(
    "ignore::DeprecationWarning", "ignore::FutureWarning"
)


def test_failed_compilation_warns_once_and_falls_back_to_eager(monkeypatch):
    def broken(function):
        def call(*args):
            raise RuntimeError("No working C++ compiler found.\nA long story.")

        return call

    monkeypatch.setattr(torch, "compile", broken)
    double = compiled(lambda x: 2 * x, enabled=True)
    with pytest.warns(RuntimeWarning, match="No working C.. compiler found. torch.compile needs"):
        assert double(torch.tensor(2.0)) == 4
    assert double(torch.tensor(3.0)) == 6  # without another warning


@pytest.mark.slow
@ignore_warnings_of_torch
def test_invalid_arguments_raise_as_in_eager_mode():
    divide = compiled(lambda x: x @ torch.ones(3), enabled=True)
    with pytest.raises(RuntimeError, match="size"):
        divide(torch.ones(2))


def test_nothing_is_compiled_by_default():
    assert compiled(np.abs, enabled=False) is np.abs


@pytest.mark.slow
@ignore_warnings_of_torch
@pytest.mark.parametrize("family", ["nsf_ar", "realnvp", "flow_matching", "flow_matching_ot"])
def test_compiled_fits_equal_eager_ones(quick, moons, more_moons, monkeypatch, family):
    monkeypatch.setattr(fitted_density, "_MANY_ROWS", 1)
    monkeypatch.setattr(fitted_density, "_BLOCK_OF_FEW_COLUMNS", len(more_moons))
    # few steps, because rounding errors grow from step to step
    settings = {"flow": family, "dropout": 0.0, "early_stopping": False, "max_iter": 10}
    eager = quick(**settings).fit(moons)
    compiled_fit = quick(compile=True, **settings).fit(moons)
    expected = eager.score_samples(more_moons)
    np.testing.assert_allclose(compiled_fit.score_samples(more_moons), expected, rtol=0, atol=1e-3)
    eager.set_params(compile=True)
    np.testing.assert_allclose(eager.score_samples(more_moons), expected, rtol=0, atol=1e-10)
