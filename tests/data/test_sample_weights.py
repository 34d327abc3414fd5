"""Sample weights are converted, or the first wrong one is named."""

import numpy as np
import pandas as pd
import pytest

from skflow.data.sample_weights import check_weights


@pytest.mark.parametrize("weights", [[1, 2, 0], (1.0, 2.0, 0.0), pd.Series([1, 2, 0])], ids=str)
def test_weights_are_floats(weights):
    checked = check_weights(weights, 3)
    assert checked.dtype == np.float64
    np.testing.assert_array_equal(checked, [1, 2, 0])


def test_one_number_or_none_for_all():
    np.testing.assert_array_equal(check_weights(None, 3), [1, 1, 1])
    np.testing.assert_array_equal(check_weights(2, 3), [2, 2, 2])


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ([1, -2.5, 1], r"Negative values .*sample_weight`: -2\.5 in row 1\."),
        ([1, 1, np.nan], "sample_weight contains NaN in row 2"),
        ([np.inf, 1, 1], "sample_weight contains infinity in row 0"),
        ([0, 0, 0], "at least one non-zero number, but all of sample_weight is 0"),
        (0, "at least one non-zero number"),
        ([1, 1], r"== \(2,\), expected \(3,\): one weight for each row"),
        ([[1], [1], [1]], "must be 1D array or scalar, but have 2 axes"),
        ("balanced", "'balanced' could not be converted"),
        ([1, pd.NA, 1], "sample_weight must be one finite number .*NAType"),
        ([1, 10**400, 1], "sample_weight must be one finite number .*too large"),
    ],
    ids=str,
)
def test_wrong_weights_are_named(weights, message):
    with pytest.raises(ValueError, match=message):
        check_weights(weights, 3)
