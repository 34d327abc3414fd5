"""Rows, feature names, subsamples and axis ranges of plots."""

import numpy as np
import pandas as pd
import pytest
from sklearn.neighbors import KernelDensity

from skflow.plotting.plot_data import (
    as_fitted_type,
    check_has_method,
    check_rows,
    padded_range,
    resolve_feature_names,
    subsample_rows,
)

ROWS = np.arange(20.0).reshape(10, 2)
FRAME = pd.DataFrame(ROWS, columns=["a", "b"])
FITTED = KernelDensity().fit(FRAME)


def test_names_passed_come_before_those_of_x_and_those_before_those_of_the_fit():
    other = FRAME.rename(columns={"a": "c"})
    assert resolve_feature_names(FITTED, other, ["u", "v"], 2) == ["u", "v"]
    assert resolve_feature_names(FITTED, other, None, 2) == ["c", "b"]
    assert resolve_feature_names(FITTED, ROWS, None, 2) == ["a", "b"]
    assert resolve_feature_names(KernelDensity(), ROWS, None, 2) == ["x0", "x1"]
    assert resolve_feature_names(None, pd.DataFrame(ROWS), None, 2) == ["0", "1"]
    with pytest.raises(ValueError, match="has 3 names, but X has 2 columns"):
        resolve_feature_names(FITTED, ROWS, "abc", 2)


def test_rows_are_a_frame_only_if_names_were_seen_in_fit():
    frame = as_fitted_type(FITTED, FRAME, 2 * ROWS)
    pd.testing.assert_frame_equal(frame, 2 * FRAME)
    assert as_fitted_type(KernelDensity().fit(ROWS), FRAME, ROWS) is ROWS
    assert as_fitted_type(FITTED, ROWS, ROWS) is ROWS


def test_subsamples_are_distinct_rows_in_their_order():
    some = subsample_rows(ROWS, 4, random_state=0)
    assert some.shape == (4, 2)
    assert set(some[:, 0]) <= set(ROWS[:, 0])
    assert (np.diff(some[:, 0]) > 0).all()
    assert subsample_rows(ROWS, 10, random_state=0) is ROWS
    assert subsample_rows(ROWS, None, random_state=0) is ROWS


def test_ranges_are_padded_and_never_empty():
    assert padded_range(np.array([3.0, 1.0, 2.0])) == pytest.approx((0.6, 3.4))
    assert padded_range(np.array([0.0, 10.0]), fraction=0.1) == (-1, 11)
    assert padded_range(np.array([5.0, 5.0])) == (4, 6)


def test_rows_are_finite_floats():
    assert check_rows([[1, 2]]).dtype == np.float64
    with pytest.raises(ValueError, match="contains NaN"):
        check_rows([[np.nan, 1.0]])


def test_a_missing_method_is_named():
    check_has_method(FITTED, "score_samples", "DensityDisplay")
    with pytest.raises(TypeError, match="KernelDensity has no method cdf, which Corner requires"):
        check_has_method(FITTED, "cdf", "Corner")
