"""Columns that are functions of others are found, and near ones are not."""

import numpy as np
import pytest

from skflow.preprocessing.functional_columns import Dependence, find_functional_columns

RNG = np.random.default_rng(0)
N = 300
A, B, C = RNG.normal(size=(3, N))
WEIGHT, HEIGHT = RNG.normal(70, 10, N), RNG.normal(1.7, 0.1, N)
LEVEL = RNG.integers(0, 3, N)


def found_in(*columns):
    return find_functional_columns(np.column_stack(columns).astype(float))


FUNCTIONS = {
    "a sum": [A, B, A + B],
    "a sum in float32": [A, B, (A + B).astype(np.float32)],
    "a sum of large numbers": [1e9 + A, B, 1e9 + A + B],
    "a sum near the largest squares": [1e150 * A, 1e150 * B, 1e150 * (A + B)],
    "body mass index": [WEIGHT, HEIGHT, WEIGHT / HEIGHT**2],
    "a product": [A, B, A * B],
    "a ratio": [WEIGHT, HEIGHT, WEIGHT / HEIGHT],
    "a sum of squares": [A, B, A**2 + B**2],
    "an exponential": [A, B, np.exp(A - 2 * B)],
}


@pytest.mark.parametrize("kind", FUNCTIONS)
def test_functions_of_two_columns(kind):
    assert found_in(*FUNCTIONS[kind]) == [Dependence(2, (0, 1))]
    assert found_in(C, *FUNCTIONS[kind]) == [Dependence(3, (1, 2))]


@pytest.mark.parametrize(
    "function", [lambda a: a, lambda a: 3 * a - 7, np.sin, np.exp, np.square, np.cbrt]
)
def test_functions_of_one_column(function):
    assert found_in(A, B, function(A)) == [Dependence(2, (0,))]


def test_indicators_of_all_levels():
    assert found_in(A, LEVEL == 0, LEVEL == 1, LEVEL == 2) == [Dependence(3, (1, 2))]


def test_several_columns_each_with_its_own():
    found = found_in(A, B, 2 * A, C, C + B)
    assert found == [Dependence(2, (0,)), Dependence(4, (1, 3))]


@pytest.mark.parametrize(
    "columns",
    [
        [A, B, A + B + 1e-4 * C],
        [A, B, (A + B).round(2)],
        [A, A + 1e-3 * B],
        [A, A > 0, B > 0],
        [A, np.full(N, 3.0)],
        [A[:10], 2 * A[:10]],  # too few rows to tell
        [*RNG.normal(size=(200, 100))],
        [*RNG.integers(0, 2, (6, N))],
        [*RNG.standard_cauchy((3, N)) ** 3],
        [*(RNG.standard_cauchy(N) ** 5 * RNG.normal(size=(3, N)))],  # far out in the same rows
        [A, np.append(B[1:], 1e20)],
        [A],
    ],
    ids=len,
)
def test_near_functions_flags_and_constants_are_none(columns):
    assert found_in(*columns) == []


def test_columns_of_low_rank():
    X = RNG.normal(size=(50, 5)) @ RNG.normal(size=(5, 30))
    assert [d.column for d in find_functional_columns(X)] == list(range(5, 30))


@pytest.mark.parametrize("kind", FUNCTIONS)
def test_functions_between_holes(kind):
    rows = np.column_stack([C, *FUNCTIONS[kind], B * C]).astype(float)
    usual = np.random.default_rng(1).random(rows.shape) > 0.25
    usual[:, -1] = np.arange(N) < 15  # too few to tell anything
    found = find_functional_columns(np.where(usual, rows, np.nan), usual)
    assert found == [Dependence(3, (1, 2))]
    assert find_functional_columns(np.where(usual, rows, np.nan), usual & False) == []
