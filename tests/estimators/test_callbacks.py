"""scikit-learn's callbacks: called at every check, torn down, and able to end training."""

import numpy as np
import polars as pl
import pytest
from sklearn.base import clone
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.model_selection import HalvingRandomSearchCV

import skflow

callback = pytest.importorskip("sklearn.callback", reason="scikit-learn before 1.9 has none")


class Recorder:
    """Records the calls, and ends training after a number of checks."""

    def __init__(self, max_checks=None):
        self.max_checks, self.calls = max_checks, []

    def setup(self, estimator, context):
        self.calls.append("setup")

    def on_fit_task_begin(self, estimator, context):
        self.calls.append(f"begin {context.task_name}")

    def on_fit_task_end(self, estimator, context):
        self.calls.append(f"end {context.task_name}")
        return self.max_checks is not None and self.calls.count("end check") >= self.max_checks

    def teardown(self, estimator, context):
        self.calls.append("teardown")


def test_callbacks_are_called_at_every_check(quick, moons):
    recorder = Recorder()
    estimator = quick()
    assert estimator.set_callbacks(recorder) is estimator
    estimator.fit(moons)
    assert recorder.calls[:2] == ["setup", "begin fit"]
    assert recorder.calls[-2:] == ["end fit", "teardown"]
    n_checks = len(estimator.validation_scores_)
    assert recorder.calls.count("begin check") == recorder.calls.count("end check") == n_checks
    np.testing.assert_array_equal(
        estimator.score_samples(moons), quick().fit(moons).score_samples(moons)
    )


def test_a_callback_can_end_training(quick, moons):
    estimator = quick().set_callbacks(Recorder(max_checks=2)).fit(moons)
    assert len(estimator.validation_scores_) == 2
    assert np.isfinite(estimator.score(moons))


def test_callbacks_are_torn_down_when_a_fit_fails(quick, moons):
    recorder = Recorder()
    estimator = quick().set_callbacks(recorder)
    with pytest.raises(ValueError, match="infinity"):
        estimator.fit(np.where(moons > 0.5, np.inf, moons))
    assert recorder.calls == ["setup", "begin fit", "teardown"]
    assert not hasattr(estimator, "_callback_fit_ctx")


def test_a_progress_bar(quick, moons, capsys):
    estimator = quick().set_callbacks(callback.ProgressBar())
    clone(estimator).fit(moons)


def test_callbacks_are_not_saved(quick, moons, tmp_path):
    estimator = quick().set_callbacks(Recorder()).fit(moons)
    skflow.save(estimator, tmp_path / "file")
    loaded = skflow.load(tmp_path / "file")
    np.testing.assert_array_equal(loaded.score_samples(moons), estimator.score_samples(moons))


def test_polars_frames_and_their_names(quick, moons):
    frame = pl.DataFrame(moons, schema=["u", "v"])
    estimator = quick().fit(frame)
    assert list(estimator.feature_names_in_) == ["u", "v"]
    np.testing.assert_array_equal(estimator.score_samples(frame), estimator.score_samples(frame))
    with pytest.raises(ValueError, match="feature names"):
        estimator.score_samples(frame.rename({"u": "w"}))


def test_epochs_as_the_resource_of_a_halving_search(quick, moons):
    """The search sets max_iter, so it does not matter that it is "auto" before."""
    search = HalvingRandomSearchCV(
        quick(max_iter="auto"),
        {"alpha": [1e-3, 1e-2, 0.1, 1.0]},
        resource="max_iter",
        max_resources=8,
        min_resources=2,
        factor=2,
        cv=2,
        random_state=0,
    ).fit(moons)
    assert search.n_resources_ == [2, 4, 8]
    assert search.best_estimator_.max_iter == 8
