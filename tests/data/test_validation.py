"""Validation: values are converted, and errors name the value, the column and the row."""

import numpy as np
import pandas as pd
import pytest

from skflow.data.nan_policy import COMPLETE_IN_THIS_FLOW, HOLES
from skflow.data.validation import (
    check_count,
    check_deviations,
    check_finite,
    check_labels,
    check_layer_sizes,
    check_levels,
    check_priors,
    check_targets,
    check_variance,
    column_name,
    explained_conversion,
)

NAMES = np.array(["u", "v"], dtype=object)


def test_columns_are_called_by_name_or_index():
    assert column_name(NAMES, 1) == "column 'v'"
    assert column_name(None, 1) == "column 1"


@pytest.mark.parametrize("sizes", ["auto", 8, np.int64(8), (8, 4), [8], np.array([8, 4])])
def test_valid_layer_sizes(sizes):
    check_layer_sizes(sizes)


@pytest.mark.parametrize("sizes", [0, (), (8, 0), (8.0,), {8}, {8: 4}, (True,)], ids=str)
def test_invalid_layer_sizes(sizes):
    with pytest.raises(ValueError, match=r"hidden_layer_sizes=.* positive ints"):
        check_layer_sizes(sizes)


def test_counts():
    assert check_count("n", np.int32(3)) == 3
    assert type(check_count("n", np.int32(3))) is int
    for value in (0, -1, 1.0, True, "1", None):
        with pytest.raises(ValueError, match=r"n=.* positive int"):
            check_count("n", value)


def test_levels():
    assert check_levels(0.5).shape == ()
    assert check_levels([0.1, 0.9]).tolist() == [0.1, 0.9]
    for levels in (0.0, 1.0, [0.5, np.nan]):
        with pytest.raises(ValueError, match=r"masses=.*strictly between 0 and 1"):
            check_levels(levels, "masses")
    with pytest.raises(ValueError, match=r"quantiles=.*one-dimensional"):
        check_levels([[0.5]])


@pytest.mark.parametrize(
    ("y", "names"),
    [
        (np.zeros(4), ["y"]),
        (np.zeros((4, 1)), ["y"]),
        (np.zeros((4, 2)), ["y[:, 0]", "y[:, 1]"]),
        (pd.DataFrame({"p": range(4), "q": range(4)}), ["p", "q"]),
        (pd.Series(range(4), name="p"), ["y"]),
    ],
)
def test_targets_and_their_names(y, names):
    targets, target_names = check_targets(y, 4, "Estimator")
    assert targets.dtype == np.float64
    assert targets.shape == (4, len(names))
    assert target_names.tolist() == names


@pytest.mark.parametrize("check", [check_targets, check_labels])
def test_missing_targets_and_targets_of_another_length(check):
    with pytest.raises(ValueError, match="Estimator requires y to be passed"):
        check(None, 4, "Estimator")
    with pytest.raises(ValueError, match=r"y must have 4 samples.* it has 3"):
        check(np.arange(3), 4, "Estimator")


def test_labels_must_be_classes():
    assert check_labels(["a", "b"], 2, "Estimator").tolist() == ["a", "b"]
    with pytest.raises(ValueError, match="Unknown label type"):
        check_labels(np.linspace(0, 1, 4), 4, "Estimator")


def test_priors():
    classes, frequencies = np.array(["a", "b"]), np.array([0.3, 0.7])
    assert check_priors(None, classes, frequencies) is frequencies
    priors = check_priors([0.25, 0.75 + 1e-9], classes, frequencies)
    assert priors.sum() == pytest.approx(1, abs=1e-15)
    assert priors[0] == pytest.approx(0.25)
    for values in ([1.0], [-0.5, 1.5], [0.0, 0.0], [np.nan, 1.0]):
        with pytest.raises(ValueError, match="2 non-negative numbers"):
            check_priors(values, classes, frequencies)
    with pytest.raises(ValueError, match=r"sum to 1, not to 1\.5"):
        check_priors([0.5, 1.0], classes, frequencies)


@pytest.mark.parametrize("kind", [ValueError, TypeError])
def test_advice_on_input_that_is_not_numeric(kind):
    frame = pd.DataFrame({"u": [1.0, 2.0], "v": [3.0, "left"]})
    message = r"to float: x\. Input X has 'left' in column 'v', row 1"
    with pytest.raises(kind, match=message), explained_conversion(frame):
        raise kind("could not convert string to float: x.")


def test_advice_on_complex_numbers_and_errors_left_alone():
    message = "imaginary parts as separate columns"
    with pytest.raises(ValueError, match=message), explained_conversion(None):
        raise ValueError("Complex data not supported")
    with pytest.raises(ValueError, match=r"^Expected 2D array$"), explained_conversion(None):
        raise ValueError("Expected 2D array")


def test_non_finite_values_are_counted_and_located():
    X = np.zeros((5, 2))
    check_finite(X, None)
    X[[2, 4], 1] = np.inf
    with pytest.raises(ValueError, match=r"infinity in column 'v' \(first in row 2; 2 values in"):
        check_finite(X, NAMES)
    with pytest.raises(ValueError, match=r"infinity in column 1 \(first in row 102\)"):
        check_finite(X, None, range(100, 105))
    X[3, 0] = np.nan
    with pytest.raises(ValueError, match=r"NaN in column 0 \(first in row 3; 1 values"):
        check_finite(X, None)


def test_a_finite_table_whose_sum_overflows_passes():
    check_finite(np.full((3, 2), 1e308), None)


def test_overflowing_variances_are_named():
    X = np.array([[0.0, 1e200], [1.0, -1e200]])
    with pytest.raises(ValueError, match=r"variance of column 'v' .*value 1e\+200"):
        check_variance(X, NAMES)
    with pytest.raises(ValueError, match=r"variance of column 1 .*deviation 1e\+200"):
        check_deviations(X[0], None)
    check_variance(X[:, :1], None)
    check_deviations(np.array([1e150, 0.0]), None)


def test_holes_pass_where_they_may_and_infinity_does_not():
    X = np.array([[np.nan, 1.0], [2.0, np.nan], [0.5, 3.0]])
    check_finite(X, NAMES, nan=HOLES)
    check_variance(X, NAMES)
    with pytest.raises(ValueError, match=r"NaN in column 'u' \(first in row 0;.*\"any_order\""):
        check_finite(X, NAMES, nan=COMPLETE_IN_THIS_FLOW)
    X[2, 1] = np.inf
    with pytest.raises(ValueError, match=r"infinity in column 'v' \(first in row 2; 1 .* NaN, wh"):
        check_finite(X, NAMES, nan=HOLES)
    with pytest.raises(ValueError, match=r"infinity in column 'v' .* needs finite numbers\. Drop"):
        check_finite(np.nan_to_num(X, posinf=np.inf), NAMES, nan=COMPLETE_IN_THIS_FLOW)


def test_the_variance_of_a_column_with_holes_may_overflow():
    X = np.array([[0.0, 1e200], [np.nan, np.nan], [1.0, -2e200]])
    with pytest.raises(ValueError, match=r"variance of column 'v' .*value 2e\+200"):
        check_variance(X, NAMES)
