"""Continuous flows in estimators: accuracy of the solver, training by regression or likelihood."""

import copy
import pickle

import numpy as np
import pytest
import torch
from scipy.stats import norm

from skflow import NormalizingFlowClassifier, NormalizingFlowDensity, NormalizingFlowRegressor
from skflow.metrics import conditional_log_likelihood
from tests.conftest import QUICK
from tests.estimators.test_regressor import draw

FAMILIES = ("flow_matching", "flow_matching_ot", "diffusion", "cnf")
BY_REGRESSION = FAMILIES[:3]


@pytest.fixture(scope="module", params=FAMILIES)
def bare_fit(request, moons):
    """A small ensemble of one member, trained almost to convergence."""
    return NormalizingFlowDensity(
        flow=request.param,
        n_estimators=1,
        hidden_layer_sizes=(32, 32),
        max_iter={"cnf": 100, "flow_matching_ot": 600}.get(request.param, 400),
        tol=0.1,
        safety_net=False,
        random_state=0,
    ).fit(moons)


def build_bijections(density):
    (member,) = density.base.components
    return member.chain.bijections


def with_steps(density, factor):
    """The same density, with the number of solver steps multiplied by a factor."""
    other = copy.deepcopy(density)
    build_bijections(other)[-1].n_steps = round(factor * build_bijections(other)[-1].n_steps)
    return other


def test_training_improves_on_the_initial_fit(bare_fit, more_moons):
    initial = bare_fit.validation_scores_[0]
    assert bare_fit.score(more_moons) > initial + 0.2
    assert bare_fit.best_validation_score_ > initial + 0.2


def test_twice_as_many_steps_change_log_p_by_less_than_a_thousandth(bare_fit, more_moons):
    x = torch.from_numpy(np.array(more_moons))
    exact = with_steps(bare_fit.flow_, 8).log_prob(x)
    half, whole, twice = (
        (with_steps(bare_fit.flow_, factor).log_prob(x) - exact).abs().max()
        for factor in (0.5, 1, 2)
    )
    assert whole < 1e-3
    assert twice < half / 50
    np.testing.assert_array_equal(bare_fit.flow_.log_prob(x), bare_fit.score_samples(more_moons))


def test_inverse_maps_the_noise_back(bare_fit, more_moons):
    (member,) = bare_fit.flow_.base.components
    rows, _ = bare_fit.flow_.chain(torch.from_numpy(np.array(more_moons)))
    z, log_det = member.chain(rows)
    back, log_det_back = member.chain.inverse(z)
    torch.testing.assert_close(back, rows, rtol=0, atol=1e-5)
    torch.testing.assert_close(log_det_back, -log_det, rtol=0, atol=1e-3)


def test_samples_are_mapped_to_standard_normal_noise(bare_fit, more_moons):
    (member,) = bare_fit.flow_.base.components
    rows, _ = bare_fit.flow_.chain(torch.from_numpy(np.array(more_moons)))
    z = member.chain(rows)[0].numpy()
    np.testing.assert_allclose(z.mean(axis=0), 0, atol=0.2)
    np.testing.assert_allclose(np.cov(z.T), np.eye(2), atol=0.35)


def test_trajectory_can_be_integrated_in_stages(bare_fit, more_moons):
    bijection = build_bijections(bare_fit.flow_)[-1]
    x = torch.from_numpy(np.array(more_moons))
    there, log_det = bijection.integrate(x, None, 0.0, 0.5)
    z, rest = bijection.integrate(there, None, 0.5, 1.0)
    torch.testing.assert_close(z, bijection(x)[0], rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(log_det + rest, bijection(x)[1], rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("family", BY_REGRESSION)
def test_loss_curve_is_the_error_of_the_velocity_in_any_units(quick, moons, family):
    plain, scaled = (quick(flow=family).fit(factor * moons) for factor in (1.0, 1024.0))
    assert 0 < min(plain.loss_curve_) < max(plain.loss_curve_) < 1
    if family != "flow_matching_ot":  # most of its error is due to the random pairs
        assert plain.loss_curve_[-1] < plain.loss_curve_[0]
    np.testing.assert_allclose(scaled.loss_curve_, plain.loss_curve_, rtol=1e-5)
    gap = np.subtract(plain.validation_scores_, scaled.validation_scores_)
    np.testing.assert_allclose(gap, 2 * np.log(1024), rtol=1e-5)


@pytest.mark.parametrize("family", BY_REGRESSION)
def test_other_bases_than_the_normal_are_refused(quick, moons, family):
    with pytest.raises(ValueError, match=r"normal noise.*base='normal'"):
        quick(flow=family, base="t").fit(moons)
    quick(flow=family, base="normal", max_iter=2).fit(moons)


@pytest.mark.parametrize("sizes", [(8,), (8, 6), (8, 8, 8)], ids=str)
def test_any_number_of_hidden_layers_gives_a_density(quick, sizes):
    X = np.random.default_rng(0).normal(size=(300, 1)) ** 2
    estimator = quick(flow="flow_matching", hidden_layer_sizes=sizes, marginals=None).fit(X)
    grid = np.linspace(-30, 30, 6001)
    mass = np.exp(estimator.score_samples(grid[:, None])).sum() * (grid[1] - grid[0])
    assert mass == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize("family", BY_REGRESSION[:2])
def test_weights_are_repetitions_of_regression_targets(quick, moons, family):
    weights = np.random.default_rng(0).integers(0, 4, len(moons))
    estimator = quick(flow=family)
    weighted = estimator.fit(moons, sample_weight=weights).score_samples(moons)
    repeated = estimator.fit(np.repeat(moons, weights, axis=0)).score_samples(moons)
    np.testing.assert_allclose(weighted, repeated, atol=1e-6)
    assert np.abs(estimator.fit(moons).score_samples(moons) - weighted).max() > 1e-2


def test_weights_shape_the_density_with_coupled_pairs(quick):
    """Equidistant samples, weighted by a bimodal density, have that density."""
    x = np.linspace(-4, 4, 401)
    peaks = 0.7 * norm.pdf(x, -1.2, 0.5) + 0.3 * norm.pdf(x, 1.2, 0.4)
    estimator = quick(
        flow="flow_matching_ot",
        hidden_layer_sizes=(32, 32),
        n_estimators=1,
        max_iter=300,
        early_stopping=False,
        learning_rate_init=1e-2,
        dropout=0.0,
        noise=0.0,
    ).fit(x[:, None], sample_weight=peaks)
    log_p = estimator.score_samples(x[:, None])
    assert 0 < 0.02 * (peaks * (np.log(peaks) - log_p)).sum() < 0.02
    wide = np.linspace(-12, 12, 2401)[:, None]
    assert 0.01 * np.exp(estimator.score_samples(wide)).sum() == pytest.approx(1, abs=1e-3)


def test_a_warm_start_continues(quick, moons):
    estimator = quick(flow="flow_matching", warm_start=True).fit(moons)
    first = estimator.best_validation_score_
    again = pickle.loads(pickle.dumps(estimator)).fit(moons)
    assert again.best_validation_score_ >= first


@pytest.fixture(scope="module")
def regressors():
    X, y = draw(600)
    return {
        name: NormalizingFlowRegressor(
            flow=name,
            n_estimators=1,
            hidden_layer_sizes=(32, 32),
            max_iter=400,
            tol=0.1,
            random_state=0,
        ).fit(X, y)
        for name in ("flow_matching", "nsf_ar")
    }


def test_a_regressor_comes_close_to_splines(regressors):
    X, y = draw(1000, seed=1)
    scores = {name: conditional_log_likelihood(m, X, y) for name, m in regressors.items()}
    assert scores["flow_matching"] > scores["nsf_ar"] - 0.1
    assert scores["flow_matching"] > regressors["flow_matching"].validation_scores_[0] + 0.7


def test_quantiles_and_distribution_function_agree_to_the_solvers_tolerance(regressors):
    regressor, X = regressors["flow_matching"], np.linspace(-1.5, 1.5, 7)[:, None]
    levels = np.array([0.01, 0.2, 0.5, 0.8, 0.99])
    quantiles = regressor.predict_quantiles(X, levels)
    assert (np.diff(quantiles, axis=1) > 0).all()
    for level, column in zip(levels, quantiles.T, strict=True):
        np.testing.assert_allclose(regressor.cdf(X, column), level, atol=1e-3)


def test_a_classifier_tells_the_moons_apart(moons, more_moons):
    upper, new_upper = (X[:, 1] > 0.25 + 0.3 * np.sin(2 * X[:, 0]) for X in (moons, more_moons))
    classifier = NormalizingFlowClassifier(**{**QUICK, "flow": "flow_matching"})
    classifier.set_params(max_iter="auto", tol=1e-3, hidden_layer_sizes=16, n_estimators=1)
    classifier.fit(moons, upper)
    assert classifier.score(more_moons, new_upper) > 0.93
    mean = classifier.log_prob(more_moons, new_upper).mean()
    assert mean > classifier.validation_scores_[0] + 0.1
