"""Fits that Ctrl-C or the clock cut short, at every stage: there is always a usable estimator."""

import pickle
import re
from functools import partial

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning

import skflow
from skflow.estimators import flow_estimator, table_rows
from skflow.fitting import ensemble, fit_density, fit_plan, model_selection
from skflow.fitting.stages import STAGES, Stages

PARAMS = {
    "n_transforms": 1,
    "hidden_layer_sizes": 4,
    "n_bins": 3,
    "n_estimators": 2,
    "max_iter": 4,
    "tol": 1e-9,
    "n_iter_no_change": 100,
    "random_state": 0,
}
RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 2))
Y = X[:, 0] + RNG.normal(size=60)
ESTIMATORS = {
    skflow.NormalizingFlowDensity: (X,),
    skflow.NormalizingFlowRegressor: (X, Y),
    skflow.NormalizingFlowClassifier: (X, (Y > 0).astype(int)),
    skflow.NormalizingFlowOutlierDetector: (X,),
}
# a function in which the work of each stage is done
PLACES = {
    "beginning": (flow_estimator, "resolve_device"),
    "reading rows": (table_rows, "merge_duplicates"),
    "standardizing columns": (fit_density, "_input_transform"),
    "selecting transforms": (model_selection, "candidate_marginals"),
    "selecting mixtures": (model_selection, "select_mixture_config"),
    "fitting components": (fit_density, "untrained_components"),
    "building flows": (fit_density, "new_ensemble"),
    "training": (ensemble.EnsembleTrainer, "_save"),
    "weighing components": (fit_plan, "stack"),
    "refitting components": (fit_density, "safety_net"),
    "calibrating": (skflow.NormalizingFlowOutlierDetector, "_log_prob"),
}
OF_DENSITIES, OF_DETECTORS = ("selecting mixtures",), ("calibrating",)


def test_every_stage_is_interrupted_here():
    assert tuple(PLACES) == STAGES


def cases():
    for kind in ESTIMATORS:
        for stage in STAGES:
            density = kind is skflow.NormalizingFlowDensity
            detector = kind is skflow.NormalizingFlowOutlierDetector
            if (density or stage not in OF_DENSITIES) and (detector or stage not in OF_DETECTORS):
                yield pytest.param(kind, stage, id=f"{kind.__name__}-{stage}")


def estimator_of(kind, **params):
    """One that can label rows: contamination="auto" takes more than these."""
    is_detector = kind is skflow.NormalizingFlowOutlierDetector
    contamination = {"contamination": 0.1} if is_detector else {}
    return kind(**PARAMS, **contamination, **params)


def once(function, action, call=1):
    """The function, with something else that happens at its first call, or at another one."""
    calls = []

    def wrapped(*args, **kwargs):
        calls.append(None)
        if len(calls) == call:
            action()
        return function(*args, **kwargs)

    return wrapped


def press_ctrl_c():
    raise KeyboardInterrupt


class Clock:
    """A clock that is far too late from some moment on."""

    now = 0.0

    def __call__(self):
        return self.now

    def run_out(self):
        self.now = 1e9


def assert_usable(estimator, rows, *targets):
    loaded = pickle.loads(pickle.dumps(estimator))
    if isinstance(estimator, skflow.NormalizingFlowRegressor):
        scores, again = (e.log_prob(rows, *targets) for e in (estimator, loaded))
        assert np.corrcoef(estimator.predict(rows), targets[0])[0, 1] > 0.5
        assert np.isfinite(estimator.sample_y(rows, 2, random_state=0)).all()
    else:
        scores, again = (e.score_samples(rows) for e in (estimator, loaded))
    if isinstance(estimator, skflow.NormalizingFlowClassifier):
        np.testing.assert_allclose(estimator.predict_proba(rows).sum(1), 1)
        assert estimator.score(rows, *targets) > 0.6
    elif isinstance(estimator, skflow.NormalizingFlowOutlierDetector):
        p = estimator.p_value([*rows, [50.0, -50.0]])
        assert p[-1] < 0.05 < np.median(p[:-1]) <= 1
        assert estimator.predict([[50.0, -50.0]]).tolist() == [-1]
    elif isinstance(estimator, skflow.NormalizingFlowDensity):
        assert np.isfinite(estimator.sample(20, random_state=0)).all()
        assert -4 < scores.mean() < -2  # that of a standard normal in two columns is −2.84
    assert np.isfinite(scores).all()
    np.testing.assert_array_equal(again, scores)
    assert sum(estimator.weights_.values()) == pytest.approx(1)
    assert estimator.n_iter_ == len(estimator.loss_curve_) < 4 or "flow" in estimator.weights_


@pytest.mark.parametrize(("kind", "stage"), list(cases()))
def test_ctrl_c_at_any_stage_leaves_a_usable_estimator(monkeypatch, kind, stage):
    owner, name = PLACES[stage]
    monkeypatch.setattr(owner, name, once(getattr(owner, name), press_ctrl_c))
    estimator = estimator_of(kind)
    with pytest.warns(ConvergenceWarning, match=f"was interrupted while {stage}") as caught:
        estimator.fit(*ESTIMATORS[kind])
    assert [warning.filename for warning in caught] == [__file__]
    assert_usable(estimator, *ESTIMATORS[kind])


@pytest.mark.parametrize(("kind", "stage"), list(cases()))
def test_a_clock_run_out_at_any_stage_leaves_a_usable_estimator(monkeypatch, kind, stage):
    owner, name = PLACES[stage]
    clock = Clock()
    monkeypatch.setattr(flow_estimator, "Stages", partial(Stages, clock=clock))
    monkeypatch.setattr(owner, name, once(getattr(owner, name), clock.run_out))
    estimator = estimator_of(kind, max_time=5)
    # a stage that does not ask the time is done, and the next one is out of time
    with pytest.warns(ConvergenceWarning, match="took max_time=5 while") as caught:
        estimator.fit(*ESTIMATORS[kind])
    stages_from_here = STAGES[STAGES.index(stage) :]
    assert any(f"while {later}." in str(caught[0].message) for later in stages_from_here)
    assert_usable(estimator, *ESTIMATORS[kind])


def interrupted(monkeypatch, stage, estimator, *arguments, call=1):
    """Fit, and press Ctrl-C at a stage."""
    owner, name = PLACES[stage]
    with monkeypatch.context() as patch:
        patch.setattr(owner, name, once(getattr(owner, name), press_ctrl_c, call))
        with pytest.warns(ConvergenceWarning, match="was interrupted"):
            return estimator.fit(*arguments)


@pytest.mark.parametrize(
    ("place", "fitted_before"),
    [("_validate", False), ("_validate", True), ("_check_declarations", True)],
)
def test_ctrl_c_before_x_is_validated_changes_nothing(monkeypatch, place, fitted_before):
    estimator = skflow.NormalizingFlowDensity(**PARAMS)
    before = dict(vars(estimator.fit(X) if fitted_before else estimator))
    monkeypatch.setattr(type(estimator), place, lambda *args, **kwargs: press_ctrl_c())
    with pytest.raises(KeyboardInterrupt):
        estimator.fit(X[:30])
    assert vars(estimator) == before


def test_a_second_ctrl_c_changes_nothing(monkeypatch):
    estimator = skflow.NormalizingFlowDensity(**PARAMS).fit(X)
    before = dict(vars(estimator))
    monkeypatch.setattr(fit_density, "untrained_components", lambda *args: press_ctrl_c())
    monkeypatch.setattr(fit_density, "quick_components", lambda *args: press_ctrl_c())
    with pytest.raises(KeyboardInterrupt):
        estimator.fit(X[:30])
    assert vars(estimator) == before


@pytest.mark.parametrize(
    ("stage", "weights"),
    [
        ("reading rows", {"start", "wide t"}),
        ("fitting components", {"start", "wide t"}),
        ("training", {"flow", "start", "wide t"}),
    ],
)
def test_what_there_was_time_for_has_a_weight(monkeypatch, stage, weights):
    estimator = skflow.NormalizingFlowDensity(**PARAMS)
    interrupted(monkeypatch, stage, estimator, X)
    assert weights <= set(estimator.weights_) | {"start"}
    assert ("flow" in estimator.weights_) == ("flow" in weights)
    plain = skflow.NormalizingFlowDensity(**PARAMS, safety_net=False)
    assert set(interrupted(monkeypatch, stage, plain, X).weights_) <= {"flow", "start"}


def test_the_substitute_of_a_start_is_about_as_good(monkeypatch):
    """Of 10,000 samples a few are enough for ten numbers: within 0.05 nats of the entropy."""
    scale = np.array([1.0, 20.0, 0.05])
    rows = np.random.default_rng(1).normal(size=(10_000, 3)) * scale
    estimator = skflow.NormalizingFlowDensity(**PARAMS)
    interrupted(monkeypatch, "selecting transforms", estimator, rows)
    entropy = 3 * 0.5 * np.log(2 * np.pi * np.e) + np.log(scale).sum()
    assert estimator.score(rows) == pytest.approx(-entropy, abs=0.05)
    assert estimator.held_out_score_ == pytest.approx(-entropy, abs=0.1)


def test_declared_supports_hold_in_a_fit_that_is_cut_short(monkeypatch):
    counts = np.random.default_rng(2).poisson(2.0, size=(200, 1)).astype(float)
    estimator = skflow.NormalizingFlowDensity(**PARAMS, support="integer")
    interrupted(monkeypatch, "reading rows", estimator, counts)
    samples = estimator.sample(200, random_state=0)
    assert (samples == samples.round()).all()
    assert samples.mean() == pytest.approx(2.0, abs=0.4)


def test_a_table_on_disk_is_read_in_part_if_there_is_no_time(monkeypatch, tmp_path):
    rows = np.memmap(tmp_path / "rows", dtype=np.float64, mode="w+", shape=(50_000, 2))
    rows[:] = np.arange(50_000)[:, None] / 50_000  # sorted, so that its head tells nothing
    rows += 0.1 * np.random.default_rng(3).normal(size=rows.shape)
    estimator = skflow.NormalizingFlowDensity(**PARAMS, stream=True, max_rows=10_000)
    interrupted(monkeypatch, "reading rows", estimator, rows)
    assert estimator.n_samples_fit_ == 2000
    assert estimator.sample(2000, random_state=0).mean() == pytest.approx(0.5, abs=0.15)


def test_a_warm_start_cut_short_before_training_leaves_the_earlier_fit(monkeypatch):
    estimator = skflow.NormalizingFlowDensity(**PARAMS, warm_start=True).fit(X)
    expected, n_iter = estimator.score_samples(X), estimator.n_iter_
    interrupted(monkeypatch, "selecting transforms", estimator, X)
    np.testing.assert_array_equal(estimator.score_samples(X), expected)
    interrupted(monkeypatch, "refitting components", estimator, X)
    assert estimator.n_iter_ == n_iter + 4 == len(estimator.loss_curve_)


def test_a_warm_start_from_a_fit_without_flows_begins_anew(monkeypatch):
    estimator = skflow.NormalizingFlowDensity(**PARAMS, warm_start=True)
    interrupted(monkeypatch, "selecting transforms", estimator, X)
    fresh = skflow.NormalizingFlowDensity(**PARAMS).fit(X)
    np.testing.assert_array_equal(estimator.fit(X).score_samples(X), fresh.score_samples(X))
    assert estimator.n_iter_ == 4


def test_a_fit_without_flows_is_saved(monkeypatch, tmp_path):
    estimator = skflow.NormalizingFlowDensity(**PARAMS)
    interrupted(monkeypatch, "building flows", estimator, X)
    skflow.save(estimator, tmp_path / "file")
    np.testing.assert_array_equal(
        skflow.load(tmp_path / "file").score_samples(X), estimator.score_samples(X)
    )


@pytest.mark.parametrize("stage", ["training", "weighing components", "refitting components"])
def test_the_checkpoint_is_kept_once_training_has_begun(monkeypatch, tmp_path, stage):
    path = tmp_path / "checkpoint"
    estimator = skflow.NormalizingFlowDensity(**PARAMS, checkpoint=path)
    interrupted(monkeypatch, "selecting transforms", estimator, X)
    assert not path.exists()
    interrupted(monkeypatch, stage, estimator, X, call=1 + (stage == "training"))
    assert path.exists()
    complete = skflow.NormalizingFlowDensity(**PARAMS).fit(X)
    np.testing.assert_array_equal(estimator.fit(X).score_samples(X), complete.score_samples(X))
    assert not path.exists()


@pytest.mark.parametrize(
    ("params", "reason"),
    [
        ({}, "finished: 4 of 4 epochs"),
        ({"tol": 10.0, "n_iter_no_change": 1, "max_iter": 60}, r"stopped early: \d+ of 60 epochs"),
        ({"max_time": 1e-9}, "out of time while beginning"),
    ],
    ids=str,
)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_the_progress_bar_says_why_a_fit_ended(capsys, params, reason):
    estimator = skflow.NormalizingFlowDensity(**PARAMS | params, verbose=1).fit(X)
    shown = capsys.readouterr().err
    last = shown.rstrip().rpartition("\r")[2]
    found = re.search(f"NormalizingFlowDensity: {reason}", last)
    assert found
    if "epochs" in reason:
        assert f": {estimator.n_iter_} of " in found[0]
        assert f" {estimator.n_iter_}/" in last
        for stage in ("reading rows", "selecting transforms", "training", "weighing components"):
            assert f"NormalizingFlowDensity: {stage}:" in shown


def test_the_progress_bar_says_where_ctrl_c_ended_a_fit(monkeypatch, capsys):
    estimator = skflow.NormalizingFlowDensity(**PARAMS, verbose=1)
    interrupted(monkeypatch, "weighing components", estimator, X)
    last = capsys.readouterr().err.rstrip().rpartition("\r")[2]
    assert "interrupted while weighing components: 4 of 4 epochs" in last
