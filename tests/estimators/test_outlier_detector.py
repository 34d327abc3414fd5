"""Which samples are labeled outliers, and the rate of false alarms."""

import numpy as np
import pytest
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
def test_p_values_are_probabilities_and_agree_with_predict(moons, safety_net, early_stopping):
    detector = quick(safety_net=safety_net, early_stopping=early_stopping, max_iter=5).fit(moons)
    p = detector.p_value(moons)
    assert ((p >= 0) & (p <= 1)).all()
    np.testing.assert_array_equal(detector.predict(moons) == -1, p < 0.01)
    assert detector.p_value([[100.0, 100.0]]) == [0]
    order = detector.score_samples(moons).argsort()
    assert (np.diff(p[order]) >= 0).all()


def test_the_false_alarm_rate_is_the_threshold_on_p_values():
    rng = np.random.default_rng(0)
    detector = NormalizingFlowOutlierDetector(effort="fast", random_state=0)
    rates = [
        np.mean(detector.fit(rng.normal(size=(500, 3))).p_value(rng.normal(size=(2000, 3))) < 0.1)
        for _ in range(4)
    ]
    assert 0.06 < np.mean(rates) < 0.14


def test_contamination_is_the_fraction_of_training_rows_labeled(moons):
    detector = quick(contamination=0.1, max_iter=3)
    labels = detector.fit_predict(moons)
    assert np.sum(labels == -1) == 30
    scores = detector.score_samples(moons)
    np.testing.assert_allclose(detector.decision_function(moons), scores - detector.offset_)


def test_contaminated_rows_do_not_bend_the_density(ring):
    """A tight cluster of outliers, which an overfitted density would consider normal."""
    X, _ = ring
    group = np.array([7.0, 7.0]) + 0.05 * np.random.default_rng(1).normal(size=(10, 2))
    rows = np.concatenate([X[:400], group])
    detector = NormalizingFlowOutlierDetector(random_state=0).fit(rows)
    assert roc_auc_score(np.arange(410) >= 400, -detector.score_samples(rows)) > 0.95
