"""Cells that are given to `sample`, as a dict or as a table, and what is wrong with them."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch

from skflow import NormalizingFlowDensity, Support
from skflow.estimators.given_cells import NamedColumns, given_rows, selected_columns
from skflow.flows.any_order.part import Part
from tests.estimators.conftest import CHOLESKY, gaussian_rows, mixed_rows

COLUMNS = NamedColumns(
    np.array(["a", "b", "c"], dtype=object),
    [Support(), Support("lattice", low=0, step=0.5), Support("category", levels=[1, 2, 5])],
)
WITHOUT_NAMES = NamedColumns(None, COLUMNS.supports)
NAN = np.nan


def every_row(part, cells, missing):
    """As many patterns as rows."""
    return (torch.arange(len(missing)).unsqueeze(1),)


class TestRows:
    @pytest.mark.parametrize(
        ("given", "expected"),
        [
            ({"c": 5, "a": 0.25}, [[0.25, NAN, 5]]),
            ({2: 1, "b": 1.5}, [[NAN, 1.5, 1]]),
            ({}, [[NAN, NAN, NAN]]),
            ({"a": None, "b": pd.NA, "c": NAN}, [[NAN, NAN, NAN]]),
            ({"a": np.float32(0.5), "c": np.int8(2)}, [[0.5, NAN, 2]]),
            (pd.Series({"b": 2.0, "a": 1.0}), [[1, 2, NAN]]),
            ([[1, 2, 5], [NAN, NAN, 1]], [[1, 2, 5], [NAN, NAN, 1]]),
            (np.ma.masked_equal([[1.0, 0.0, 5.0]], 0), [[1, NAN, 5]]),
            (pd.DataFrame({"c": [1, 5], "a": [0, NAN]}), [[0, NAN, 1], [NAN, NAN, 5]]),
            (pd.DataFrame({"b": [1, None]}, dtype="Int64"), [[NAN, 1, NAN], [NAN] * 3]),
            (pl.DataFrame({"c": [1, None], "a": [0.5, 1.5]}), [[0.5, NAN, 1], [1.5, NAN, NAN]]),
            (pd.DataFrame({"b": [1.0000002]}), [[NAN, 1, NAN]]),
        ],
    )
    def test_cells_go_to_their_columns(self, given, expected):
        np.testing.assert_array_equal(given_rows(given, COLUMNS), expected)

    def test_indices_without_names(self):
        rows = given_rows({1: 0.5}, WITHOUT_NAMES)
        np.testing.assert_array_equal(rows, [[NAN, 0.5, NAN]])
        rows = given_rows(pd.DataFrame([[1.0, 5.0]], columns=[0, 2]), WITHOUT_NAMES)
        np.testing.assert_array_equal(rows, [[1, NAN, 5]])

    @pytest.mark.parametrize(
        ("given", "message"),
        [
            ({"d": 1}, r"given has the key 'd', but the columns are \['a', 'b', 'c'\]"),
            ({3: 1}, "given has the key 3, but there are 3 columns"),
            ({True: 1}, "given has the key True"),
            ({"a": 1, 0: 2}, "given has column 'a' more than once"),
            ({"c": 3}, "given has 3 in column 'c', row 0, .* the categories 1, 2, 5"),
            ({"b": -0.5}, "given has -0.5 in column 'b', row 0"),
            ({"b": 0.7}, r"0.7 in column 'b'.* 0.7 is not on the lattice of step 0.5"),
            ({"a": np.inf}, "given has inf in column 'a', row 0, .* finite"),
            ({"a": "red"}, "given has 'red' in column 'a', which must be a number"),
            ({"a": [1, 2]}, "For several rows, pass a table"),
            ({"a": 10**400}, "must be a number"),
            (np.ones((2, 2)), "given has 2 columns, but the density has 3"),
            (np.ones(3), "Expected 2D array"),
            (np.ones((0, 3)), "0 sample"),
            ([[0, 1, 5], [0, 1, 4]], "given has 4 in column 'c', row 1"),
            ([[0, 1, 5], [-np.inf, 1, 5]], "given has -inf in column 'a', row 1"),
            (pd.DataFrame({"a": [0.0], "z": [1.0]}), "given has the column 'z'"),
            (pd.DataFrame([[0.0, 1.0]], columns=["a", "a"]), "'a' 2 times"),
            (pd.DataFrame({"a": ["x"]}), "'x' in column 'a', row 0"),
            (pd.DataFrame({"a": pd.to_datetime(["2020-01-01"])}), "column 'a'"),
        ],
    )
    def test_errors_say_where_and_what_is_expected(self, given, message):
        with pytest.raises(ValueError, match=message):
            given_rows(given, COLUMNS)

    def test_names_where_there_are_none(self):
        with pytest.raises(ValueError, match=r"'a', but X has no column names\. Use"):
            given_rows({"a": 1.0}, WITHOUT_NAMES)
        with pytest.raises(TypeError, match="given is a str"):
            given_rows("a", COLUMNS)

    def test_selected_columns(self):
        assert selected_columns(["c", 0], COLUMNS) == [2, 0]
        assert selected_columns("b", COLUMNS) == [1]
        assert selected_columns(np.array([2, 1]), WITHOUT_NAMES) == [2, 1]
        assert selected_columns(range(2), WITHOUT_NAMES) == [0, 1]
        assert selected_columns(pd.Index(["a"]), COLUMNS) == [0]


class TestSamples:
    def test_each_row_has_its_draws_in_order(self, gaussian):
        table = pd.DataFrame({"c": [8.0, 12.0, NAN], "a": [NAN, 1.0, NAN]})
        draws = gaussian.sample(400, random_state=0, given=table)
        assert draws.shape == (1200, 3)
        assert not np.isnan(draws).any()
        assert (draws[:400, 2] == 8).all()
        assert (draws[400:800, [0, 2]] == [1, 12]).all()
        covariance = CHOLESKY @ CHOLESKY.T
        slope = covariance[0, 2] / covariance[2, 2]
        assert draws[:400, 0].mean() == pytest.approx(2 - 2 * slope, abs=0.2)
        assert draws[800:, 1].mean() == pytest.approx(-1, abs=0.25)

    def test_a_dict_is_a_table_of_one_row(self, gaussian):
        draws = gaussian.sample(5, random_state=0, given={"b": 1.0})
        table = np.array([[NAN, 1.0, NAN]])
        expected = gaussian.sample(5, random_state=0, given=pd.DataFrame(table, columns=[*"abc"]))
        np.testing.assert_array_equal(draws, expected)
        np.testing.assert_array_equal(draws, gaussian.sample(5, random_state=0, given=table))
        assert (draws[:, 1] == 1).all()
        assert not np.array_equal(draws, gaussian.sample(5, random_state=1, given=table))

    def test_frequencies_given_other_columns(self, mixed):
        draws = mixed.sample(3000, random_state=0, given={"color": 5, "flag": 1})
        names = mixed.feature_names_in_.tolist()
        draws = pd.DataFrame(draws, columns=names)
        assert (draws["x"] > 0).mean() > 0.97
        assert (draws["rain"] == 0).mean() == pytest.approx(0.1, abs=0.04)
        assert draws["count"].median() == 12
        assert (draws["count"] % 1 == 0).all()
        assert set(draws["color"]) == {5}

    def test_draws_in_blocks_are_those_of_their_rows(self, mixed, monkeypatch):
        monkeypatch.setattr("skflow.estimators.fitted_density._CELLS_DRAWN", 0)  # 64 rows
        monkeypatch.setattr("skflow.estimators.fitted_density._MOST_DRAWN", 64)
        table = mixed_rows(30, seed=3)[["x", "color"]]
        draws = mixed.sample(7, random_state=0, given=table)
        assert draws.shape == (210, 6)
        np.testing.assert_array_equal(draws[:, [0, 3]], table.to_numpy().repeat(7, axis=0))
        assert mixed.sample(150, random_state=0).shape == (150, 6)

    @pytest.mark.parametrize("name", ["gaussian", "mixed"])
    def test_rows_that_see_the_same_cells_share_their_work(self, name, request, monkeypatch):
        density = request.getfixturevalue(name)
        table = density.sample(40, random_state=1)
        table[np.random.default_rng(0).random(table.shape) < 0.6] = NAN
        draws = density.sample(2, random_state=0, given=table)
        monkeypatch.setattr(Part, "_patterns", every_row)
        expected = density.sample(2, random_state=0, given=table)
        np.testing.assert_allclose(draws, expected, rtol=1e-6, atol=1e-9)

    def test_a_subset_takes_its_own_columns(self, gaussian):
        subset = gaussian.condition({"a": 3.0}).marginal(["c", "b"])
        draws = subset.sample(4, random_state=0, given={"b": 0.5})
        assert (draws[:, 1] == 0.5).all()
        expected = gaussian.condition({"a": 3.0, "b": 0.5}).sample(4, random_state=0)
        np.testing.assert_array_equal(draws[:, [0]], expected)
        with pytest.raises(ValueError, match="given has the key 'a'"):
            subset.sample(given={"a": 1.0})

    def test_arguments_are_checked(self, gaussian):
        with pytest.raises(ValueError, match="n_samples=0 must be a positive int"):
            gaussian.sample(0, given={"a": 1.0})
        with pytest.raises(ValueError, match="random_state='x' must be"):
            gaussian.sample(1, "x", given={"a": 1.0})
        with pytest.raises(ValueError, match=r"n_samples=.* for each of 1,000 rows needs"):
            gaussian.sample(10**12, given=gaussian_rows(1000, seed=0))

    @pytest.mark.parametrize("dtype", ["float64", "float32"])
    def test_networks_in_either_precision(self, gaussian, dtype):
        density = NormalizingFlowDensity(**{**gaussian.get_params(), "dtype": dtype})
        vars(density).update({k: v for k, v in vars(gaussian).items() if k != "dtype"})
        draws = density.sample(3, random_state=0, given={"a": 1.0})
        expected = gaussian.sample(3, random_state=0, given={"a": 1.0})
        np.testing.assert_allclose(draws, expected, rtol=1e-3)
        assert density.condition({"a": 1.0}).sample(2).dtype == np.float64
        imputed = density.impute(pd.DataFrame(draws * [[1, NAN, 1]], columns=[*"abc"]))
        assert np.isfinite(imputed.to_numpy()).all()
