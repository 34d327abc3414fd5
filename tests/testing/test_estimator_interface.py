"""Estimators are seeded and sampled alike, and their inputs are copied."""

from unittest import SkipTest

import numpy as np
import pytest
from sklearn.mixture import GaussianMixture
from sklearn.neighbors import KernelDensity
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skflow.testing import estimator_interface
from skflow.testing.estimator_interface import (
    accepts_random_state,
    can_sample,
    draw_samples,
    fit_clone,
    has_parameter,
    log_p,
    skip_without_sample,
)
from skflow.testing.example_data import example_rows

X = example_rows(2)


def test_clones_are_seeded_at_any_depth():
    pipeline = make_pipeline(StandardScaler(), GaussianMixture())
    fitted = fit_clone(pipeline, X, seed=5)
    assert fitted.get_params()["gaussianmixture__random_state"] == 5
    assert pipeline.get_params()["gaussianmixture__random_state"] is None


@pytest.mark.parametrize("estimator", [KernelDensity(), GaussianMixture(2)], ids=repr)
def test_samples_are_arrays_that_depend_on_the_seed_only(estimator):
    density = fit_clone(estimator, X)
    samples = draw_samples(density, 30, seed=3)
    assert samples.shape == (30, 2)
    np.testing.assert_array_equal(samples, draw_samples(density, 30, seed=3))
    assert not np.isin(samples, draw_samples(density, 30, seed=4)).any()
    assert accepts_random_state(density)


def test_kernels_that_cannot_sample_skip_a_check():
    linear = KernelDensity(kernel="linear").fit(X)
    assert not can_sample(linear)
    assert can_sample(KernelDensity().fit(X))
    with pytest.raises(SkipTest, match="KernelDensity has no sample"):
        skip_without_sample(linear)


def test_scores_of_blocks_are_those_of_all_rows(monkeypatch):
    density = KernelDensity().fit(X)
    expected = density.score_samples(X)
    monkeypatch.setattr(estimator_interface, "_BLOCK_SIZE", 7)
    np.testing.assert_array_equal(log_p(density, X), expected)


def test_parameters_are_found_by_name():
    assert has_parameter(KernelDensity().fit, "sample_weight")
    assert not has_parameter(GaussianMixture().fit, "sample_weight")
