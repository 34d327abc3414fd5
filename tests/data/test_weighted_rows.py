"""Weighted rows: merged, folded, and dealt out."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from skflow.data.weighted_rows import deal_folds, effective_size, merge, spread

bounded = settings(deadline=None, derandomize=True, max_examples=100)


@st.composite
def weighted_rows(draw):
    """Few distinct values, so that rows repeat; whole weights, some of them 0, not all."""
    n, d = draw(st.integers(1, 12)), draw(st.integers(1, 3))
    values = st.sampled_from([-1.5, -0.0, 0.0, 1e-300, 2.0, 1e300])
    rows = draw(hnp.arrays(float, (n, d), elements=values))
    weights = draw(hnp.arrays(float, n, elements=st.integers(0, 5)))
    weights[0] += 1
    return rows, weights


def assert_same_merge(one, two):
    np.testing.assert_array_equal(one[0], two[0])
    np.testing.assert_allclose(one[1], two[1], rtol=2e-7)


@bounded
@given(weighted_rows(), st.randoms(use_true_random=False))
def test_merge_takes_no_notice_of_the_order(problem, random):
    rows, weights = problem
    order = list(range(len(rows)))
    random.shuffle(order)
    assert_same_merge(merge(rows, weights), merge(rows[order], weights[order]))


@bounded
@given(weighted_rows())
def test_merge_takes_weights_for_repetitions(problem):
    rows, weights = problem
    repeated = rows.repeat(weights.astype(int), axis=0)
    assert_same_merge(merge(rows, weights), merge(repeated, np.ones(len(repeated))))


@bounded
@given(weighted_rows(), st.floats(1e-300, 1e300))
def test_merge_takes_no_notice_of_a_common_factor(problem, factor):
    rows, weights = problem
    assert_same_merge(merge(rows, weights), merge(rows, weights * factor))


@bounded
@given(weighted_rows())
def test_merge_gives_distinct_sorted_rows_with_their_share_of_the_weight(problem):
    rows, weights = problem
    merged, merged_weights, _ = merge(rows, weights)
    as_tuples = [tuple(row) for row in merged]
    assert as_tuples == sorted(set(as_tuples))
    assert set(as_tuples) == {tuple(row) for row in rows[weights > 0]}
    assert merged_weights.mean() == pytest.approx(1, rel=1e-6)
    for row, weight in zip(merged, merged_weights, strict=True):
        own = weights[(rows == row).all(1)].sum() / weights.sum()
        assert weight / len(merged) == pytest.approx(own, rel=1e-6)


def test_merge_holds_minus_zero_and_zero_for_equal():
    rows, weights, _ = merge(np.array([[0.0, 1.0], [-0.0, 1.0]]), np.array([1.0, 3.0]))
    assert rows.shape == (1, 2)
    assert weights.tolist() == [1]
    assert not np.signbit(rows).any()


def test_merge_tells_rows_with_other_contexts_apart():
    rows, context = np.array([[1.0], [1.0], [1.0]]), np.array([[0.0, 5], [0, 4], [0, 5]])
    rows, weights, context = merge(rows, np.ones(3), context)
    assert rows.tolist() == [[1], [1]]
    assert context.tolist() == [[0, 4], [0, 5]]
    np.testing.assert_allclose(weights, [2 / 3, 4 / 3], rtol=1e-6)


def test_merge_changes_nothing_in_place():
    rows, weights = np.array([[2.0], [-0.0], [2.0]]), np.array([1.0, 2.0, 3.0])
    merge(rows, weights)
    assert rows.ravel().tolist() == [2, 0, 2]
    assert np.signbit(rows[1, 0])
    assert weights.tolist() == [1, 2, 3]


def test_merge_leaves_no_row_without_weight():
    """A weight too small to count beside the others is 0 in float32, and such rows go."""
    rows, weights, _ = merge(np.array([[1.0], [2.0], [3.0]]), np.array([1.0, 1e-60, 1.0]))
    assert (weights > 0).all()
    assert rows.ravel().tolist() == [1, 3]


@pytest.mark.parametrize(
    ("weights", "expected"),
    [([1, 1, 1, 1], 4), ([5, 5], 2), ([1, 0, 0], 1), ([1, 3], 1.6)],
)
def test_effective_size(weights, expected):
    assert effective_size(np.array(weights, dtype=float)) == pytest.approx(expected)


@bounded
@given(st.integers(1, 60), st.integers(1, 12), st.integers(0, 2**32 - 1))
def test_folds_are_equal_to_within_one(n_rows, n_folds, seed):
    folds = deal_folds(n_rows, n_folds, np.random.default_rng(seed))
    sizes = np.bincount(folds, minlength=n_folds)
    assert len(sizes) == n_folds
    assert sizes.sum() == n_rows
    assert sizes.max() - sizes.min() <= 1


def test_folds_are_dealt_at_random_and_by_the_seed():
    one, two, other = (deal_folds(100, 5, np.random.default_rng(s)) for s in (0, 0, 1))
    assert (one == two).all()
    assert (one != other).any()
    assert (one != np.arange(100) % 5).any()


def test_rows_are_spread_over_a_long_table():
    drawn = spread(10**9 + 7, 1000, np.random.default_rng(0))
    stretches = np.linspace(0, 10**9 + 7, 1001)
    assert (drawn >= stretches[:-1].astype(int)).all()
    assert (drawn <= stretches[1:]).all()
    within = (drawn - stretches[:-1]) / stretches[1]  # uniform: mean 1/2, sd of the mean 0.009
    assert abs(within.mean() - 0.5) < 0.045
    assert spread(1000, 1000, np.random.default_rng(0)).tolist() == list(range(1000))
