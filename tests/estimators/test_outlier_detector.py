"""Which samples are labeled outliers, and the rate of false alarms."""

import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score

from skflow import NormalizingFlowOutlierDetector
from tests.conftest import QUICK


def quick(**params):
    return NormalizingFlowOutlierDetector(**{**QUICK, "safety_net": True, **params})


@pytest.fixture(scope="module")
def ring():
    """400 samples of a ring and 20 uniform outliers, with labels."""
    rng = np.random.default_rng(0)
    angle = rng.uniform(0, 2 * np.pi, 400)
    X = 3 * np.column_stack([np.cos(angle), np.sin(angle)]) + 0.1 * rng.normal(size=(400, 2))
    X = np.concatenate([X, rng.uniform(-8, 8, size=(20, 2))])
    return X, np.arange(420) >= 400


def test_outliers_of_a_ring_are_found(ring):
    X, is_outlier = ring
    detector = NormalizingFlowOutlierDetector(random_state=0).fit(X)
    assert roc_auc_score(is_outlier, -detector.score_samples(X)) > 0.93


@pytest.mark.parametrize("safety_net", [True, False])
@pytest.mark.parametrize("early_stopping", ["auto", False])
def test_p_values_are_ranks_among_all_rows(moons, more_moons, safety_net, early_stopping):
    detector = quick(safety_net=safety_net, early_stopping=early_stopping, max_iter=5).fit(moons)
    assert detector.p_value([[100.0, 100.0]]) == [1 / 301]
    assert detector.p_value(moons).min() >= 2 / 301  # a row ties with itself
    p = detector.p_value(more_moons)
    assert ((p > 0) & (p <= 1)).all()
    assert np.mean(p <= 0.2) == pytest.approx(0.2, abs=0.08)
    assert np.mean((detector.predict(more_moons) == -1) != (p <= 0.01)) <= 0.01


def by_hand(detector, X_new, weights):
    """The p-values from the scores of each row under the density that was fitted without it."""
    fitted, models = detector._calibration, detector.flow_.parts(detector._calibration.n_models)
    counts = np.ones(len(X_new))
    for model, held_out in zip(models, fitted.scores, strict=True):
        new = model.log_prob(torch.tensor(X_new)).numpy()
        counts += (held_out[:, None] <= new).sum(0)
    return counts / (1 + weights.sum())


def test_new_rows_are_scored_by_every_model(moons, more_moons):
    detector = quick(n_estimators=3, max_iter=5).fit(moons)
    assert detector._calibration.n_models == 3
    np.testing.assert_allclose(
        detector.p_value(more_moons), by_hand(detector, more_moons, np.ones(300)), rtol=1e-12
    )


def test_the_models_were_fitted_without_what_they_held_out():
    """An outlier that shifts the density is rarest under the model that never saw it."""
    rows = np.random.default_rng(0).normal(size=(60, 1))
    rows[0] = 30.0
    detector = quick(n_estimators=3, contamination=0.1, max_iter=3).fit(rows)
    scores = [
        model.log_prob(torch.tensor([[30.0]], dtype=torch.float64)).item()
        for model in detector.flow_.parts(3)
    ]
    lowest = [model[0] for model in detector._calibration.scores]
    own = int(np.argmin(lowest))
    assert scores[own] == pytest.approx(lowest[own], rel=1e-8)
    assert scores[own] < min(np.delete(scores, own))
    assert detector.p_value([[30.0]]) == [2 / 61]


@pytest.fixture(scope="module")
def weighted(moons):
    """A fit to weighted rows, and the weights."""
    weights = np.random.default_rng(0).integers(1, 4, 300).astype(float)
    return quick(max_iter=5).fit(moons, sample_weight=weights), weights


def test_a_weight_is_a_repetition(moons, more_moons, weighted):
    detector, weights = weighted
    repeated = quick(max_iter=5).fit(np.repeat(moons, weights.astype(int), axis=0))
    np.testing.assert_array_equal(repeated.p_value(more_moons), detector.p_value(more_moons))
    assert repeated.offset_ == detector.offset_


def test_p_values_of_weighted_rows_count_the_weights_as_given(moons, more_moons, weighted):
    detector, weights = weighted
    far = [[100.0, 100.0]]
    assert detector.p_value(far) == [1 / (1 + weights.sum())]
    scaled = quick(max_iter=5).fit(moons, sample_weight=10 * weights)
    np.testing.assert_array_equal(
        scaled.score_samples(more_moons), detector.score_samples(more_moons)
    )
    p, total = detector.p_value(more_moons), weights.sum()
    expected = (1 + 10 * (p * (1 + total) - 1)) / (1 + 10 * total)
    np.testing.assert_allclose(scaled.p_value(more_moons), expected, rtol=1e-12)


def test_weights_that_sum_to_one_are_less_than_two_rows(moons):
    detector = quick(max_iter=1)
    with pytest.warns(UserWarning, match=r"No row can be labeled an outlier: .*p <= 0\.01"):
        detector.fit(moons, sample_weight=np.full(300, 1 / 300))
    assert detector.p_value([[100.0, 100.0]])[0] == pytest.approx(0.5)
    assert (detector.predict([[100.0, 100.0], [0.0, 0.5]]) == 1).all()
    assert np.isfinite(detector.decision_function([[100.0, 100.0]])).all()


def test_equal_rows_are_ties():
    """Whole numbers, most of which are equal: the most frequent one has p = 1."""
    counts = np.repeat([0.0, 1.0, 2.0, 3.0], [300, 60, 30, 10])[:, None]
    detector = quick(support="integer", max_iter=5).fit(counts)
    p = detector.p_value([[0.0], [1.0], [2.0], [3.0], [40.0]])
    np.testing.assert_allclose(p, [1, 101 / 401, 41 / 401, 11 / 401, 1 / 401])


@pytest.mark.parametrize("effort", ["fast", pytest.param("full", marks=pytest.mark.slow)])
@pytest.mark.filterwarnings("ignore:No row can be labeled")
def test_new_rows_have_uniform_p_values(effort):
    """Few rows, where the choice of the weights that early stopping keeps could matter most."""
    rng = np.random.default_rng(0)
    alarms = []
    for seed in range(5):
        detector = NormalizingFlowOutlierDetector(effort=effort, random_state=seed)
        p = detector.fit(rng.normal(size=(80, 2))).p_value(rng.normal(size=(500, 2)))
        alarms.append([np.mean(p <= alpha) for alpha in (0.05, 0.1, 0.5)])
    mean, alphas = np.mean(alarms, axis=0), np.array([0.05, 0.1, 0.5])
    # the spread of a rate over fits is that of the order statistics of 80 calibration scores
    error = np.sqrt(alphas * (1 - alphas) / 80 / len(alarms))
    assert (mean < alphas + 3 * error).all()
    assert (mean > alphas / 2).all()


@pytest.mark.parametrize("n_estimators", ["auto", 1, 4])
def test_every_row_is_held_out_once(n_estimators):
    rows = np.random.default_rng(0).normal(size=(250, 1))
    detector = quick(n_estimators=n_estimators, effort="fast", max_iter=1).fit(rows)
    n_models = {"auto": 3, 1: 2, 4: 4}[n_estimators]
    assert [len(s) for s in detector._calibration.scores].count(250 // n_models) >= 1
    assert detector._calibration.n_models == n_models
    assert detector._calibration.total_weight == 250


@pytest.mark.filterwarnings("ignore:No row can be labeled")
@pytest.mark.parametrize("n", [2, 3, 20])
def test_p_values_of_a_handful_of_rows(n):
    rows = np.random.default_rng(n).normal(size=(n, 2))
    p = quick(n_estimators="auto", max_iter=5).fit(rows).p_value(rows)
    assert ((p >= 2 / (n + 1)) & (p <= 1)).all()


@pytest.mark.filterwarnings("ignore::skflow.DegenerateColumnWarning")
def test_rows_that_are_all_equal():
    detector = quick(max_iter=1).fit(np.ones((200, 2)))
    assert detector.p_value([[1.0, 1.0], [1.0, 2.0]]).tolist() == [1, 1 / 201]
    assert detector.predict([[1.0, 1.0], [1.0, 2.0]]).tolist() == [1, -1]


def test_a_warm_start_holds_the_same_rows_out(moons):
    detector = quick(max_iter=3, warm_start=True).fit(moons)
    first = detector._calibration
    second = detector.fit(moons)._calibration
    assert second is not first
    assert [len(s) for s in second.scores] == [len(s) for s in first.scores]
    assert detector.p_value([[100.0, 100.0]]) == [1 / 301]
    assert detector.p_value(moons).min() >= 2 / 301


def test_p_values_in_float32(moons, more_moons):
    double = quick(max_iter=5).fit(moons)
    single = quick(max_iter=5, dtype="float32").fit(moons)
    np.testing.assert_allclose(single.p_value(more_moons), double.p_value(more_moons), atol=0.01)
    assert single.p_value(moons).min() >= 2 / 301


def test_contamination_is_the_fraction_of_training_rows_labeled(moons):
    single = quick(contamination=0.1, max_iter=3, dtype="float32")
    assert np.sum(single.fit_predict(moons) == -1) == 30
    detector = quick(contamination=0.1, max_iter=3)
    labels = detector.fit_predict(moons)
    assert np.sum(labels == -1) == 30
    scores = detector.score_samples(moons)
    np.testing.assert_allclose(detector.decision_function(moons), scores - detector.offset_)
    weights = np.random.default_rng(0).integers(1, 4, 300).astype(float)
    labels = detector.fit(moons, sample_weight=weights).predict(moons)
    assert weights[labels == -1].sum() == pytest.approx(0.1 * weights.sum(), abs=1.5)


def test_contaminated_rows_do_not_bend_the_density(ring):
    """A tight cluster of outliers, which an overfitted density would consider normal."""
    X, _ = ring
    group = np.array([7.0, 7.0]) + 0.05 * np.random.default_rng(1).normal(size=(10, 2))
    rows = np.concatenate([X[:400], group])
    detector = NormalizingFlowOutlierDetector(random_state=0).fit(rows)
    assert roc_auc_score(np.arange(410) >= 400, -detector.score_samples(rows)) > 0.95
