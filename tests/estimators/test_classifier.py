"""Class densities p(X | y), and predictions that follow from them by Bayes' rule."""

import pickle

import numpy as np
import pytest
from scipy.special import logsumexp
from scipy.stats import multivariate_normal
from sklearn.discriminant_analysis import QuadraticDiscriminantAnalysis

from skflow import NormalizingFlowClassifier, UnreliablePredictionWarning
from tests.conftest import QUICK

COVARIANCES = {"a": [[1.0, 0.8], [0.8, 1.0]], "b": [[1.0, -0.5], [-0.5, 0.5]], "c": np.eye(2)}
CENTRES = {"a": [0, 0], "b": [3, 0], "c": [0, 4]}


def draw(n, seed=0, priors=(0.5, 0.3, 0.2)):
    rng = np.random.default_rng(seed)
    y = rng.choice(list("abc"), n, p=priors)
    X = [rng.multivariate_normal(CENTRES[k], COVARIANCES[k]) for k in y]
    return np.array(X), y


def truth(X, label):
    return multivariate_normal(CENTRES[label], COVARIANCES[label]).logpdf(X)


def quick(**params):
    return NormalizingFlowClassifier(**{**QUICK, **params})


@pytest.fixture(scope="module")
def fitted():
    return quick(safety_net=True).fit(*draw(600))


def test_class_densities_are_near_the_truth():
    model = NormalizingFlowClassifier(effort="fast", random_state=0).fit(*draw(1000))
    T, t = draw(2000, seed=1)
    log_p = np.concatenate([truth(T[t == k], k) for k in "abc"])
    ours = np.concatenate([model.log_prob(T[t == k], t[t == k]) for k in "abc"])
    assert (log_p - ours).mean() < 0.06


def test_the_start_is_as_good_as_discriminant_analysis():
    X, y = draw(300)
    T, t = draw(3000, seed=1)
    untrained = quick(max_iter=1, learning_rate_init=1e-12).fit(X, y)
    posterior = untrained.predict_log_proba(T)[np.arange(3000), np.searchsorted(list("abc"), t)]
    peer = QuadraticDiscriminantAnalysis().fit(X, y).predict_log_proba(T)
    own = peer[np.arange(3000), np.searchsorted(list("abc"), t)]
    assert posterior.mean() > own.mean() - 0.005


def test_predictions_follow_from_bayes_rule(fitted):
    X, _ = draw(50, seed=2)
    joint = np.stack([fitted.log_prob(X, np.full(50, k)) for k in "abc"], axis=1)
    joint += np.log(fitted.priors_)
    np.testing.assert_allclose(fitted.decision_function(X), joint, rtol=1e-12)
    np.testing.assert_allclose(fitted.score_samples(X), logsumexp(joint, axis=1), rtol=1e-12)
    posterior = np.exp(joint - logsumexp(joint, axis=1, keepdims=True))
    np.testing.assert_allclose(fitted.predict_proba(X), posterior, rtol=1e-9)
    np.testing.assert_array_equal(fitted.predict(X), fitted.classes_[posterior.argmax(1)])


def test_class_densities_integrate_to_one(fitted):
    axis = np.linspace(-12, 14, 301)
    grid = np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2)
    for label in "abc":
        density = np.exp(fitted.log_prob(grid, np.full(len(grid), label)))
        assert density.sum() * (axis[1] - axis[0]) ** 2 == pytest.approx(1, abs=0.01)


def test_priors():
    X, y = draw(400)
    assert quick(max_iter=1).fit(X, y).priors_ == pytest.approx(
        [np.mean(y == k) for k in "abc"], rel=1e-12
    )
    weights = np.where(y == "a", 2.0, 1.0)
    weighted = quick(max_iter=1).fit(X, y, sample_weight=weights).priors_
    assert weighted[0] == pytest.approx(weights[y == "a"].sum() / weights.sum())
    given = quick(max_iter=1, priors=[0.1, 0.9, 0.0]).fit(X, y)
    assert (given.predict(X) != "c").all()
    assert given.sample(200, random_state=0)[1].tolist().count("b") > 150


def test_samples_are_of_the_class_asked_for(fitted):
    rows, labels = fitted.sample(2000, y="b", random_state=0)
    assert (labels == "b").all()
    np.testing.assert_allclose(rows.mean(0), CENTRES["b"], atol=0.3)
    asked = np.array(["a", "c", "c", "b"])
    rows, labels = fitted.sample(4, y=asked, random_state=0)
    assert labels.tolist() == asked.tolist()
    again, _ = fitted.sample(4, y=asked, random_state=0)
    np.testing.assert_array_equal(rows, again)


def test_two_classes_have_log_odds():
    X, y = draw(300, priors=(0.5, 0.5, 0.0))
    model = quick(max_iter=3).fit(X, y)
    odds = model.decision_function(X)
    log_proba = model.predict_log_proba(X)
    np.testing.assert_allclose(odds, log_proba[:, 1] - log_proba[:, 0], atol=1e-9)
    np.testing.assert_array_equal(model.predict(X), np.where(odds > 0, "b", "a"))


def test_one_class_is_certain():
    X, _ = draw(50)
    model = quick(max_iter=1).fit(X, np.zeros(50))
    np.testing.assert_allclose(model.predict_proba(X), 1, rtol=1e-12)


def test_a_class_of_one_row():
    X, y = draw(100)
    y[0] = "z"
    model = quick(safety_net=True, max_iter=3).fit(X, y)
    assert np.isfinite(model.predict_log_proba(X)).all()


def test_far_rows_have_probabilities(fitted):
    far = np.array([[1e8, 0], [0, -1e200], [1e300, 1e300]])
    np.testing.assert_allclose(fitted.predict_proba(far).sum(1), 1, rtol=1e-12)


def test_pickles_are_the_same_classifier(fitted):
    X, _ = draw(50)
    copy = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(copy.decision_function(X), fitted.decision_function(X))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda m, X, y: m.fit(X, y[:-1]), "y must have 50 samples.* has 49"),
        (lambda m, X, y: m.fit(X, None), "requires y to be passed"),
        (lambda m, X, y: m.fit(X, np.linspace(0, 1, 50)), "Unknown label type"),
        (lambda m, X, y: m.log_prob(X, np.full(50, "q")), "label .*q"),
        (lambda m, X, y: m.sample(3, y="q"), "label .*q"),
        (lambda m, X, y: m.sample(3, y=["a", "b"]), "y must have 3 samples.* has 2"),
        (lambda m, X, y: m.set_params(priors=[0.5, 0.5]).fit(X, y), "one for each"),
        (lambda m, X, y: m.set_params(priors=[0.5, 0.5, 0.5]).fit(X, y), "sum to 1, not to 1.5"),
    ],
)
def test_errors_say_what_is_wrong(fitted, call, message):
    model = pickle.loads(pickle.dumps(fitted))
    with pytest.raises(ValueError, match=message):
        call(model, *draw(50))


def test_classes_of_rows_outside_every_support_are_the_priors():
    X = np.random.default_rng(0).normal(size=(200, 2))
    positive, y = np.exp(X), X[:, 0] > 0.5
    model = NormalizingFlowClassifier(effort="fast", support="positive", random_state=0)
    model.fit(positive, y)
    rows = np.vstack([positive[:1], [[1.0, -2.0]]])
    log_odds = np.log(model.priors_[1] / model.priors_[0])
    for method, expected in [
        (model.predict_proba, model.priors_),
        (model.predict_log_proba, np.log(model.priors_)),
        (model.decision_function, log_odds),
        (model.predict, False),
    ]:
        with pytest.warns(UnreliablePredictionWarning, match=r"Row 1 .*support.*-2 in column 1"):
            found = method(rows)
        np.testing.assert_allclose(found[1], expected)
        np.testing.assert_allclose(found[0], method(rows[:1])[0], rtol=1e-12)
    assert model.score_samples(rows)[1] == model.log_prob(rows, [True, True])[1] == -np.inf


def test_classes_of_rows_far_inside_the_support_are_finite():
    X = np.random.default_rng(0).normal(size=(200, 2))
    model = NormalizingFlowClassifier(effort="fast", support=["positive", None], random_state=0)
    model.fit(np.exp(X) * [1, 1], X[:, 0] > 0)
    far = [[1e300, 0.0], [1e-300, -1e300], [1.7e308, 1.7e308]]
    p = model.predict_proba(far)
    assert np.isfinite(model.decision_function(far)).all()
    assert p.sum(1) == pytest.approx(1, abs=1e-12)
