"""Weighted rows: merging duplicates, subsampling, repeat counts, folds."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from skflow.data.weighted_rows import (
    assign_folds,
    effective_sample_size,
    merge_duplicates,
    repeat_counts,
    sample_row_indices,
    summed_weights,
)

bounded = settings(deadline=None, derandomize=True, max_examples=100)


@st.composite
def weighted_rows(draw):
    """Rows of few distinct values, so that some are equal; integer weights, not all of them 0."""
    n, d = draw(st.integers(1, 12)), draw(st.integers(1, 3))
    values = st.sampled_from([-1.5, -0.0, 0.0, 1e-300, 2.0, 1e300, np.nan, -np.nan])
    rows = draw(hnp.arrays(float, (n, d), elements=values))
    weights = draw(hnp.arrays(float, n, elements=st.integers(0, 5)))
    weights[0] += 1
    return rows, weights


def assert_same_merge(one, two):
    np.testing.assert_array_equal(one[0], two[0])
    np.testing.assert_allclose(one[1], two[1], rtol=2e-7)


@bounded
@given(weighted_rows(), st.randoms(use_true_random=False))
def test_merge_does_not_depend_on_the_order_of_rows(problem, random):
    rows, weights = problem
    order = list(range(len(rows)))
    random.shuffle(order)
    assert_same_merge(
        merge_duplicates(rows, weights), merge_duplicates(rows[order], weights[order])
    )


@bounded
@given(weighted_rows())
def test_merge_treats_weights_as_repetitions(problem):
    rows, weights = problem
    repeated = rows.repeat(weights.astype(int), axis=0)
    assert_same_merge(
        merge_duplicates(rows, weights), merge_duplicates(repeated, np.ones(len(repeated)))
    )


@bounded
@given(weighted_rows(), st.floats(1e-300, 1e300))
def test_merge_does_not_depend_on_a_common_factor_of_the_weights(problem, factor):
    rows, weights = problem
    assert_same_merge(merge_duplicates(rows, weights), merge_duplicates(rows, weights * factor))


@bounded
@given(weighted_rows())
def test_merge_returns_distinct_sorted_rows_with_their_fraction_of_the_weight(problem):
    rows, weights = problem
    merged, merged_weights, _ = merge_duplicates(rows, weights)
    rows, merged = (np.where(np.isnan(table), np.inf, table) for table in (rows, merged))
    as_tuples = [tuple(row) for row in merged]
    assert as_tuples == sorted(set(as_tuples))  # holes are one value, and the last
    assert set(as_tuples) == {tuple(row) for row in rows[weights > 0]}
    assert merged_weights.mean() == pytest.approx(1, rel=1e-6)
    for row, weight in zip(merged, merged_weights, strict=True):
        expected = weights[(rows == row).all(1)].sum() / weights.sum()
        assert weight / len(merged) == pytest.approx(expected, rel=1e-6)


def test_merge_treats_minus_zero_and_zero_as_equal():
    rows, weights, _ = merge_duplicates(np.array([[0.0, 1.0], [-0.0, 1.0]]), np.array([1.0, 3.0]))
    assert rows.shape == (1, 2)
    assert weights.tolist() == [1]
    assert not np.signbit(rows).any()


def test_merge_treats_all_nan_as_equal():
    rows = np.array([[np.nan, 1.0], [-np.nan, 1.0], [1.0, np.nan], [np.nan, np.nan]])
    merged, weights, _ = merge_duplicates(rows, np.ones(4))
    np.testing.assert_array_equal(merged, [[1, np.nan], [np.nan, 1], [np.nan, np.nan]])
    np.testing.assert_allclose(weights, [0.75, 1.5, 0.75])
    assert summed_weights(rows, np.ones(4)).tolist() == [1, 2, 1]
    bits = merged.view(np.int64)[np.isnan(merged)]
    assert (bits == bits[0]).all()


def test_merge_keeps_rows_with_different_contexts_apart():
    rows, context = np.array([[1.0], [1.0], [1.0]]), np.array([[0.0, 5], [0, 4], [0, 5]])
    rows, weights, context = merge_duplicates(rows, np.ones(3), context)
    assert rows.tolist() == [[1], [1]]
    assert context.tolist() == [[0, 4], [0, 5]]
    np.testing.assert_allclose(weights, [2 / 3, 4 / 3], rtol=1e-6)


def test_merge_does_not_modify_its_arguments():
    rows, weights = np.array([[2.0], [-0.0], [2.0]]), np.array([1.0, 2.0, 3.0])
    merge_duplicates(rows, weights)
    assert rows.ravel().tolist() == [2, 0, 2]
    assert np.signbit(rows[1, 0])
    assert weights.tolist() == [1, 2, 3]


def test_merge_drops_rows_whose_weight_underflows():
    """A weight far below the others becomes 0 in float32."""
    rows, weights, _ = merge_duplicates(
        np.array([[1.0], [2.0], [3.0]]), np.array([1.0, 1e-60, 1.0])
    )
    assert (weights > 0).all()
    assert rows.ravel().tolist() == [1, 3]


@bounded
@given(weighted_rows())
def test_summed_weights_are_those_of_the_merged_rows_as_given(problem):
    rows, weights = problem
    merged, _, _ = merge_duplicates(rows, weights)
    equal = (rows == merged[:, None]) | (np.isnan(rows) & np.isnan(merged[:, None]))
    expected = [weights[own].sum() for own in equal.all(2)]
    assert summed_weights(rows, weights).tolist() == expected
    np.testing.assert_array_equal(
        summed_weights(rows.repeat(weights.astype(int), axis=0), np.ones(int(weights.sum()))),
        expected,
    )


def test_summed_weights_do_not_overflow():
    summed = summed_weights(np.array([[1.0], [1.0], [2.0]]), np.array([1e308, 1e308, 1e308]))
    assert (summed[0], summed[1]) == (2 * summed[1], 2.0**53)


@pytest.mark.parametrize(
    ("weights", "expected"),
    [([1, 1, 1, 1], 4), ([5, 5], 2), ([1, 0, 0], 1), ([1, 3], 1.6)],
)
def test_effective_sample_size(weights, expected):
    assert effective_sample_size(np.array(weights, dtype=float)) == pytest.approx(expected)


@bounded
@given(st.integers(1, 60), st.integers(1, 12), st.integers(0, 2**32 - 1))
def test_fold_sizes_differ_by_at_most_one(n_rows, n_folds, seed):
    folds = assign_folds(n_rows, n_folds, np.random.default_rng(seed))
    sizes = np.bincount(folds, minlength=n_folds)
    assert len(sizes) == n_folds
    assert sizes.sum() == n_rows
    assert sizes.max() - sizes.min() <= 1


def test_folds_are_random_and_reproducible():
    one, two, other = (assign_folds(100, 5, np.random.default_rng(s)) for s in (0, 0, 1))
    assert (one == two).all()
    assert (one != other).any()
    assert (one != np.arange(100) % 5).any()


def test_sampled_rows_are_stratified_and_uniform_within_strata():
    indices = sample_row_indices(10**9 + 7, 1000, np.random.default_rng(0))
    edges = np.linspace(0, 10**9 + 7, 1001)
    assert (indices >= edges[:-1].astype(int)).all()
    assert (indices <= edges[1:]).all()
    within = (indices - edges[:-1]) / edges[1]  # uniform: mean 1/2, sd of the mean 0.009
    assert abs(within.mean() - 0.5) < 0.045
    assert sample_row_indices(1000, 1000, np.random.default_rng(0)).tolist() == list(range(1000))


@pytest.mark.parametrize(
    ("weights", "expected"),
    [
        ([2.0, 2.0, 2.0], [1, 1, 1]),
        ([0.3, 0.2, 0.1], [3, 2, 1]),
        ([1.5, 1.0], [3, 2]),
        ([1.0, 9.0], [1, 9]),
        ([1.0, 99.0], [10, 990]),  # a mean of 50 repeats: multiplied up to 1000 rows
        ([1.0, 0.5 + 0.5 * 5**0.5], [1, 1]),  # not in proportion to small counts
        ([1.0, 2e6], [1, 1]),  # too many rows
    ],
)
def test_repeat_counts(weights, expected):
    assert repeat_counts(np.array(weights)).tolist() == expected
