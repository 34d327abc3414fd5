"""Values in place of missing cells, against what they are known to be."""

import numpy as np
import pandas as pd
import polars as pl
import pytest

from skflow.estimators.imputation import in_container_of
from tests.estimators.conftest import CHOLESKY, gaussian_rows, mixed_rows

COVARIANCE = CHOLESKY @ CHOLESKY.T
MEAN = np.array([2.0, -1.0, 10.0])
NAN = np.nan


@pytest.fixture(scope="module")
def holes():
    """Rows of which the given columns are missing, and as they were."""
    complete = mixed_rows(200, seed=11)

    def without(*names):
        return complete.assign(**dict.fromkeys(names, NAN)), complete

    return without


class TestValues:
    @pytest.mark.parametrize("observed", [["a"], ["b", "c"], []])
    def test_numbers_are_the_regression(self, gaussian, observed):
        X = pd.DataFrame(gaussian_rows(100, seed=3), columns=["a", "b", "c"])
        table = X.copy()
        table[[name for name in X if name not in observed]] = NAN
        own = ["abc".index(name) for name in observed]
        gain = COVARIANCE[:, own] @ np.linalg.inv(COVARIANCE[np.ix_(own, own)])
        expected = MEAN + (X.to_numpy()[:, own] - MEAN[own]) @ gain.T
        imputed = gaussian.impute(table)
        np.testing.assert_array_equal(imputed[observed], X[observed])
        errors = (imputed.to_numpy() - expected) / np.sqrt(np.diag(COVARIANCE))
        assert np.sqrt(np.mean(errors**2)) < 0.07

    def test_categories_are_those_of_the_majority(self, mixed, holes):
        table, complete = holes("color", "flag")
        imputed = mixed.impute(table)
        second = complete["x"] > 0
        assert (imputed["color"] == np.where(second, 5, 1)).mean() > 0.98
        assert (imputed["flag"] == second).mean() > 0.98

    def test_atoms_or_the_mean_beside_them(self, mixed, holes):
        table, complete = holes("rain")
        imputed = mixed.impute(table)["rain"]
        second = complete["x"] > 0
        assert (imputed[~second] == 0).mean() > 0.98
        assert imputed[second].mean() == pytest.approx(np.exp(0.125), abs=0.1)

    def test_whole_numbers_are_medians(self, mixed, holes):
        table, complete = holes("count")
        imputed = mixed.impute(table)["count"]
        assert (imputed % 1 == 0).all()
        second = complete["x"] > 0
        assert imputed[second].isin([11, 12, 13]).all()
        assert (imputed[second] == 12).mean() > 0.9
        assert (imputed[~second] == 5).mean() > 0.9

    def test_angles_are_mean_directions(self, mixed, holes):
        table, complete = holes("wind")
        imputed = mixed.impute(table)["wind"]
        assert imputed.between(0, 2 * np.pi).all()
        error = np.angle(np.exp(1j * (imputed - np.where(complete["x"] > 0, 2.0, 0.1))))
        assert np.abs(error).mean() < 0.06
        assert np.quantile(np.abs(error), 0.95) < 0.2

    def test_a_row_does_not_depend_on_the_others(self, mixed, holes):
        table, _ = holes("wind", "rain", "count")
        imputed = mixed.impute(table)
        alone = mixed.impute(table[5:6])
        np.testing.assert_allclose(alone, imputed[5:6], rtol=1e-9)

    def test_a_row_without_cells_has_the_values_of_marginals(self, gaussian):
        empty = pd.DataFrame([[NAN, NAN, NAN]], columns=["a", "b", "c"])
        np.testing.assert_allclose(gaussian.impute(empty), [MEAN], atol=0.1)

    def test_complete_rows_stay_as_they_are(self, mixed):
        X = mixed_rows(9, seed=4)
        X.loc[0, "x"] = 1e30
        np.testing.assert_array_equal(mixed.impute(X), X)
        assert mixed.impute(X) is not X


class TestDraws:
    def test_they_have_the_conditional_distribution(self, gaussian):
        table = pd.DataFrame({"a": [3.5, 0.0], "b": [NAN, NAN], "c": [NAN, 9.0]})
        draws = gaussian.impute(table, n_draws=2000, random_state=0)
        assert draws.shape == (2000, 2, 3)
        assert (draws[:, 0, 0] == 3.5).all()
        assert (draws[:, 1, [0, 2]] == [0, 9]).all()
        own = draws[:, 0, 1:]
        gain = COVARIANCE[1:, 0] / COVARIANCE[0, 0]
        np.testing.assert_allclose(own.mean(0), MEAN[1:] + gain * 1.5, atol=0.15)
        expected = COVARIANCE[1:, 1:] - np.outer(gain, COVARIANCE[0, 1:])
        np.testing.assert_allclose(np.cov(own.T), expected, atol=0.2)

    def test_seeds(self, mixed, holes):
        table, _ = holes("color", "rain")
        first, second = mixed.impute(table, n_draws=2, random_state=0)
        again = mixed.impute(table, n_draws=2, random_state=0)
        np.testing.assert_array_equal(again, [first, second])
        assert (first[:, 3] != second[:, 3]).any()
        assert mixed.impute(table, n_draws=1).shape == (1, 200, 6)

    @pytest.mark.parametrize("n_draws", [0, -1, 1.5, True])
    def test_their_number_is_checked(self, gaussian, n_draws):
        with pytest.raises(ValueError, match="n_draws="):
            gaussian.impute(pd.DataFrame([[NAN, 1.0, NAN]], columns=[*"abc"]), n_draws)


class TestTables:
    def test_the_result_is_a_table_of_the_same_kind(self, gaussian):
        X = pd.DataFrame(gaussian_rows(5, seed=6), columns=["a", "b", "c"], index=[*"vwxyz"])
        X.iloc[[1, 3], [0, 2]] = NAN
        imputed = gaussian.impute(X)
        assert list(imputed.index) == [*"vwxyz"]
        assert list(imputed.columns) == ["a", "b", "c"]
        assert set(imputed.dtypes) == {np.dtype(np.float64)}
        frame = gaussian.impute(pl.from_pandas(X))
        assert isinstance(frame, pl.DataFrame)
        np.testing.assert_array_equal(frame.to_numpy(), imputed)
        nullable = gaussian.impute(X.convert_dtypes())
        np.testing.assert_array_equal(nullable, imputed)
        assert isinstance(in_container_of(np.ones((2, 2)), np.ones((2, 2))), np.ndarray)

    def test_a_subset_imputes_its_columns_given_all_it_knows(self, gaussian):
        table = pd.DataFrame({"c": [NAN, 9.0], "b": [0.5, NAN]})
        imputed = gaussian.condition({"a": 3.0}).marginal(["c", "b"]).impute(table)
        full = pd.DataFrame({"a": 3.0, "b": table["b"], "c": table["c"]})
        np.testing.assert_array_equal(imputed, gaussian.impute(full)[["c", "b"]])
        draws = gaussian.marginal(["c", "b"]).impute(table, n_draws=3)
        assert draws.shape == (3, 2, 2)

    def test_impossible_observed_cells_are_named(self, mixed, holes):
        table, _ = holes("rain")
        table.loc[7, "color"] = 4
        with pytest.raises(ValueError, match="X has 4 in column 'color', row 7"):
            mixed.impute(table)
        table.loc[7, "color"] = np.inf
        with pytest.raises(ValueError, match="infinity in column 'color'"):
            mixed.impute(table)
