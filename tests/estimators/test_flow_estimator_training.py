"""Parameters of the training: stopping, warm starts, ensemble members, verbosity, families."""

import pickle
import signal

import numpy as np
import pytest
import torch
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV, cross_val_score

from skflow import NormalizingFlowDensity
from skflow.flows.bijections import Bijection, Chain, LULinear
from skflow.flows.families import FAMILIES


class CtrlC(Bijection):
    """The identity, which raises SIGINT in training after a number of calls."""

    countdown = None

    def forward(self, x, context=None):
        if self.training and CtrlC.countdown is not None:
            CtrlC.countdown -= 1
            if CtrlC.countdown < 0:
                CtrlC.countdown = None
                signal.raise_signal(signal.SIGINT)
        return x, x.new_zeros(x.shape[:-1])

    def inverse(self, z, context=None):
        return z, z.new_zeros(z.shape[:-1])


def interruptible(n_features, n_context, generator):
    return [LULinear(n_features), CtrlC()]


@pytest.fixture
def press_ctrl_c():
    """Press Ctrl-C after a number of training steps."""

    def after(steps):
        CtrlC.countdown = steps

    # processes that a shell starts in the background ignore Ctrl-C
    handler = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield after
    signal.signal(signal.SIGINT, handler)
    CtrlC.countdown = None


@pytest.mark.parametrize("steps", [0, 1, 35])
@pytest.mark.parametrize("params", [{}, {"safety_net": True}, {"early_stopping": False}], ids=str)
def test_ctrl_c_leaves_a_usable_estimator(quick, moons, press_ctrl_c, steps, params):
    estimator = quick(flow=interruptible, n_iter_no_change=100, **params)
    press_ctrl_c(steps)
    with pytest.warns(UserWarning, match="interrupted"):
        estimator.fit(moons)
    assert estimator.n_iter_ < 60
    assert len(estimator.loss_curve_) == estimator.n_iter_
    assert np.isfinite(estimator.score_samples(moons)).all()
    assert estimator.sample(3).shape == (3, 2)
    again = pickle.loads(pickle.dumps(estimator))
    np.testing.assert_array_equal(again.score_samples(moons), estimator.score_samples(moons))


def test_ctrl_c_keeps_the_best_weights(quick, moons, press_ctrl_c):
    params = {"flow": interruptible, "learning_rate_init": 0.05, "n_iter_no_change": 100}
    start = quick(**params | {"learning_rate_init": 1e-12, "max_iter": 1}).fit(moons)
    press_ctrl_c(35)
    with pytest.warns(UserWarning, match="interrupted"):
        stopped = quick(**params).fit(moons)
    scores = stopped.validation_scores_
    assert stopped.best_validation_score_ >= scores[0]
    assert np.abs(stopped.score_samples(moons) - start.score_samples(moons)).max() > 1e-3


@pytest.mark.parametrize(
    "search",
    [
        lambda estimator, X: GridSearchCV(estimator, {"alpha": [0, 1]}, cv=2).fit(X),
        lambda estimator, X: cross_val_score(estimator, X, cv=2),
    ],
    ids=["GridSearchCV", "cross_val_score"],
)
def test_ctrl_c_stops_a_search(quick, moons, press_ctrl_c, search):
    press_ctrl_c(15)
    with pytest.raises(KeyboardInterrupt):
        search(quick(flow=interruptible), moons)


def test_silent_by_default(quick, moons, capsys):
    quick().fit(moons)
    assert capsys.readouterr() == ("", "")


def test_verbose_shows_progress_on_stderr(quick, moons, capsys):
    quick(verbose=1).fit(moons)
    out, err = capsys.readouterr()
    assert out == ""
    assert "validation" in err
    assert "%" in err


def test_verbose_changes_no_number(quick, moons):
    loud, silent = quick(verbose=1).fit(moons), quick().fit(moons)
    np.testing.assert_array_equal(loud.score_samples(moons), silent.score_samples(moons))


@pytest.mark.parametrize("max_iter", [20, 51, 61])
def test_too_few_epochs_raise_a_warning(moons, max_iter):
    estimator = NormalizingFlowDensity(max_iter=max_iter, n_estimators=2, random_state=0)
    with pytest.warns(ConvergenceWarning, match=rf"max_iter={max_iter}") as caught:
        estimator.fit(moons)
    assert len(caught) == 1
    assert caught[0].filename == __file__


def test_automatic_number_of_epochs_raises_no_warning(moons):
    NormalizingFlowDensity(effort="fast", n_iter_no_change=1, random_state=0).fit(moons[:50])


@pytest.mark.parametrize("max_iter", [1, np.int64(3), np.int32(2)])
def test_few_epochs(quick, moons, max_iter):
    estimator = quick(max_iter=max_iter).fit(moons)
    assert estimator.n_iter_ == max_iter
    assert len(estimator.loss_curve_) == max_iter
    assert np.isfinite(estimator.loss_curve_).all()


@pytest.mark.parametrize("batch_size", ["auto", 16, 64, 1000])
def test_one_loss_per_epoch(quick, moons, batch_size):
    estimator = quick(batch_size=batch_size).fit(moons)
    assert 1 <= estimator.n_iter_ <= 60
    assert len(estimator.loss_curve_) == estimator.n_iter_
    assert all(isinstance(loss, float) for loss in estimator.loss_curve_)


def test_losses_are_in_the_units_of_the_data(quick, moons):
    plain, scaled = quick(max_iter=5).fit(moons), quick(max_iter=5).fit(moons * 1024.0)
    shift = 2 * np.log(1024)
    for name, sign in [("loss_curve_", 1), ("validation_scores_", -1)]:
        moved = np.array(getattr(scaled, name)) - sign * shift
        np.testing.assert_allclose(moved, getattr(plain, name), atol=1e-5)
    assert plain.loss_curve_[0] == pytest.approx(-plain.validation_scores_[0], abs=0.3)


def test_best_validation_score_with_one_ensemble_member(quick, moons):
    estimator = quick(n_estimators=1, learning_rate_init=0.02).fit(moons)
    assert len(estimator.validation_scores_) >= 3
    assert estimator.best_validation_score_ == pytest.approx(max(estimator.validation_scores_))
    assert estimator.best_validation_score_ > estimator.validation_scores_[0]


def test_best_validation_score_with_several_ensemble_members(quick, moons):
    estimator = quick(n_estimators=3).fit(moons)
    best = max(estimator.validation_scores_)
    assert best - 1e-6 <= estimator.best_validation_score_ < best + 0.1


def test_validation_score_is_that_of_held_out_samples(quick, moons):
    estimator = quick(
        n_estimators=1, hidden_layer_sizes=64, learning_rate_init=0.02, n_iter_no_change=100,
        max_iter=300, noise=0.0, dropout=0.0,
    ).fit(moons[:60])  # fmt: skip
    assert estimator.best_validation_score_ > max(estimator.validation_scores_[-5:])
    assert -min(estimator.loss_curve_) > estimator.best_validation_score_


def test_training_stops_without_improvement(quick, moons):
    patient = quick(n_iter_no_change=50, max_iter=200).fit(moons)
    impatient = quick(n_iter_no_change=2, max_iter=200).fit(moons)
    assert patient.n_iter_ == 200
    assert impatient.n_iter_ < 50
    assert len(impatient.validation_scores_) == 3  # the initial fit, and two without a gain


def test_without_early_stopping_there_are_no_held_out_samples_and_no_safety_net(quick, moons):
    estimator = quick(early_stopping=False, max_iter=30, n_estimators=3, safety_net=True)
    estimator.fit(moons)
    assert list(estimator.validation_scores_) == []
    assert estimator.weights_ == {"flow": 1.0}
    assert estimator.n_iter_ == 30
    assert len(estimator.loss_curve_) == 30
    assert len(estimator.flow_.base.components) == 3


@pytest.mark.parametrize("early_stopping", [np.False_, np.True_])
def test_early_stopping_takes_booleans_of_numpy(quick, moons, early_stopping):
    estimator = quick(early_stopping=early_stopping).fit(moons)
    assert bool(estimator.validation_scores_) == bool(early_stopping)


def test_ensemble_members_differ(quick, moons):
    estimator = quick(early_stopping=False, n_estimators=3, max_iter=30).fit(moons)
    x = torch.from_numpy(np.array(moons))
    rows, _ = estimator.flow_.chain(x)
    members = [member.log_prob(rows).numpy() for member in estimator.flow_.base.components]
    for k in (1, 2):
        assert np.abs(members[k] - members[0]).max() > 1e-3


def test_density_is_the_mean_of_the_ensemble_members(quick, moons):
    estimator = quick(n_estimators=3).fit(moons)
    x = torch.from_numpy(np.array(moons))
    rows, log_det = estimator.flow_.chain(x)
    members = torch.stack([member.log_prob(rows) for member in estimator.flow_.base.components])
    average = torch.logsumexp(members, 0) - np.log(3) + log_det
    np.testing.assert_allclose(estimator.score_samples(moons), average.numpy(), rtol=1e-9)


def test_weights_are_those_of_the_mixture(quick, moons):
    estimator = quick(safety_net=True).fit(moons)
    assert len(estimator.weights_) > 1
    assert min(estimator.weights_.values()) > 0
    assert sum(estimator.weights_.values()) == pytest.approx(1)
    assert estimator.flow_.base.weights.sum().item() == pytest.approx(1, abs=1e-12)
    assert quick().fit(moons).weights_ == {"flow": 1.0}


@pytest.mark.parametrize("n", [2, 3, 4, 7])
@pytest.mark.parametrize("n_estimators", [1, 5])
def test_small_data_sets_are_fitted(quick, moons, n, n_estimators):
    estimator = quick(n_estimators=n_estimators, safety_net=True).fit(moons[:n])
    assert np.isfinite(estimator.score_samples(moons)).all()
    assert len(estimator.validation_scores_) >= 1


@pytest.mark.parametrize("n_estimators", [1, 2])
@pytest.mark.parametrize("validation_fraction", [0.01, 0.5, 0.7, 0.95])
def test_any_validation_fraction(quick, moons, n_estimators, validation_fraction):
    estimator = quick(n_estimators=n_estimators, validation_fraction=validation_fraction)
    assert np.isfinite(estimator.fit(moons).score(moons))


def test_validation_fraction_matters(quick, moons):
    small, large = (
        quick(n_estimators=1, validation_fraction=f).fit(moons).score(moons) for f in (0.1, 0.5)
    )
    assert small != large


@pytest.mark.parametrize(
    "hidden_layer_sizes", [8, np.int64(8), (8,), [8], np.array([8])], ids=repr
)
def test_forms_of_a_single_hidden_layer(quick, moons, hidden_layer_sizes):
    estimator = quick(hidden_layer_sizes=hidden_layer_sizes).fit(moons)
    np.testing.assert_array_equal(
        estimator.score_samples(moons), quick().fit(moons).score_samples(moons)
    )


EXPLICIT = [
    {"n_transforms": 3},
    {"hidden_layer_sizes": (6, 6, 4)},
    {"hidden_layer_sizes": np.array([6, 6])},
    {"n_bins": 7},
    {"activation": "tanh"},
    {"dropout": 0.5},
    {"base": "normal"},
    {"n_estimators": 3},
    {"safety_net": True},
    {"learning_rate_init": 1e-4},
    {"batch_size": 50},
    {"max_iter": 3},
    {"alpha": 10.0},
    {"noise": 0.5},
    {"early_stopping": False},
    {"validation_fraction": 0.3, "n_estimators": 1},
    {"flow": "maf"},
]


@pytest.mark.parametrize("params", EXPLICIT, ids=str)
def test_explicit_values_change_the_fit(quick, moons, params):
    scores = quick(**params).fit(moons).score_samples(moons)
    assert np.isfinite(scores).all()
    assert np.abs(scores - quick().fit(moons).score_samples(moons)).max() > 1e-6


def test_automatic_marginals_are_one_of_the_two(quick):
    normal = np.random.default_rng(0).normal(size=(300, 2))
    for X, winners in [(normal, (None, "yeo-johnson")), (np.exp(normal), ("yeo-johnson",))]:
        kinds = {k: quick(marginals=k).fit(X).score(X) for k in (None, "yeo-johnson", "auto")}
        assert kinds[None] != pytest.approx(kinds["yeo-johnson"], abs=1e-6)
        assert kinds["auto"] in [kinds[winner] for winner in winners]


def test_warm_start_continues(quick, moons):
    estimator = quick(warm_start=True, max_iter=15, n_iter_no_change=100, noise=0.0, dropout=0.0)
    estimator.fit(moons)
    first_loss, first_scores = estimator.loss_curve_[-1], list(estimator.validation_scores_)
    estimator.fit(moons)
    assert estimator.n_iter_ == 30
    assert len(estimator.loss_curve_) == 30
    assert estimator.loss_curve_[15] < estimator.loss_curve_[0]
    assert estimator.loss_curve_[-1] <= first_loss + 1e-3
    assert list(estimator.validation_scores_[: len(first_scores)]) == first_scores
    assert estimator.best_validation_score_ >= max(first_scores) - 1e-3


def test_warm_start_starts_where_the_earlier_fit_ended(quick, moons):
    estimator = quick(warm_start=True).fit(moons)
    before = estimator.score_samples(moons)
    estimator.set_params(learning_rate_init=1e-12, max_iter=1).fit(moons)
    np.testing.assert_allclose(estimator.score_samples(moons), before, atol=1e-4)


def test_warm_start_continues_after_pickling(quick, moons):
    estimator = quick(warm_start=True).fit(moons)
    loaded = pickle.loads(pickle.dumps(estimator))
    np.testing.assert_array_equal(
        loaded.fit(moons).score_samples(moons), estimator.fit(moons).score_samples(moons)
    )


def test_warm_start_continues_from_a_flow_of_zero_weight(quick):
    X = np.random.default_rng(1).standard_t(1.5, size=(30, 3))
    estimator = quick(warm_start=True, safety_net=True).fit(X)
    assert estimator.weights_.get("flow", 0) < 1e-3
    n_iter = estimator.n_iter_
    assert estimator.fit(X).n_iter_ > n_iter


@pytest.mark.parametrize(
    "change",
    [{"n_transforms": 3}, {"hidden_layer_sizes": 16}, {"n_estimators": 3}, {"flow": "maf"}],
    ids=str,
)
def test_warm_start_of_another_shape_is_refused(quick, moons, change):
    estimator = quick(warm_start=True).fit(moons)
    with pytest.raises(ValueError, match="warm_start"):
        estimator.set_params(**change).fit(moons)


def test_warm_start_with_another_width_is_refused(quick, moons):
    estimator = quick(warm_start=True).fit(moons)
    with pytest.raises(ValueError, match=r"warm_start|features"):
        estimator.fit(moons[:, :1])
    assert estimator.n_features_in_ == 2


def test_custom_family_may_return_a_list_or_a_chain(quick, moons):
    def chain(n_features, n_context, generator):
        return Chain(FAMILIES["nice"].build(2, sizes(n_features), generator))

    def bijections(n_features, n_context, generator):
        return FAMILIES["nice"].build(2, sizes(n_features), generator)

    def sizes(n_features):
        from skflow.flows.layers import LayerConfig

        return LayerConfig(n_features, hidden_layer_sizes=(8,))

    np.testing.assert_allclose(
        quick(flow=chain).fit(moons).score_samples(moons),
        quick(flow=bijections).fit(moons).score_samples(moons),
        rtol=1e-9,
    )


def test_custom_family_gets_the_number_of_features(quick, moons):
    seen = set()

    def family(n_features, n_context, generator):
        seen.add((n_features, n_context, type(generator)))
        return [LULinear(n_features)]

    estimator = quick(flow=family).fit(moons)
    assert seen == {(2, 0, torch.Generator)}
    assert np.isfinite(estimator.score_samples(moons)).all()
