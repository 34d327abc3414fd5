"""Missing values and integers beyond float64 are named with their place."""

import numpy as np
import pandas as pd
import pytest

from skflow.data.unreadable_cells import (
    check_cells,
    check_finite_targets,
    check_no_missing_labels,
    explained_cells,
    is_missing,
)

LARGE = 10**400


def objects(value, at=(2, 1)):
    cells = np.arange(8.0).reshape(4, 2).astype(object)
    cells[at] = value
    return cells


@pytest.mark.parametrize("value", [None, np.nan, float("nan"), pd.NA, pd.NaT])
def test_missing_values(value):
    assert is_missing(value)
    assert not is_missing("nan")
    assert not is_missing(0.0)


@pytest.mark.parametrize("value", [None, pd.NA])
def test_missing_cells_are_named(value):
    message = rf"Input X contains NaN.* {value!r} in row 2 of column 1\..*SimpleImputer"
    with pytest.raises(ValueError, match=message):
        check_cells(objects(value))
    with pytest.raises(ValueError, match="row 2 of column 'b'"):
        check_cells(pd.DataFrame(objects(value), columns=["a", "b"]))
    with pytest.raises(ValueError, match=r"Input y .* in row 1\. Drop such rows from X and y"):
        check_cells(np.array([1, value], dtype=object), "y")


@pytest.mark.parametrize("sign", [1, -1])
def test_integers_beyond_float64_are_named(sign):
    with pytest.raises(ValueError, match=r"integer of 401 digits in row 2 of column 1.*1\.8e308"):
        check_cells(objects(sign * LARGE))
    with pytest.raises(ValueError, match="row 0 of column 'a'"):
        check_cells(pd.DataFrame({"a": [LARGE, 1]}))


@pytest.mark.parametrize(
    "table", [objects("text"), objects(1.0), np.eye(2), np.array(3.0), "x", np.zeros((2, 2, 2))]
)
def test_other_cells_are_left_to_the_caller(table):
    check_cells(table)


def test_text_among_targets_is_named():
    with pytest.raises(ValueError, match=r"Input y has 'u' in row 1, .*NormalizingFlowClassifier"):
        check_cells(np.array([1, "u"], dtype=object), "y")


def test_errors_of_a_conversion_are_replaced_only_if_a_cell_explains_them():
    with pytest.raises(ValueError, match="401 digits"), explained_cells([[LARGE, 1]]):
        np.array([[LARGE, 1]], dtype=float)
    with pytest.raises(TypeError, match="another"), explained_cells(np.eye(2)):
        raise TypeError("another")


@pytest.mark.parametrize(
    ("value", "what"), [(np.nan, "NaN"), (np.inf, "infinity"), (-np.inf, "infinity")]
)
def test_targets_that_are_not_finite_are_named(value, what):
    targets = np.ones((5, 2))
    targets[3, 1] = value
    with pytest.raises(ValueError, match=rf"Input y contains {what} in row 3 of column 'v' \(1 "):
        check_finite_targets(targets, np.array(["u", "v"]))
    with pytest.raises(ValueError, match=rf"{what} in row 3 of column 1 .*from X and y"):
        check_finite_targets(targets, None)
    with pytest.raises(ValueError, match=rf"{what} in row 3 \(1 values in all\)"):
        check_finite_targets(targets[:, 1], None)
    check_finite_targets(targets[:3], None)


@pytest.mark.parametrize(
    "labels",
    [
        [1.0, np.nan],
        np.array(["a", None], dtype=object),
        pd.Series([1, pd.NA], dtype="Int64"),
        pd.Categorical(["a", None]),
    ],
    ids=lambda labels: type(labels).__name__,
)
def test_missing_labels_are_named(labels):
    with pytest.raises(ValueError, match=r"Input y contains NaN.* in row 1.*a class of their own"):
        check_no_missing_labels(labels)
    check_no_missing_labels(labels[:1])
