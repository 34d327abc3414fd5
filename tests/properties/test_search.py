"""Searches, pipelines and cross-validation, also together with estimators of scikit-learn."""

import os
import pickle
import subprocess
import sys

import numpy as np
import pytest
from joblib import Parallel, delayed
from sklearn.base import clone
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.mixture import GaussianMixture
from sklearn.model_selection import GridSearchCV, HalvingGridSearchCV, KFold, cross_val_score
from sklearn.neighbors import KernelDensity
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from skflow.metrics import mean_log_likelihood


def scores_by_hand(estimator, X, cv):
    return [clone(estimator).fit(X[train]).score(X[test]) for train, test in cv.split(X)]


def test_grid_search_in_one_process(quick, moons):
    search = GridSearchCV(quick(), {"n_bins": [3, 6], "flow": ["nsf", "maf"]}, cv=KFold(2))
    search.fit(moons)
    scores = search.cv_results_["mean_test_score"]
    assert np.isfinite(scores).all()
    assert search.best_score_ == scores.max()
    best = quick(**search.best_params_)
    assert search.best_score_ == pytest.approx(np.mean(scores_by_hand(best, moons, KFold(2))))
    np.testing.assert_array_equal(
        search.score_samples(moons), best.fit(moons).score_samples(moons)
    )


def test_grid_search_in_two_processes_agrees_with_one(quick, moons):
    one, two = (
        GridSearchCV(quick(), {"n_bins": [3, 6]}, cv=KFold(2), n_jobs=n_jobs).fit(moons)
        for n_jobs in (1, 2)
    )
    np.testing.assert_allclose(
        two.cv_results_["mean_test_score"], one.cv_results_["mean_test_score"], rtol=1e-6
    )
    assert two.best_params_ == one.best_params_


def test_grid_of_numpy_values(quick, moons):
    grid = {
        "hidden_layer_sizes": np.array([4, 8]),
        "n_bins": np.arange(3, 5),
        "alpha": np.logspace(-3, -2, 2),
    }
    search = GridSearchCV(quick(), grid, cv=KFold(2), error_score="raise").fit(moons)
    assert len(search.cv_results_["params"]) == 8
    assert np.isfinite(search.best_score_)


def test_cross_val_score(quick, moons):
    scores = cross_val_score(quick(), moons, cv=KFold(3))
    np.testing.assert_allclose(scores, scores_by_hand(quick(), moons, KFold(3)))


def test_halving_search_over_epochs(quick, moons):
    search = HalvingGridSearchCV(
        quick(n_iter_no_change=100),
        {"learning_rate_init": [1e-5, 1e-3, 1e-2]},
        resource="max_iter",
        min_resources=5,
        max_resources=45,
        factor=3,
        cv=KFold(2),
        random_state=0,
    ).fit(moons)
    assert search.n_resources_ == [5, 15]
    assert search.best_estimator_.max_iter == search.n_resources_[-1]
    assert search.best_estimator_.n_iter_ == search.n_resources_[-1]
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()


def test_pipeline_scores_in_the_scaled_units(quick, moons):
    X = moons * [50.0, 0.02]
    pipeline = make_pipeline(StandardScaler(), quick()).fit(X)
    scaled = StandardScaler().fit_transform(X)
    np.testing.assert_allclose(
        pipeline.score_samples(X), quick().fit(scaled).score_samples(scaled), rtol=1e-9
    )
    log_det = -np.log(X.std(axis=0)).sum()
    assert pipeline.score_samples(X).mean() + log_det == pytest.approx(
        quick().fit(X).score(X), abs=1e-2
    )


@pytest.fixture
def kinds_of_density(quick):
    return {
        "kernels": KernelDensity(bandwidth=0.15),
        "wide kernels": KernelDensity(bandwidth=3.0),
        "mixture": GaussianMixture(2, random_state=0),
        "flow": quick(max_iter=100, n_bins=8),
    }


def test_one_search_compares_kinds_of_density_on_one_scale(kinds_of_density, moons):
    search = GridSearchCV(
        Pipeline([("density", KernelDensity())]),
        {"density": list(kinds_of_density.values())},
        scoring=mean_log_likelihood,
        cv=KFold(3, shuffle=True, random_state=0),
        error_score="raise",
    ).fit(moons)
    scores = dict(zip(kinds_of_density, search.cv_results_["mean_test_score"], strict=True))
    assert scores["flow"] > scores["wide kernels"] + 0.5
    assert scores["kernels"] > scores["wide kernels"] + 0.5
    assert max(scores.values()) - min(scores.values()) < 10  # a sum would be off by hundreds
    assert search.best_estimator_["density"].__class__ is not GaussianMixture or (
        scores["mixture"] == max(scores.values())
    )


def test_mean_log_likelihood_is_on_one_scale(kinds_of_density, moons, more_moons):
    for density in kinds_of_density.values():
        density.fit(moons)
        expected = density.score_samples(more_moons).mean()
        assert mean_log_likelihood(density, more_moons) == pytest.approx(expected, rel=1e-12)
    flow, mixture = kinds_of_density["flow"], kinds_of_density["mixture"]
    kernels = kinds_of_density["kernels"]
    assert mean_log_likelihood(flow, more_moons) == pytest.approx(flow.score(more_moons))
    assert mean_log_likelihood(mixture, more_moons) == pytest.approx(mixture.score(more_moons))
    assert mean_log_likelihood(kernels, more_moons) == pytest.approx(
        kernels.score(more_moons) / len(more_moons)
    )


def test_mean_log_likelihood_as_a_scorer_ignores_y(quick, moons):
    scores = cross_val_score(
        quick(), moons, np.zeros(300), scoring=mean_log_likelihood, cv=KFold(2)
    )
    np.testing.assert_allclose(scores, scores_by_hand(quick(), moons, KFold(2)))


def test_fits_in_threads_do_not_disturb_each_other(quick, moons):
    def fit(seed):
        return pickle.dumps(quick(random_state=seed, dropout=0.2).fit(np.array(moons)))

    threads = Parallel(n_jobs=3, backend="threading")(delayed(fit)(seed) for seed in range(3))
    assert threads == [fit(seed) for seed in range(3)]


def test_fits_in_worker_processes_share_the_cores():
    """All joblib workers together have no more torch threads than there are cores."""
    script = """
import joblib, numpy as np, torch
from skflow import NormalizingFlowDensity

def fit(seed):
    X = np.random.default_rng(seed).normal(size=(60, 2))
    NormalizingFlowDensity(effort="fast", max_iter=2, tol=10, random_state=0).fit(X)
    return torch.get_num_threads()

threads = joblib.Parallel(n_jobs=2)(joblib.delayed(fit)(seed) for seed in range(2))
print(sum(threads), max(2, joblib.cpu_count()))
"""
    free = {name: value for name, value in os.environ.items() if name != "OMP_NUM_THREADS"}
    out = subprocess.run(
        [sys.executable, "-c", script], env=free, capture_output=True, text=True, check=True
    )
    n_threads, n_cores = map(int, out.stdout.split())
    assert n_threads <= n_cores
