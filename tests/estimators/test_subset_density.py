"""Marginals and conditionals of a density, on tables whose conditionals are known."""

import pickle

import numpy as np
import pandas as pd
import polars as pl
import pytest

import skflow
from skflow import NormalizingFlowDensity, SubsetDensity
from skflow.plotting import CornerDisplay, DensityDisplay
from tests.estimators.conftest import CHOLESKY, gaussian_rows, mixed_rows

COVARIANCE = CHOLESKY @ CHOLESKY.T
MEAN = np.array([2.0, -1.0, 10.0])


def conditional_moments(index, values):
    """Mean and covariance of the other columns of the normal distribution."""
    rest = [j for j in range(3) if j not in index]
    own, cross = COVARIANCE[np.ix_(index, index)], COVARIANCE[np.ix_(rest, index)]
    gain = cross @ np.linalg.inv(own)
    return MEAN[rest] + gain @ (values - MEAN[index]), (
        COVARIANCE[np.ix_(rest, rest)] - gain @ cross.T
    )


class TestGaussian:
    @pytest.mark.parametrize("given", [{"a": 3.5}, {"b": -2.5}, {"a": 1.0, "c": 11.0}])
    def test_moments_are_those_of_the_regression(self, gaussian, given):
        index = ["abc".index(name) for name in given]
        mean, covariance = conditional_moments(index, np.array(list(given.values())))
        draws = gaussian.condition(given).sample(4000, random_state=0)
        np.testing.assert_allclose(draws.mean(0), mean, atol=0.12)
        np.testing.assert_allclose(np.cov(draws.T), covariance.squeeze(), atol=0.15)

    def test_scores_are_the_closed_form(self, gaussian):
        mean, covariance = conditional_moments([0], np.array([3.0]))
        rows = np.random.default_rng(0).multivariate_normal(mean, covariance, 400)
        frame = pd.DataFrame(rows, columns=["b", "c"])
        precision = np.linalg.inv(covariance)
        distance = np.einsum("ij,jk,ik->i", rows - mean, precision, rows - mean)
        expected = -0.5 * (distance + np.log(np.linalg.det(2 * np.pi * covariance)))
        scores = gaussian.condition({"a": 3.0}).score_samples(frame)
        divergence = (expected - scores).mean()  # of the true conditional from the fitted one
        assert -0.01 < divergence < 0.05
        assert np.abs(scores - expected).mean() < 0.2

    @pytest.mark.parametrize("names", [["a"], ["c", "a"], ["b"]])
    def test_marginal_and_conditional_make_the_joint(self, gaussian, names):
        X = pd.DataFrame(gaussian_rows(20, seed=5), columns=["a", "b", "c"])
        assert chain_rule_gaps(gaussian, X, names).max() < 0.15

    def test_a_marginal_is_the_density_of_rows_with_holes(self, gaussian):
        X = pd.DataFrame(gaussian_rows(20, seed=5), columns=["a", "b", "c"])
        marginal = gaussian.marginal(["c", "a"])
        expected = gaussian.score_samples(X.assign(b=np.nan))
        np.testing.assert_allclose(marginal.score_samples(X[["c", "a"]]), expected, rtol=1e-9)

    @pytest.mark.parametrize("given", [{}, {"a": 3.5}, {"a": 1.0, "b": 0.0}])
    def test_it_integrates_to_one(self, gaussian, given):
        grid = np.linspace(-60, 80, 6001)
        density = gaussian.condition(given).marginal(["c"])
        p = np.exp(density.score_samples(pd.DataFrame({"c": grid})))
        assert np.trapezoid(p, grid) == pytest.approx(1, abs=2e-3)

    def test_order_and_composition(self, gaussian):
        X = pd.DataFrame(gaussian_rows(9, seed=2), columns=["a", "b", "c"])
        one = gaussian.condition({"a": 1.0}).marginal(["c"])
        other = gaussian.marginal(["c", "a"]).condition({"a": 1.0})
        for density in (one, other):
            assert density.feature_names_in_.tolist() == ["c"]
            assert repr(density) == "SubsetDensity(['c'], given={'a': 1.0})"
        np.testing.assert_array_equal(one.score_samples(X[["c"]]), other.score_samples(X[["c"]]))
        np.testing.assert_array_equal(one.sample(5, 0), other.sample(5, 0))
        both = gaussian.condition({"a": 1.0}).condition({"c": 9.0})
        np.testing.assert_array_equal(
            both.score_samples(X[["b"]]),
            gaussian.condition({"c": 9.0, "a": 1.0}).score_samples(X[["b"]]),
        )
        swapped = gaussian.marginal(["c", "b", "a"])
        np.testing.assert_array_equal(
            swapped.score_samples(X[["c", "b", "a"]]), gaussian.score_samples(X)
        )
        np.testing.assert_array_equal(
            gaussian.condition({"a": np.nan, "b": None}).score_samples(X),
            gaussian.score_samples(X),
        )

    def test_indices_are_those_of_its_own_columns(self, gaussian):
        X = gaussian_rows(9, seed=2)
        density = NormalizingFlowDensity(**gaussian.get_params())
        vars(density).update(vars(gaussian))
        del density.feature_names_in_
        subset = density.marginal([2, 0])
        assert not hasattr(subset, "feature_names_in_")
        assert subset.n_features_in_ == 2
        expected = density.score_samples(np.where([True, False, True], X, np.nan))
        np.testing.assert_allclose(subset.score_samples(X[:, [2, 0]]), expected, rtol=1e-9)
        assert repr(subset.condition({0: 10.0})) == "SubsetDensity([0], given={2: 10.0})"

    def test_a_later_fit_changes_nothing(self, gaussian):
        parent = pickle.loads(pickle.dumps(gaussian))
        subset = parent.condition({"a": 3.0})
        X = pd.DataFrame(gaussian_rows(9, seed=2), columns=["a", "b", "c"])
        before = subset.score_samples(X[["b", "c"]])
        parent.set_params(safety_net=False, early_stopping=False).fit(X + 5)
        np.testing.assert_array_equal(subset.score_samples(X[["b", "c"]]), before)
        copy = pickle.loads(pickle.dumps(subset))
        np.testing.assert_array_equal(copy.score_samples(X[["b", "c"]]), before)
        np.testing.assert_array_equal(copy.sample(3, 0), subset.sample(3, 0))

    def test_score_and_weights(self, gaussian):
        X = pd.DataFrame(gaussian_rows(9, seed=2), columns=["a", "b", "c"])[["b", "c"]]
        subset = gaussian.marginal(["b", "c"])
        scores, weights = subset.score_samples(X), np.arange(9.0)
        assert subset.score(X) == pytest.approx(scores.mean(), rel=1e-12)
        expected = scores @ weights / weights.sum()
        assert subset.score(X, sample_weight=weights) == pytest.approx(expected, rel=1e-12)
        assert type(subset.score(X)) is float

    def test_holes_are_scored_and_rows_without_cells_are_zero(self, gaussian):
        subset = gaussian.condition({"a": 3.0})
        rows = pd.DataFrame({"b": [0.5, np.nan, np.nan], "c": [np.nan, np.nan, 11.0]})
        own = subset.marginal(["b"]).score_samples(rows[["b"]][:1])
        scores = subset.score_samples(rows)
        assert scores[0] == pytest.approx(own[0], rel=1e-9)
        assert scores[1] == 0
        assert scores[2] != 0

    def test_given_values_far_from_all_others_give_finite_scores(self, gaussian):
        rows = pd.DataFrame(gaussian_rows(3, seed=1)[:, 1:], columns=["b", "c"])
        for value in (1e12, -1e300):
            assert np.isfinite(gaussian.condition({"a": value}).score_samples(rows)).all()

    def test_displays(self, gaussian):
        X = pd.DataFrame(gaussian_rows(60, seed=2), columns=["a", "b", "c"])[["c", "b"]]
        subset = gaussian.condition({"a": 3.0})
        display = DensityDisplay.from_estimator(gaussian.marginal(["b"]), X[["b"]])
        width = np.diff(display.grid[0]).mean()
        assert display.density.sum() * width == pytest.approx(1, abs=0.02)
        assert display.name == "SubsetDensity"
        DensityDisplay.from_estimator(subset, X[["b", "c"]], grid_resolution=20)
        corner = CornerDisplay.from_estimator(subset, X[["b", "c"]], random_state=0)
        assert corner.samples.shape == (60, 2)
        assert corner.feature_names == ["b", "c"]

    def test_displays_of_discrete_columns(self, mixed):
        X = mixed_rows(60, seed=2)
        subset = mixed.condition({"x": 2.0})
        for name, values in {"count": range(9, 16), "color": range(1, 6), "flag": [0, 1]}.items():
            display = DensityDisplay.from_estimator(subset.marginal([name]), X[[name]])
            assert set(values) <= set(display.grid[0])
            assert display.density.sum() == pytest.approx(1, abs=0.02)
            assert display.ax_.get_ylabel() == "probability"
        corner = CornerDisplay.from_estimator(subset, X.drop(columns="x"), random_state=0)
        assert corner.axes[3].support.period == pytest.approx(2 * np.pi)
        assert ((corner.samples[:, 3] >= 0) & (corner.samples[:, 3] <= 2 * np.pi)).all()

    def test_it_is_not_saved(self, gaussian, tmp_path):
        with pytest.raises(TypeError, match="SubsetDensity"):
            skflow.save(gaussian.marginal(["a"]), tmp_path / "file")


class TestMixed:
    @pytest.mark.parametrize("names", [["x"], ["color", "rain"], ["wind", "count"]])
    def test_marginal_and_conditional_make_the_joint(self, mixed, names):
        assert chain_rule_gaps(mixed, mixed_rows(8, seed=7), names).max() < 0.03

    def test_atoms_and_integral_sum_to_one(self, mixed):
        rain = mixed.condition({"x": 1.8}).marginal(["rain"])
        grid = np.geomspace(1e-6, 1e4, 20_001)
        density = np.exp(rain.score_samples(pd.DataFrame({"rain": grid})))
        atom = np.exp(rain.score_samples(pd.DataFrame({"rain": [0.0]})))[0]
        assert atom + np.trapezoid(density, grid) == pytest.approx(1, abs=2e-3)
        assert atom == pytest.approx(0.1, abs=0.04)

    def test_probabilities_sum_to_one(self, mixed):
        known = mixed.condition({"x": -2.0})
        for name, values in {
            "color": [1, 2, 5],
            "flag": [0, 1],
            "count": range(3000),
        }.items():
            p = np.exp(known.marginal([name]).score_samples(pd.DataFrame({name: values})))
            assert p.sum() == pytest.approx(1, abs=2e-3 if name == "count" else 1e-9)

    def test_supports_are_in_the_order_asked_for(self, mixed):
        subset = mixed.marginal(["wind", "x", "color"])
        kinds = [support.kind for support in subset.supports_]
        assert kinds == ["circular", "real", "category"]
        assert subset.sample(7, random_state=0).shape == (7, 3)

    def test_samples_have_the_frequencies_of_the_scores(self, mixed):
        subset = mixed.condition({"x": 2.0}).marginal(["color", "flag"])
        draws = pd.DataFrame(subset.sample(4000, random_state=0), columns=["color", "flag"])
        states = pd.DataFrame([(c, f) for c in (1, 2, 5) for f in (0, 1)], columns=draws.columns)
        p = np.exp(subset.score_samples(states.astype(float)))
        shares = [((draws == state).all(axis=1)).mean() for state in states.to_numpy()]
        np.testing.assert_allclose(shares, p, atol=0.025)
        assert p[5] == pytest.approx(0.8 * 0.9, abs=0.06)


def chain_rule_gaps(density, X, names):
    """|log p(names) + log p(rest | names) − log p(all)| of each row."""
    rest = [name for name in X.columns if name not in names]
    conditional = [
        density.condition(dict(row[names])).score_samples(X.loc[[i], rest])[0]
        for i, row in X.iterrows()
    ]
    marginal = density.marginal(names).score_samples(X[names])
    return np.abs(marginal + conditional - density.score_samples(X))


class TestErrors:
    def test_no_columns_are_left(self, gaussian):
        with pytest.raises(ValueError, match="a value for every column"):
            gaussian.condition({"a": 1.0, "b": 2.0, "c": 3.0})
        with pytest.raises(ValueError, match="a value for every column"):
            gaussian.marginal(["b"]).condition({"b": 1.0})
        with pytest.raises(ValueError, match="at least one column"):
            gaussian.marginal([])

    def test_unknown_columns(self, gaussian):
        with pytest.raises(ValueError, match=r"columns has the entry 'd', .*\['a', 'b', 'c'\]"):
            gaussian.marginal(["a", "d"])
        with pytest.raises(ValueError, match="columns has column 'a' more than once"):
            gaussian.marginal(["a", "b", 0])
        with pytest.raises(ValueError, match="given has the key 'a', but the columns are"):
            gaussian.condition({"a": 1.0}).condition({"a": 2.0})
        with pytest.raises(TypeError, match=r"must be a dict .* sample\(given=table\)"):
            gaussian.condition(np.ones((2, 3)))

    def test_names_are_in_order(self, gaussian):
        X = pd.DataFrame(gaussian_rows(3, seed=2), columns=["a", "b", "c"])
        with pytest.raises(ValueError, match="order"):
            gaussian.marginal(["c", "a"]).score_samples(X[["a", "c"]])
        with pytest.raises(ValueError, match="infinity in column 'a'"):
            gaussian.marginal(["a"]).score_samples(X[["a"]] * np.inf)
        assert len(gaussian.marginal(["a"]).score_samples(pl.DataFrame({"a": [1.0, None]}))) == 2

    @pytest.mark.parametrize("flow", ["nsf_ar", "auto"])
    def test_other_flows_name_the_one_that_can(self, quick, moons, flow):
        density = quick(flow=flow, max_iter=1).fit(moons[:60])
        for query in (
            lambda: density.condition({0: 1.0}),
            lambda: density.marginal([0]),
            lambda: density.impute(moons),
            lambda: density.sample(given={0: 1.0}),
        ):
            with pytest.raises(ValueError, match='flow="any_order"'):
                query()


def test_it_is_public():
    assert SubsetDensity.__module__ == "skflow"
    assert not hasattr(SubsetDensity, "fit")
