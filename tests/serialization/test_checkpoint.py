"""Fits that go on where a killed one was, and fits that end in time."""

import os
import warnings

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning

import skflow.serialization.checkpoint
import skflow.training.loop
from skflow import InvalidFileError, NormalizingFlowDensity, NormalizingFlowRegressor
from tests.killing import kill

PARAMS = {
    "n_transforms": 2,
    "hidden_layer_sizes": 8,
    "n_estimators": 2,
    "batch_size": 32,
    "dropout": 0.1,
    "noise": 0.1,
    "random_state": 0,
}


@pytest.mark.parametrize("n_written", [1, 4, 7])
def test_a_killed_fit_goes_on_to_the_same_end(tmp_path, moons, n_written):
    params = kill(tmp_path, moons, n_written, PARAMS)
    resumed = NormalizingFlowDensity(**params)
    batches = []
    plain_step = skflow.training.loop._training_step

    def counted(*args):
        batches.append(1)
        return plain_step(*args)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(skflow.training.loop, "_training_step", counted)
        resumed.fit(moons)
    whole = NormalizingFlowDensity(**PARAMS).fit(moons)
    np.testing.assert_array_equal(resumed.score_samples(moons), whole.score_samples(moons))
    assert resumed.validation_scores_ == whole.validation_scores_
    assert resumed.loss_curve_ == whole.loss_curve_
    assert resumed.n_iter_ == whole.n_iter_
    assert len(batches) <= 800 - 10 * (n_written - 1)  # checks come every ten steps
    assert not (tmp_path / "checkpoint").exists()


def test_without_a_seed_the_fit_keeps_its_own(tmp_path, moons):
    params = kill(tmp_path, moons, 3, PARAMS | {"random_state": None})
    record, _ = skflow.serialization.checkpoint._read(tmp_path / "checkpoint")
    resumed = NormalizingFlowDensity(**params).fit(moons)
    assert resumed._seed == record["seed"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("estimator", "arguments", "params"),
    [
        ("NormalizingFlowRegressor", "X[:, :1], X[:, 1]", {}),
        ("NormalizingFlowDensity", "X", {"flow": "flow_matching"}),
        ("NormalizingFlowDensity", "X", {"early_stopping": False, "max_iter": 30}),
        ("NormalizingFlowDensity", "X", {"support": (-5, 5)}),
    ],
)
def test_other_fits_go_on_as_well(tmp_path, moons, estimator, arguments, params):
    params = kill(tmp_path, moons, 3, PARAMS | params, estimator, arguments)
    kind = {c.__name__: c for c in (NormalizingFlowDensity, NormalizingFlowRegressor)}[estimator]
    rows = (moons[:, :1], moons[:, 1]) if kind is NormalizingFlowRegressor else (moons,)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        resumed = kind(**params).fit(*rows)
        whole = kind(**params | {"checkpoint": None}).fit(*rows)
    assert resumed.loss_curve_ == whole.loss_curve_


def test_other_rows_settings_and_seeds_are_refused(tmp_path, moons, more_moons):
    params = kill(tmp_path, moons, 2, PARAMS)
    for change, rows, what in (
        ({}, more_moons, "rows"),
        ({"alpha": 0.5}, moons, "settings"),
        ({"random_state": 1}, moons, "random_state"),
    ):
        with pytest.raises(ValueError, match=f"unfinished fit with other {what}"):
            NormalizingFlowDensity(**params | change).fit(rows)
    assert (tmp_path / "checkpoint").exists()


@pytest.mark.parametrize("damage", [lambda b: b[:-9], lambda b: b"", lambda b: b"notes" * 99])
def test_a_damaged_file_is_refused(tmp_path, moons, damage):
    params = kill(tmp_path, moons, 2, PARAMS)
    path = tmp_path / "checkpoint"
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(InvalidFileError, match="no checkpoint, or damaged"):
        NormalizingFlowDensity(**params).fit(moons)


def test_a_file_that_cannot_be_written_does_not_end_the_fit(tmp_path, moons, quick):
    path = tmp_path / "no such folder" / "checkpoint"
    with pytest.warns(RuntimeWarning, match="cannot be written"):
        estimator = quick(checkpoint=path).fit(moons)
    np.testing.assert_array_equal(
        estimator.score_samples(moons), quick().fit(moons).score_samples(moons)
    )


def test_max_time_keeps_the_best_weights_so_far(moons, quick, tmp_path):
    path = tmp_path / "checkpoint"
    params = {"max_iter": 10_000, "n_iter_no_change": 10_000}
    with pytest.warns(ConvergenceWarning, match=r"took max_time=1e-09 after 0 epochs"):
        estimator = quick(max_time=1e-9, checkpoint=path, **params).fit(moons)
    assert len(estimator.validation_scores_) == 1
    assert np.isfinite(estimator.score(moons))
    assert path.exists()  # to be gone on with
    assert os.listdir(tmp_path) == ["checkpoint"]
