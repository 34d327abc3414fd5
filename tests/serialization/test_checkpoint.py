"""Checkpoints: fits resumed after their process was killed, and fits cut short by max_time."""

import os
import re
import time
import warnings
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import pytest
import torch
from sklearn.exceptions import ConvergenceWarning

import skflow.serialization.checkpoint
import skflow.training.loop
from skflow import InvalidFileError, NormalizingFlowDensity, NormalizingFlowRegressor
from skflow.estimators import flow_estimator
from skflow.fitting.stages import Stages
from skflow.serialization.checkpoint import Checkpoint, FitIdentity
from tests.killing import kill

ROWS = np.arange(6.0).reshape(3, 2)

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
def test_a_killed_fit_is_resumed_to_the_same_result(tmp_path, moons, n_written):
    params = kill(tmp_path, moons, n_written, PARAMS)
    resumed = NormalizingFlowDensity(**params)
    batches = []
    training_step = skflow.training.loop._training_step

    def counting_step(*args):
        batches.append(1)
        return training_step(*args)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(skflow.training.loop, "_training_step", counting_step)
        resumed.fit(moons)
    uninterrupted = NormalizingFlowDensity(**PARAMS).fit(moons)
    np.testing.assert_array_equal(resumed.score_samples(moons), uninterrupted.score_samples(moons))
    assert resumed.validation_scores_ == uninterrupted.validation_scores_
    assert resumed.loss_curve_ == uninterrupted.loss_curve_
    assert resumed.n_iter_ == uninterrupted.n_iter_
    assert len(batches) <= 800 - 10 * (n_written - 1)  # there is a check every ten steps
    assert not (tmp_path / "checkpoint").exists()


def test_without_random_state_the_seed_of_the_file_is_used(tmp_path, moons):
    params = kill(tmp_path, moons, 3, PARAMS | {"random_state": None})
    identity, _ = skflow.serialization.checkpoint._read(tmp_path / "checkpoint")
    resumed = NormalizingFlowDensity(**params).fit(moons)
    assert resumed._seed == identity.seed


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
def test_other_estimators_and_settings_are_resumed(tmp_path, moons, estimator, arguments, params):
    params = kill(tmp_path, moons, 3, PARAMS | params, estimator, arguments)
    kind = {c.__name__: c for c in (NormalizingFlowDensity, NormalizingFlowRegressor)}[estimator]
    rows = (moons[:, :1], moons[:, 1]) if kind is NormalizingFlowRegressor else (moons,)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        resumed = kind(**params).fit(*rows)
        uninterrupted = kind(**params | {"checkpoint": None}).fit(*rows)
    assert resumed.loss_curve_ == uninterrupted.loss_curve_


def test_checkpoints_of_other_rows_settings_or_seeds_raise(tmp_path, moons, more_moons):
    params = kill(tmp_path, moons, 2, PARAMS)
    for change, rows, difference in (
        ({}, more_moons, "rows"),
        ({"alpha": 0.5}, moons, r"settings \(training\)\."),
        ({"n_transforms": 3, "base": "normal"}, moons, r"settings \(flow, base\)\."),
        ({"random_state": 1}, moons, "random_state"),
    ):
        with pytest.raises(ValueError, match=f"unfinished fit with different {difference}"):
            NormalizingFlowDensity(**params | change).fit(rows)
    assert (tmp_path / "checkpoint").exists()


@pytest.mark.parametrize("damage", [lambda b: b[:-9], lambda b: b"", lambda b: b"notes" * 99])
def test_a_damaged_file_raises(tmp_path, moons, damage):
    params = kill(tmp_path, moons, 2, PARAMS)
    path = tmp_path / "checkpoint"
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(InvalidFileError, match="is not a checkpoint or is damaged"):
        NormalizingFlowDensity(**params).fit(moons)


def test_a_fit_continues_when_the_file_cannot_be_written(tmp_path, moons, quick):
    path = tmp_path / "no such folder" / "checkpoint"
    with pytest.warns(RuntimeWarning, match="cannot be written"):
        estimator = quick(checkpoint=path).fit(moons)
    np.testing.assert_array_equal(
        estimator.score_samples(moons), quick().fit(moons).score_samples(moons)
    )


class Clock:
    """A clock on which a second passes whenever it ticks."""

    now = 0.0

    def __call__(self):
        return self.now

    def ticks(self):
        self.now += 1.0
        return True


def test_max_time_keeps_the_best_parameters_so_far(moons, quick, tmp_path, monkeypatch):
    path = tmp_path / "checkpoint"
    params = {"max_iter": 10_000, "n_iter_no_change": 10_000}
    clock = Clock()
    monkeypatch.setattr(flow_estimator, "Stages", partial(Stages, clock=clock))
    monkeypatch.setattr(Checkpoint, "due", property(lambda checkpoint: clock.ticks()))
    with pytest.warns(ConvergenceWarning, match=r"took max_time=3 while training.*weights so far"):
        estimator = quick(max_time=3, checkpoint=path, **params).fit(moons)
    assert len(estimator.validation_scores_) == 4  # the initial fit, and a check in each second
    assert estimator.best_validation_score_ >= max(estimator.validation_scores_) - 1e-6
    assert np.isfinite(estimator.score(moons))
    assert path.exists()  # to be resumed from
    assert os.listdir(tmp_path) == ["checkpoint"]


@dataclass
class Config:
    alpha: float = 0.1
    flow: object = "nsf"


def identity(seed=3, rows=ROWS, config=None, warm_start=False, n_processes=1):
    return FitIdentity.of(seed, [rows], config or Config(), warm_start, n_processes)


@pytest.fixture
def path(tmp_path):
    """A path at which there is a checkpoint."""
    checkpoint = Checkpoint(tmp_path / "file")
    checkpoint.identify(identity())
    checkpoint.write({"x": torch.arange(3.0), "nested": [1, {"y": np.int64(2)}, None, "z"]})
    return tmp_path / "file"


def test_state_is_read_back_as_tensors_and_released(path):
    checkpoint = Checkpoint(path)
    checkpoint.identify(identity())
    state = checkpoint.pop_state()
    assert torch.equal(state["x"], torch.arange(3.0))
    assert state["nested"] == [1, {"y": 2}, None, "z"]
    assert checkpoint.pop_state() is None
    checkpoint.remove()
    assert not path.exists()


@pytest.mark.parametrize(
    ("other", "difference"),
    [
        (identity(seed=4), "random_state"),
        (identity(rows=ROWS + 1), "rows"),
        (identity(rows=ROWS.T), "rows"),
        (identity(rows=ROWS.astype(np.float32)), "rows"),
        (identity(config=Config(alpha=0.1 + 1e-18)), None),  # the same float
        (identity(config=Config(alpha=0.1 + 1e-12)), "settings (alpha)"),
        (identity(config=Config(0.2, "maf")), "settings (alpha, flow)"),
        (identity(warm_start=True), "settings (warm_start)"),
        (identity(n_processes=2), "settings (n_processes)"),
        (replace(identity(), version="9.8.7"), "version of skflow"),
    ],
)
def test_an_identity_names_what_differs(path, other, difference):
    assert other.difference(identity()) == difference
    if difference is None:
        Checkpoint(path).identify(other)
        return
    with pytest.raises(ValueError, match=re.escape(f"fit with different {difference}. Finish")):
        Checkpoint(path).identify(other)
    assert path.exists()


def test_the_seed_of_the_file_replaces_a_random_one_but_not_a_fixed_one(path, tmp_path):
    assert Checkpoint(path).resolve_seed(8, fixed=False) == 3
    assert Checkpoint(path).resolve_seed(3, fixed=True) == 3
    with pytest.raises(ValueError, match="different random_state"):
        Checkpoint(path).resolve_seed(8, fixed=True)
    assert Checkpoint(tmp_path / "none").resolve_seed(8, fixed=True) == 8


def test_writes_are_seconds_apart(path, monkeypatch):
    checkpoint = Checkpoint(path)
    checkpoint.identify(identity())
    assert checkpoint.due
    checkpoint.write([])
    assert not checkpoint.due
    later = time.monotonic() + 6
    monkeypatch.setattr(time, "monotonic", lambda: later)
    assert checkpoint.due
    assert not Checkpoint(None).due
