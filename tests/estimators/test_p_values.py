"""The empirical distribution that p-values are ranks in."""

import numpy as np
import pytest

from skflow.estimators.p_values import CalibrationScores


@pytest.fixture
def calibration():
    return CalibrationScores.from_samples(np.array([3.0, 1.0, 2.0]), np.array([1.0, 1.0, 2.0]))


def test_p_values_are_the_weight_strictly_below(calibration):
    np.testing.assert_allclose(
        calibration.p_values(np.array([0.0, 1.0, 1.5, 2.0, 2.5, 3.0, 4.0])),
        [0, 0, 0.25, 0.25, 0.75, 0.75, 1],
    )


@pytest.mark.parametrize("p_value", [0.1, 0.25, 0.3, 0.75, 0.9])
def test_the_threshold_is_the_smallest_score_with_that_p_value(calibration, p_value):
    threshold = calibration.threshold(p_value)
    assert calibration.p_values(np.array([threshold])) >= p_value
    assert calibration.p_values(np.array([np.nextafter(threshold, -np.inf)])) < p_value


def test_equal_scores_have_equal_p_values():
    calibration = CalibrationScores.from_samples(np.array([1.0, 1.0, 2.0]), np.ones(3))
    np.testing.assert_allclose(calibration.p_values(np.array([1.0, 2.0])), [0, 2 / 3])
