"""What the estimators inherit: scores in blocks of rows, and seeds."""

import numpy as np
import pytest


@pytest.mark.parametrize("n_columns", [1, 9])  # on either side of a change of the block's size
def test_scores_do_not_depend_on_blocks(quick, n_columns):
    rng = np.random.default_rng(0)
    estimator = quick(max_iter=1).fit(rng.normal(size=(100, n_columns)))
    X = rng.normal(size=(9000, n_columns))
    halves = [estimator.score_samples(half) for half in (X[:5000], X[5000:])]
    np.testing.assert_allclose(
        estimator.score_samples(X), np.concatenate(halves), rtol=1e-12, atol=1e-12
    )


def test_a_fit_draws_one_number_from_its_random_state(quick, moons):
    """So that a fit changes a shared generator in the same way, whatever it consists of."""
    random_state, expected = np.random.RandomState(3), np.random.RandomState(3)
    quick(random_state=random_state, max_iter=1).fit(moons)
    expected.randint(np.iinfo(np.int32).max)
    assert random_state.randint(1000) == expected.randint(1000)


def test_equal_seeds_give_equal_fits_and_others_do_not(quick, moons):
    scores = [quick(random_state=seed, max_iter=3).fit(moons).score(moons) for seed in (0, 0, 1)]
    assert scores[0] == scores[1] != scores[2]
