"""Pickles hold plain values, and restore parameters that they do not know as defaults."""

import numpy as np
import pytest


def test_the_state_of_a_fitted_estimator_is_plain(quick, moons):
    state = quick().fit(moons).__getstate__()
    assert "flow_" not in state
    assert all(isinstance(array, np.ndarray) for array in state["_arrays"].values())
    assert isinstance(state["_spec"], dict)
    assert state["device_"] == "cpu"


def test_parameters_that_a_pickle_does_not_have_get_their_defaults(quick, moons):
    fitted = quick(effort="fast").fit(moons)
    state = fitted.__getstate__()
    del state["effort"], state["support"]
    restored = quick(support="positive")
    restored.__setstate__(state)
    assert (restored.effort, restored.support) == ("full", None)
    np.testing.assert_array_equal(restored.score_samples(moons), fitted.score_samples(moons))


def test_a_missing_device_falls_back_to_the_cpu(quick, moons):
    state = quick().fit(moons).__getstate__()
    restored = quick()
    restored.__setstate__(state | {"device_": "cuda:7"})
    assert restored.device_.type == "cpu"


def test_another_version_is_warned_of(quick, moons):
    state = quick().fit(moons).__getstate__()
    with pytest.warns(UserWarning, match="was saved by skflow 9.8.7"):
        quick().__setstate__(state | {"_skflow_version": "9.8.7"})
