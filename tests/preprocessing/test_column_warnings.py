"""Warnings about columns that no density on the real line describes well."""

import warnings

import numpy as np
import pandas as pd
import pytest

from skflow import DegenerateColumnWarning
from skflow.preprocessing.column_warnings import warn_about_columns
from skflow.preprocessing.supports import Support

NORMAL = np.random.default_rng(0).normal(size=100)


def warning_about(column, support=None, n_rows=None):
    """The warning about a column of distinct rows, "" if there is none."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        n_rows = len(column) if n_rows is None else n_rows
        warn_about_columns(column[:, None], n_rows, [support or Support()], None)
    assert len(caught) <= 1
    return str(caught[0].message) if caught else ""


def with_ties(n_ties, value, column=NORMAL):
    return np.concatenate([np.full(n_ties, value), column[n_ties:]])


def test_a_warning_suggests_supports_to_declare(quick):
    rng = np.random.default_rng(0)
    X = pd.DataFrame(
        {
            "count": rng.poisson(3, 500),
            "real": rng.normal(size=500),
            "rain": np.maximum(rng.normal(size=500), 0),
        }
    )
    with pytest.warns(DegenerateColumnWarning) as caught:
        quick().fit(X)
    (warning,) = caught
    message = str(warning.message)
    assert "'count' (" in message
    assert "support 'integer'" in message
    assert "'rain' (" in message
    assert "support (0, None)" in message
    assert "real" not in message.split("support={")[0].replace("real line", "")
    quick(support={"count": "integer"}).fit(X[["count", "real"]])  # and does not warn


def test_a_constant_column():
    assert "column 0 (constant)" in warning_about(np.full(50, 3.0))


def test_ties_at_more_than_a_fifth_of_the_rows():
    assert warning_about(with_ties(20, 0.25)) == ""
    assert "(21 % equal to 0.25)" in warning_about(with_ties(21, 0.25))


@pytest.mark.parametrize(
    ("sign", "support"), [(-1, r"support (-9, None)"), (1, r"support (None, 9)")]
)
def test_ties_at_an_end_look_like_a_bound_from_one_in_twenty_rows_on(sign, support):
    assert warning_about(with_ties(5, 9.0 * sign)) == ""
    assert f"(6 % equal to {9 * sign}: {support})" in warning_about(with_ties(6, 9.0 * sign))


def test_bounds_are_not_suggested_for_few_rows_nor_where_one_is_declared():
    assert warning_about(with_ties(4, -9.0)[:40]) == ""
    assert warning_about(with_ties(6, -9.0), Support(low=-9.0)) == ""


def test_integers_look_like_counts_if_more_than_four_rows_have_each():
    integers = np.repeat(np.arange(10.0), 5)
    assert "(10 distinct integers, 10 % equal to 0: support 'integer')" in warning_about(integers)
    integers = np.repeat(np.arange(10.0), 4)
    assert "integers" not in warning_about(integers)
    assert "10 distinct integers" in warning_about(integers, n_rows=41)  # with repeated rows


@pytest.mark.parametrize("support", [Support(integer=True), Support(period=24.0)])
def test_declared_integers_and_angles_are_fine(support):
    assert warning_about(np.repeat(np.arange(10.0), 50), support) == ""
