"""Any-order fits of data that are hard to fit, through the estimator."""

import warnings
from itertools import permutations

import numpy as np
import pytest

from skflow import NormalizingFlowDensity, Support
from skflow.fitting.any_order.fit_any_order import _orders
from skflow.fitting.stages import STAGES, Stages
from tests.flows.any_order.examples import MIXED, rows_of

N = 120
FLAG = Support("lattice", step=1, low=0, high=1)


def fitted(X, sample_weight=None, **params):
    """A quick fit; warnings of the data or of too few steps are tested elsewhere."""
    settings = {"effort": "fast", "max_iter": 5, "hidden_layer_sizes": 8, "random_state": 0}
    density = NormalizingFlowDensity(flow="any_order", **{**settings, **params})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return density.fit(X, sample_weight=sample_weight)


def numbers(n=N, d=3, seed=0):
    X = np.random.default_rng(seed).normal(size=(n, d))
    X[:, 1:] += X[:, :1]
    return X


def with_holes(X, share=0.3, seed=1):
    holes = np.random.default_rng(seed).random(X.shape) < share
    holes[holes.all(axis=1), 0] = False
    return np.where(holes, np.nan, X)


MIXED_ROWS = with_holes(rows_of(MIXED, N).numpy())


@pytest.fixture(scope="module")
def mixed():
    return fitted(MIXED_ROWS, support=list(MIXED))


def one_cell_in_a_column():
    X = numbers()
    X[1:, 1] = np.nan
    return X


def one_cell_in_a_row():
    X = numbers()
    keep = np.random.default_rng(0).integers(0, 3, N)
    return np.where(np.arange(3) == keep[:, np.newaxis], X, np.nan)


def holes_in_every_row():
    X = numbers(d=5)
    X[np.arange(N), np.arange(N) % 5] = np.nan
    return X


def equal_but_for_holes():
    return with_holes(np.tile([1.0, 2.0, 3.0], (N, 1)))


def extremes():
    X = numbers()
    X[:3] = [[1e300, 0, np.nan], [np.nan, -1e300, 1], [1e-300, np.nan, 5e-324]]
    return X


def positive_extremes():
    X = np.abs(numbers())
    X[:3] = [[1e-300, 1, np.nan], [1e300, 1, 1], [np.nan, 1, 5e-324]]
    return X


def functions_of_others():
    X = numbers()
    return with_holes(np.column_stack([X, X[:, 0] + X[:, 1], X[:, 0]]))


HOSTILE = {
    "one cell in a column": (one_cell_in_a_column(), None),
    "one cell in a row": (one_cell_in_a_row(), None),
    "holes in every row": (holes_in_every_row(), None),
    "equal but for holes": (equal_but_for_holes(), None),
    "a constant": (with_holes(numbers() * [1, 0, 1] + 7), None),
    "functions of others": (functions_of_others(), None),
    "extremes": (extremes(), None),
    "positive extremes": (positive_extremes(), ["positive", None, None]),
    "two rows": (np.array([[1.0, 2.0], [3.0, np.nan]]), None),
    "two rows that share no column": (np.array([[1.0, np.nan], [np.nan, 3.0]]), None),
    "fewer rows than columns": (with_holes(numbers(12, 20)), None),
    "an atom alone": (numbers() * [1, 0, 1], [None, Support(low=0, atoms=[0]), None]),
    "categories alone": (rows_of((MIXED[5],), N).numpy(), [MIXED[5]]),
    "flags alone": (with_holes(rows_of((FLAG,) * 3, N).numpy()), [FLAG] * 3),
    "whole numbers alone": (rows_of((MIXED[3],), N).numpy(), [MIXED[3]]),
    "a lattice of a million": (
        np.column_stack([np.random.default_rng(0).integers(0, 10**6, N), numbers()[:, 0]]),
        [Support("lattice", step=1, low=0, high=10**6), None],
    ),
    "a category of 300 levels": (
        np.column_stack([np.arange(N) % 300, numbers()[:, 0]]),
        [Support("category", levels=range(300)), None],
    ),
    "a constant angle": (with_holes(numbers() * [0, 1, 1] + 1), ["circular", None, None]),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_data_have_finite_densities(name):
    X, support = HOSTILE[name]
    density = fitted(X, support=support)
    assert np.isfinite(density.score_samples(X)).all()
    drawn = density.sample(20, random_state=0)
    assert np.isfinite(drawn).all()
    assert np.isfinite(density.score_samples(drawn)).all()
    for own, column in zip(density.supports_, drawn.T, strict=True):
        assert own.contains(column).all()


def test_weights_are_repetitions_and_rows_have_no_order(mixed):
    counts = np.random.default_rng(2).integers(1, 4, N)
    weighed = fitted(MIXED_ROWS, counts, support=list(MIXED))
    repeated = np.random.default_rng(3).permutation(MIXED_ROWS.repeat(counts, axis=0))
    expected = fitted(repeated, support=list(MIXED)).score_samples(MIXED_ROWS)
    np.testing.assert_allclose(weighed.score_samples(MIXED_ROWS), expected, rtol=1e-6, atol=1e-6)
    assert np.abs(expected - mixed.score_samples(MIXED_ROWS)).max() > 1e-3


def test_a_row_that_outweighs_all_others():
    X = with_holes(numbers())
    density = fitted(X, np.where(np.arange(N) == 0, 1e12, 1.0))
    assert np.isfinite(density.score_samples(X)).all()


def test_negative_zeros_are_zeros():
    X = np.maximum(numbers(), 0)
    support = ["nonnegative"] * 3
    negative = np.where(X == 0, -0.0, X)
    first, second = (fitted(x, support=support).score_samples(negative) for x in (X, negative))
    np.testing.assert_array_equal(first, second)


def test_rows_outside_the_support(mixed):
    X = rows_of(MIXED, 3).numpy()
    X[0, 1], X[1, 5] = -1, 3
    assert mixed.score_samples(X)[:2].tolist() == [-np.inf, -np.inf]
    assert np.isfinite(mixed.score_samples(X)[2])


@pytest.mark.parametrize(
    "params",
    [
        {"safety_net": False},
        {"early_stopping": False},
        {"base": "normal"},
        {"marginals": None},
        {"n_estimators": 3},
        {"dtype": "float32"},
    ],
    ids=str,
)
def test_parameters(params):
    X = with_holes(numbers())
    scores = fitted(X, **params).score_samples(X)
    assert np.isfinite(scores).all()
    assert scores.mean() > np.mean(fitted(X).score_samples(X)) - 0.5


@pytest.mark.parametrize("max_time", [1e-3, 0.3])
def test_little_time(max_time):
    X = with_holes(numbers())
    density = fitted(X, max_time=max_time, max_iter=1000)
    assert np.isfinite(density.score_samples(X)).all()


@pytest.mark.parametrize("stage", ["standardizing columns", "fitting components", *STAGES[6:9]])
def test_ctrl_c(stage, monkeypatch):
    """The fit ends with what there is."""
    run = Stages.run

    def interrupted(self, name, work, *args, **options):
        def press():
            if name == stage:
                raise KeyboardInterrupt
            return work()

        return run(self, name, press, *args, **options)

    monkeypatch.setattr(Stages, "run", interrupted)
    density = fitted(MIXED_ROWS, support=list(MIXED))
    assert np.isfinite(density.score_samples(MIXED_ROWS)).all()


@pytest.mark.parametrize(("d", "n_orders"), [(1, 1), (2, 2), (3, 4), (30, 4)])
def test_orders(d, n_orders):
    orders = [tuple(order) for order in _orders(d, np.random.default_rng(0)).tolist()]
    assert len(set(orders)) == len(orders) == n_orders
    assert all(sorted(order) == list(range(d)) for order in orders)
    assert all(order[::-1] in orders for order in orders)
    assert d > 3 or set(orders) <= set(permutations(range(d)))
