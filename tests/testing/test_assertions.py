"""Differences that count infinities and NaN, and messages in three lines."""

import numpy as np
import pytest

from skflow.testing import DensityCheckError
from skflow.testing.assertions import format_shape, mean_abs_difference, require


def test_only_equal_infinities_do_not_differ_and_nan_differs_infinitely():
    inf = np.inf
    assert mean_abs_difference(np.array([1.0, inf, -inf, 3]), np.array([2.0, inf, -inf, 0])) == 1
    assert mean_abs_difference(np.array([1.0, inf]), np.array([1.0, -inf])) > 1e300
    assert mean_abs_difference(np.array([1.0, np.nan]), np.array([1.0, np.nan])) == inf


def test_a_message_states_measurement_expectation_and_cause():
    require(np.bool_(True), "1", "1", "none")
    with pytest.raises(DensityCheckError) as caught:
        require(False, "2", "1", "a fault")
    assert str(caught.value) == "measured: 2\nexpected: 1\nusual cause: a fault"


def test_shapes():
    assert format_shape(np.ones((200, 3))) == "200 × 3"
    assert format_shape(np.ones(5)) == "5"
    assert format_shape(np.float64(1)) == "a scalar"
