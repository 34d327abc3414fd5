"""Hyperparameter searches whose fits run in the workers of a dask cluster."""

import os
import signal
import subprocess
import sys
from contextlib import suppress
from itertools import chain
from pathlib import Path

import joblib
import numpy as np
import pytest
import torch
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.model_selection import GridSearchCV, HalvingGridSearchCV, KFold, cross_val_score

EXAMPLES = Path(__file__).parents[2] / "examples"
GRID = {"n_bins": [3, 6], "flow": ["nsf", "maf"]}

pytestmark = pytest.mark.slow


def grid_search(estimator, cv=2, **params):
    return GridSearchCV(estimator, GRID, cv=cv, error_score="raise", **params)


def halving_search(estimator):
    return HalvingGridSearchCV(
        estimator,
        {"learning_rate_init": [1e-4, 1e-3, 1e-2]},
        resource="max_iter",
        min_resources=5,
        max_resources=15,
        cv=KFold(2),
        error_score="raise",
        random_state=0,
    )


@pytest.mark.parametrize("search", [grid_search, halving_search])
def test_a_search_on_workers_gives_identical_results(search, quick, moons, client, one_thread):
    local = search(quick()).fit(moons)
    with joblib.parallel_config(backend="dask"):
        on_workers = search(quick()).fit(moons)
    for scores in ("split0_test_score", "split1_test_score"):
        np.testing.assert_array_equal(on_workers.cv_results_[scores], local.cv_results_[scores])
    assert on_workers.best_params_ == local.best_params_
    np.testing.assert_array_equal(on_workers.score_samples(moons), local.score_samples(moons))


def test_cross_val_score_on_workers_is_identical(quick, moons, client, one_thread):
    local = cross_val_score(quick(), moons, cv=KFold(3))
    with joblib.parallel_config(backend="dask"):
        on_workers = cross_val_score(quick(), moons, cv=KFold(3))
    np.testing.assert_array_equal(on_workers, local)


def test_a_search_survives_a_killed_worker(quick, moons, client, one_thread, tmp_path):
    killed = tmp_path / "killed"

    def score_but_die_once(estimator, X, y=None):
        with suppress(FileExistsError), killed.open("x") as file:  # one worker only
            file.write(str(os.getpid()))
            file.flush()
            os.kill(os.getpid(), signal.SIGKILL)
        return estimator.score(X)

    workers = set(client.run(os.getpid).values())
    folds = list(KFold(2).split(moons))
    with joblib.parallel_config(backend="dask", scatter=[moons, *chain(*folds)]):
        on_workers = grid_search(quick(), cv=folds, scoring=score_but_die_once).fit(moons)
    assert int(killed.read_text()) in workers
    local = grid_search(quick()).fit(moons)
    np.testing.assert_array_equal(
        on_workers.cv_results_["mean_test_score"], local.cv_results_["mean_test_score"]
    )


def test_threads_of_workers_are_respected(quick, moons, client):
    """A worker with one thread computes with one thread."""

    def threads(estimator, X, y=None):
        return torch.get_num_threads()

    with joblib.parallel_config(backend="dask"):
        counts = cross_val_score(quick(), moons, scoring=threads, cv=KFold(2))
    assert counts.tolist() == [1, 1]


def test_the_example_runs():
    out = subprocess.run(
        [sys.executable, EXAMPLES / "search_on_dask.py"],
        env={**os.environ, "PYTHONPATH": str(EXAMPLES.parent), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=True,
        timeout=240,
    ).stdout
    assert "2 workers" in out
    assert "best: " in out
