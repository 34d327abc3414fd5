"""NormalizingFlowImputer: columns, indicators, draws, and the density that it fits."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.base import clone
from sklearn.impute import MissingIndicator
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import get_tags

from skflow import NormalizingFlowDensity, NormalizingFlowImputer
from tests.estimators.conftest import SHORT, gaussian_rows

NAN = np.nan


def table(n=300, seed=0):
    X = gaussian_rows(n, seed)
    X[np.random.default_rng(seed + 1).random(X.shape) < 0.2] = NAN
    X[np.isnan(X).all(1), 0] = 2.0
    return X


def quick(**params):
    density = NormalizingFlowDensity(
        **{**SHORT, "safety_net": False, "early_stopping": False, "marginals": None}
    )
    return NormalizingFlowImputer(density, **params)


def as_fitted(imputer, other):
    """An imputer with the fit of another."""
    parameters = imputer.get_params(deep=False)
    vars(imputer).update({k: v for k, v in vars(other).items() if k not in parameters})
    return imputer


@pytest.fixture(scope="module")
def fitted():
    """An imputer of a data frame with a column that is empty."""
    frame = pd.DataFrame(table(), columns=["a", "b", "c"])
    frame.insert(1, "empty", NAN)
    with pytest.warns(UserWarning, match="result: column 'empty'. keep_empty_features=True"):
        return quick(add_indicator=True).fit(frame)


class TestColumns:
    def test_values_are_those_of_the_density(self, fitted):
        frame = pd.DataFrame(table(seed=5), columns=["a", "b", "c"])
        out = fitted.transform(frame.assign(empty=NAN)[["a", "empty", "b", "c"]])
        assert out.shape == (300, 7)
        np.testing.assert_array_equal(out[:, :3], fitted.density_.impute(frame))
        np.testing.assert_array_equal(out[:, [3, 5, 6]], frame.isna())
        assert (out[:, 4] == 1).all()
        assert fitted.density_.feature_names_in_.tolist() == ["a", "b", "c"]

    def test_names(self, fitted):
        indicators = [f"missingindicator_{name}" for name in ["a", "empty", "b", "c"]]
        assert fitted.get_feature_names_out().tolist() == ["a", "b", "c", *indicators]
        with pytest.raises(ValueError, match="input_features"):
            fitted.get_feature_names_out(["a", "b"])

    def test_values_in_an_empty_column_are_dropped(self, fitted):
        frame = pd.DataFrame(table(20, seed=5), columns=["a", "b", "c"])
        frame.insert(1, "empty", 7.0)
        out = fitted.transform(frame)
        np.testing.assert_array_equal(
            out[:, :3], fitted.density_.impute(frame.drop(columns="empty"))
        )

    def test_empty_columns_are_kept_as_zeros(self, fitted):
        kept = as_fitted(clone(fitted).set_params(keep_empty_features=True), fitted)
        kept.indicator_ = None
        frame = pd.DataFrame(table(20, seed=5), columns=["a", "b", "c"])
        frame.insert(1, "empty", [7.0] + 19 * [NAN])
        out = kept.transform(frame)
        assert out[:, 1].tolist() == [7.0] + 19 * [0.0]
        assert kept.get_feature_names_out().tolist() == ["a", "empty", "b", "c"]

    def test_set_output(self, fitted):
        frame = pd.DataFrame(table(20, seed=5), columns=["a", "b", "c"], index=range(5, 25))
        frame.insert(1, "empty", NAN)
        as_pandas = as_fitted(clone(fitted).set_output(transform="pandas"), fitted)
        out = as_pandas.transform(frame)
        assert list(out.columns) == fitted.get_feature_names_out().tolist()
        assert list(out.index) == list(range(5, 25))
        as_polars = as_pandas.set_output(transform="polars").transform(pl.from_pandas(frame))
        np.testing.assert_array_equal(as_polars.to_numpy(), out)

    def test_no_observed_cell_is_an_error(self):
        with pytest.raises(ValueError, match="X has no observed cell"):
            quick().fit(np.full((5, 2), NAN))


class TestMissingValues:
    def test_another_value_can_stand_for_missing(self):
        X = table(150)
        coded = np.where(np.isnan(X), -1, X)
        expected = quick(add_indicator=True).fit_transform(X)
        imputer = quick(missing_values=-1, add_indicator=True)
        np.testing.assert_array_equal(imputer.fit_transform(coded), expected)
        assert not get_tags(imputer).input_tags.allow_nan
        assert get_tags(quick()).input_tags.allow_nan
        with pytest.raises(ValueError, match="NaN in column"):
            imputer.transform(X)
        mask = MissingIndicator().fit_transform(X)
        np.testing.assert_array_equal(expected[:, 3:], mask)

    def test_infinity_is_an_error(self):
        X = table(30)
        X[4, 1] = np.inf
        with pytest.raises(ValueError, match=r"infinity in column 1 \(first in row 4"):
            quick().fit(X)


class TestDraws:
    def test_they_keep_the_scatter(self):
        X = gaussian_rows(600, seed=0)
        X[::2, 1] = NAN
        means = quick().fit_transform(X)[::2, 1]
        imputer = quick(sample_posterior=True, random_state=0)
        draws = imputer.fit_transform(X)[::2, 1]
        assert means.std() < 1.4
        assert draws.std() == pytest.approx(1.5, abs=0.15)
        np.testing.assert_array_equal(imputer.transform(X)[::2, 1], draws)
        others = imputer.set_params(random_state=1).transform(X)[::2, 1]
        assert np.abs(others - draws).mean() > 0.1


class TestDensity:
    def test_seeds(self):
        density = quick().density.set_params(random_state=None, flow="auto")
        imputer = NormalizingFlowImputer(density, random_state=3)
        X = gaussian_rows(60, seed=0)
        imputer.fit(X)
        assert imputer.density_.random_state == 3
        assert imputer.density_.flow == "any_order"
        assert density.random_state is None
        assert density.flow == "auto"
        assert not hasattr(density, "flow_")
        assert quick(random_state=3).fit(X).density_.random_state == 0

    def test_the_default(self):
        density = NormalizingFlowImputer(random_state=2)._new_density()
        assert (density.flow, density.effort, density.random_state) == ("any_order", "fast", 2)

    def test_another_flow_is_an_error(self, quick):
        density = quick(flow="nsf_ar", max_iter=1)
        with pytest.raises(ValueError, match='flow="any_order"'):
            NormalizingFlowImputer(density).fit(gaussian_rows(60, seed=0))
        with pytest.raises(ValueError, match="'density' parameter"):
            NormalizingFlowImputer("any_order").fit(gaussian_rows(60, seed=0))

    def test_supports_by_name_and_pipelines(self):
        frame = pd.DataFrame(table(200), columns=["a", "b", "c"]).assign(
            k=np.random.default_rng(0).integers(0, 3, 200)
        )
        frame.loc[::4, "k"] = NAN
        imputer = quick().set_params(density__support={"k": ("integer", 0, 2)})
        out = make_pipeline(imputer, StandardScaler()).fit_transform(frame)
        assert np.isfinite(out).all()
        assert len(np.unique(out[:, 3])) == 3
