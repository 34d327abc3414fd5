"""p(y | X): its densities, distribution functions, quantiles and moments agree."""

import pickle

import numpy as np
import pytest
from scipy.integrate import trapezoid
from scipy.stats import kstest, norm
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV

from skflow import NormalizingFlowRegressor, UnreliablePredictionWarning
from skflow.metrics import conditional_log_likelihood, neg_crps
from tests.conftest import QUICK

ROWS = np.array([[-1.5], [0.0], [1.5]])


def draw(n, seed=0):
    """Two branches whose distance and width increase with x."""
    rng = np.random.default_rng(seed)
    x = rng.uniform(-2, 2, size=(n, 1))
    branch = rng.choice([-1, 1], n) * (2 + x[:, 0])
    return x, branch + (0.2 + 0.1 * (x[:, 0] + 2)) * rng.normal(size=n)


def quick(**params):
    return NormalizingFlowRegressor(**{**QUICK, "hidden_layer_sizes": 16, **params})


@pytest.fixture(scope="module", params=[{}, {"safety_net": True, "flow": "maf", "base": "t"}])
def fitted(request):
    return quick(**request.param).fit(*draw(600))


@pytest.fixture(scope="module")
def two_targets():
    x, y = draw(400)
    return quick().fit(x, np.column_stack([y, 3 * y + x[:, 0]]))


def grid_of(model, row, n=4001):
    low, high = model.predict_quantiles(row[None], [1e-6, 1 - 1e-6])[0]
    y = np.linspace(low, high, n)
    return y, np.exp(model.log_prob(np.repeat(row[None], n, axis=0), y))


@pytest.mark.parametrize("row", ROWS)
def test_densities_integrate_to_one_and_are_the_slope_of_the_cdf(fitted, row):
    y, density = grid_of(fitted, row)
    assert trapezoid(density, y) == pytest.approx(1, abs=2e-3)
    cdf = fitted.cdf(np.repeat(row[None], len(y), axis=0), y)
    np.testing.assert_allclose(
        np.diff(cdf), 0.5 * (density[1:] + density[:-1]) * np.diff(y), atol=5e-5
    )


def test_quantiles_invert_the_cdf(fitted):
    levels = np.array([1e-6, 0.01, 0.3, 0.5, 0.9, 1 - 1e-6])
    quantiles = fitted.predict_quantiles(ROWS, levels)
    assert quantiles.shape == (3, 6)
    for level, column in zip(levels, quantiles.T, strict=True):
        np.testing.assert_allclose(fitted.cdf(ROWS, column), level, rtol=1e-6)
    np.testing.assert_allclose(fitted.predict_quantiles(ROWS, 0.3), quantiles[:, 2], rtol=1e-8)


def test_intervals_are_central_quantiles(fitted):
    interval = fitted.predict_interval(ROWS, coverage=0.8)
    np.testing.assert_allclose(interval, fitted.predict_quantiles(ROWS, [0.1, 0.9]), rtol=1e-8)


def test_moments_are_integrals_of_the_density():
    model = quick(base="normal").fit(*draw(600))
    means, deviations = model.predict(ROWS, return_std=True)
    for row, mean, deviation in zip(ROWS, means, deviations, strict=True):
        y, density = grid_of(model, row)
        assert mean == pytest.approx(trapezoid(y * density, y), abs=0.01 * deviation)
        second = trapezoid((y - mean) ** 2 * density, y)
        assert deviation == pytest.approx(np.sqrt(second), rel=0.01)


def test_draws_follow_the_cdf(fitted):
    draws = fitted.sample_y(ROWS, 2000, random_state=0)
    assert draws.shape == (3, 2000)
    for row, own in zip(ROWS, draws, strict=True):
        ranks = fitted.cdf(np.repeat(row[None], 2000, axis=0), own)
        assert kstest(ranks, "uniform").pvalue > 1e-3


def test_both_branches_are_found():
    model = quick(max_iter=400, n_iter_no_change=20, tol=1e-3).fit(*draw(1500))
    x = np.full((3, 1), 1.5)
    between, one, other = np.exp(model.log_prob(x, [0.0, 3.5, -3.5]))
    assert min(one, other) > 0.3  # the true density is 0.36
    assert between < 0.05


def test_a_linear_model_with_normal_noise_is_matched():
    rng = np.random.default_rng(0)
    X, T = rng.normal(size=(2, 500, 3))
    true = X @ [1, -2, 0.5], T @ [1, -2, 0.5]
    y, t = true + 0.5 * rng.normal(size=(2, 500))
    model = NormalizingFlowRegressor(effort="fast", random_state=0).fit(X, y)
    divergence = norm.logpdf(t, true[1], 0.5) - model.log_prob(T, t)
    assert divergence.mean() < 0.1
    covered = np.abs(model.predict(T) - true[1]) < 0.25
    assert covered.mean() > 0.95


def test_units_of_targets_and_rows(fitted):
    x, y = draw(600)
    model = clone(fitted).fit(8 * x - 3, 16 * y + 5)
    np.testing.assert_allclose(
        model.log_prob(8 * x - 3, 16 * y + 5), fitted.log_prob(x, y) - np.log(16), atol=1e-4
    )
    np.testing.assert_allclose(model.predict(8 * ROWS - 3), 16 * fitted.predict(ROWS) + 5, 1e-3)


def test_a_weight_is_a_repetition():
    x, y = draw(200)
    times = np.random.default_rng(0).integers(1, 4, 200)
    weighted = quick(max_iter=5).fit(x, y, sample_weight=times)
    repeated = quick(max_iter=5).fit(x.repeat(times, axis=0), y.repeat(times))
    np.testing.assert_allclose(weighted.log_prob(x, y), repeated.log_prob(x, y), rtol=1e-9)


def test_shapes_follow_y(two_targets):
    mean, deviation = two_targets.predict(ROWS, return_std=True)
    assert mean.shape == deviation.shape == (3, 2)
    assert two_targets.predict_quantiles(ROWS, [0.1, 0.5, 0.9]).shape == (3, 2, 3)
    assert two_targets.predict_quantiles(ROWS, 0.5).shape == (3, 2)
    assert two_targets.sample_y(ROWS, 4).shape == (3, 2, 4)
    one_column = quick(max_iter=1).fit(*(a.reshape(-1, 1) for a in draw(50)))
    assert one_column.predict(ROWS).shape == (3, 1)
    assert one_column.sample_y(ROWS, 4).shape == (3, 1, 4)


def test_several_targets_keep_what_they_know_of_each_other(two_targets):
    y = two_targets.sample_y(ROWS, 300, random_state=0)
    gaps = y[:, 1] - 3 * y[:, 0] - ROWS
    assert np.median(np.abs(gaps)) < 0.3 * np.median(np.abs(y[:, 1]))
    with pytest.raises(ValueError, match="y had 2 columns"):
        two_targets.cdf(ROWS, np.zeros((3, 2)))


def test_extreme_rows_are_finite(fitted):
    far = np.array([[1e3], [-1e8], [1e200]])
    assert np.isfinite(fitted.predict(far, return_std=True)).all()
    assert np.isfinite(fitted.predict_interval(far)).all()
    for y in (0.0, 1e6, -1e200):
        assert np.isfinite(fitted.log_prob(far, np.full(3, y))).all()


def test_skewed_columns_go_through_powers_where_it_helps():
    rng = np.random.default_rng(0)
    x = np.exp(2 * rng.normal(size=(300, 1)))
    noise = 0.1 * rng.normal(size=300)
    for y, bijections in [(np.log(x[:, 0]) + noise, 4), (x[:, 0] + noise, 2)]:
        model = quick(max_iter=1).fit(x, y)
        assert len(model.flow_.context_transform.bijections) == bijections


def test_an_exact_line_is_finite():
    x = np.linspace(0, 1, 60)[:, None]
    model = quick(max_iter=2).fit(x, 3 * x[:, 0] + 1)
    np.testing.assert_allclose(model.predict(x), 3 * x[:, 0] + 1, atol=0.05)
    assert np.isfinite(model.log_prob(x, x[:, 0])).all()


def test_pickles_are_the_same_regressor(fitted):
    copy = pickle.loads(pickle.dumps(fitted))
    x, y = draw(50, seed=1)
    np.testing.assert_array_equal(copy.log_prob(x, y), fitted.log_prob(x, y))
    np.testing.assert_array_equal(copy.predict(x), fitted.predict(x))


def test_a_warm_start_goes_on():
    x, y = draw(300)
    model = quick(warm_start=True, max_iter=20, n_iter_no_change=100).fit(x, y)
    before, epochs = model.score(x, y), model.n_iter_
    model.fit(x, y)
    assert model.n_iter_ > epochs
    assert np.isfinite(before)
    assert conditional_log_likelihood(model, x, y) > -3


def test_a_failed_fit_keeps_the_earlier_one(fitted):
    x, y = draw(50)
    model = pickle.loads(pickle.dumps(fitted))
    before = model.log_prob(x, y)
    with pytest.raises(ValueError, match="y contains NaN"):
        model.fit(x, np.where(y > 0, np.nan, y))
    np.testing.assert_array_equal(model.log_prob(x, y), before)


def test_a_search_by_either_score():
    x, y = draw(200)
    for score in (conditional_log_likelihood, neg_crps):
        search = GridSearchCV(quick(max_iter=3), {"n_bins": [3, 4]}, scoring=score, cv=2)
        search.fit(x, y)
        best = search.cv_results_["mean_test_score"].max()
        assert search.best_score_ == best
        assert np.isfinite(best)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda m, x, y: m.fit(x, y[:-1]), "y must have 50 samples.* has 49"),
        (lambda m, x, y: m.fit(x, None), "requires y to be passed"),
        (lambda m, x, y: m.fit(x, np.zeros((50, 2, 2))), "dim 3"),
        (lambda m, x, y: m.log_prob(x, np.zeros((50, 2))), "fitted with 1"),
        (lambda m, x, y: m.predict_quantiles(x, [0.5, 1.0]), "quantiles="),
        (lambda m, x, y: m.predict_interval(x, 90), "coverage=90"),
        (lambda m, x, y: m.sample_y(x, 0), "n_samples=0"),
    ],
)
def test_errors_say_what_is_wrong(fitted, call, message):
    model = pickle.loads(pickle.dumps(fitted))
    with pytest.raises(ValueError, match=message):
        call(model, *draw(50))


def test_means_of_very_heavy_tails_are_robust_and_warn():
    rng = np.random.default_rng(12)
    x = rng.normal(size=(800, 1))
    model = quick().fit(x, 2 * x[:, 0] + rng.standard_cauchy(800))
    with pytest.warns(UnreliablePredictionWarning, match=r"predict_quantiles\(X, 0.5\)"):
        mean, deviation = model.predict(x, return_std=True)
    assert np.sqrt(np.mean((mean - 2 * x[:, 0]) ** 2)) < 13
    assert np.isfinite(deviation).all()


@pytest.mark.parametrize("tail", ["t", "lognormal"])
def test_means_of_moderate_tails_do_not_warn(tail):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(500, 1))
    y = rng.standard_t(3, 500) + x[:, 0] if tail == "t" else rng.lognormal(size=500)
    predicted = quick().fit(x, y).predict(x)  # warnings are errors
    assert predicted.mean() == pytest.approx(y.mean(), abs=3 * y.std() / 500**0.5)
