"""p-values and thresholds, given the scores of held-out samples."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skflow.estimators.p_values import NO_OFFSET, CalibrationScores, share_threshold

# few values, so that there are ties
SCORE = st.integers(-5, 5).map(float)
MODEL = st.lists(st.tuples(SCORE, st.sampled_from([0.25, 1.0, 3.0])), min_size=1, max_size=8)


def calibration_of(models):
    scores = [np.array([score for score, _ in model]) for model in models]
    return CalibrationScores.from_samples(scores, [np.array([w for _, w in m]) for m in models])


@settings(deadline=None, derandomize=True, max_examples=100)
@given(st.lists(MODEL, min_size=1, max_size=4), st.data())
def test_p_values_are_the_formula(models, data):
    rows = st.lists(SCORE, min_size=len(models), max_size=len(models))
    new = data.draw(st.lists(rows, min_size=1, max_size=5))
    total = sum(w for model in models for _, w in model)
    expected = []
    for row in new:
        count = 1.0
        for model, own in zip(models, row, strict=True):
            for score, weight in model:
                count += weight if score <= own else 0.0
        expected.append(count / (1 + total))
    p = calibration_of(models).p_values(np.array(new).T)
    np.testing.assert_allclose(p, expected, rtol=1e-14)
    assert ((p > 0) & (p <= 1)).all()


@settings(deadline=None, derandomize=True, max_examples=100)
@given(MODEL, st.floats(0.005, 0.9), SCORE)
def test_with_one_model_the_threshold_is_exact(model, p_value, score):
    calibration = calibration_of([model])
    is_below = score < calibration.threshold(p_value)
    assert is_below == (calibration.p_values(np.array([[score]]))[0] <= p_value)


def test_a_row_at_the_threshold_is_not_below_it():
    """99 samples: the lowest p-value is exactly 0.01, that of a tie with one of them 0.02."""
    scores = np.arange(99.0)
    calibration = CalibrationScores.from_samples([scores], [np.ones(99)])
    assert calibration.p_values(np.array([[-1.0, 0.0]])).tolist() == [0.01, 0.02]
    assert calibration.threshold(0.01) == 0.0
    fewer = CalibrationScores.from_samples([scores[1:]], [np.ones(98)])
    assert fewer.threshold(0.01) == NO_OFFSET
    assert calibration.threshold(0.02) == 1.0


def test_the_threshold_counts_the_samples_of_all_models():
    calibration = CalibrationScores.from_samples(
        [np.arange(0.0, 200, 2), np.arange(1.0, 200, 2)], [np.ones(100), np.ones(100)]
    )
    assert calibration.threshold(0.05) == 9.0  # (1 + 9) / 201 < 0.05 < (1 + 10) / 201


def test_weights_are_repetitions():
    rng = np.random.default_rng(0)
    scores, repeats = (
        [rng.normal(size=n) for n in (20, 30)],
        [rng.integers(1, 5, n) for n in (20, 30)],
    )
    weighted = CalibrationScores.from_samples(scores, [r.astype(float) for r in repeats])
    repeated = CalibrationScores.from_samples(
        [s.repeat(r) for s, r in zip(scores, repeats, strict=True)],
        [np.ones(r.sum()) for r in repeats],
    )
    new = rng.normal(size=(2, 50))
    np.testing.assert_array_equal(weighted.p_values(new), repeated.p_values(new))
    for alpha in (0.01, 0.02, 0.1, 0.5):
        assert weighted.threshold(alpha) == repeated.threshold(alpha)


def test_a_common_factor_of_the_weights_counts_as_more_rows():
    scores = [np.array([1.0, 2.0])]
    p = [
        CalibrationScores.from_samples(scores, [np.full(2, w)]).p_values(np.array([[0.0, 1.5]]))
        for w in (1.0, 10.0)
    ]
    np.testing.assert_allclose(p, [[1 / 3, 2 / 3], [1 / 21, 11 / 21]], rtol=1e-15)


def test_scores_that_differ_by_rounding_are_equal():
    calibration = CalibrationScores.from_samples([np.array([-300.0, 5.0])], [np.ones(2)], 1e-9)
    new = np.array([[-300.0 - 1e-7, -300.0 - 1e-6, 5.0 - 1e-9]])
    np.testing.assert_allclose(calibration.p_values(new), [2 / 3, 1 / 3, 1])


@pytest.mark.parametrize("share", [0.001, 0.1, 0.3, 0.5])
def test_the_share_below_the_threshold(share):
    scores = np.random.default_rng(0).normal(size=1000)
    threshold = share_threshold(scores, np.ones(1000), share)
    assert np.sum(scores < threshold) == 1000 * share
    weights = np.random.default_rng(1).integers(1, 6, 1000).astype(float)
    threshold = share_threshold(scores, weights, share)
    below = weights[scores < threshold].sum() / weights.sum()
    assert below == pytest.approx(share, abs=2.5 / weights.sum())
    assert threshold == share_threshold(scores, 0.01 * weights, share)
    repeated = scores.repeat(weights.astype(int))
    assert threshold == share_threshold(repeated, np.ones(len(repeated)), share)


@pytest.mark.parametrize(
    ("scores", "share", "n_below"),
    [
        ([1, 2, 3, 4, 5], 0.1, 1),
        ([1, 2, 2, 2, 2], 0.1, 1),
        ([1, 1, 1, 1, 1], 0.5, 0),
        ([1, 1, 1, 2, 2], 0.2, 0),
        ([1, 1, 1 + 1e-12, 2, 2], 0.5, 3),
    ],
)
def test_equal_scores_are_on_one_side_of_the_threshold(scores, share, n_below):
    scores = np.array(scores, dtype=float)
    assert np.sum(scores < share_threshold(scores, np.ones(5), share)) == n_below


@pytest.mark.parametrize(
    ("n", "message"),
    [(98, "No row can"), (99, "Only rows rarer"), (199, "Only rows rarer"), (200, None)],
)
def test_few_rows_are_a_warning(n, message, recwarn):
    calibration = CalibrationScores.from_samples([np.arange(float(n))], [np.ones(n)])
    calibration.warn_if_few(0.01)
    messages = [str(w.message) for w in recwarn]
    assert len(messages) == (message is not None)
    assert all(m.startswith(message) and "p <= 0.01" in m for m in messages)
