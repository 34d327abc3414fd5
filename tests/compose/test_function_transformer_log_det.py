"""Derivatives of FunctionTransformer: to many digits, or an error."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit, logit
from sklearn.preprocessing import FunctionTransformer

from skflow.compose import log_abs_det


def cube(x):
    return x**3


def swap_and_scale(frame):
    return pd.DataFrame({"a": 5 * frame["b"], "b": np.log(frame["a"])})


def swap_back(frame):
    return frame


def log_det(func, x, inverse=lambda x: x):
    return log_abs_det(FunctionTransformer(func, inverse), np.reshape(x, (-1, 1)))


@pytest.mark.parametrize(
    ("func", "log_slope", "x"),
    [
        (np.log, lambda x: -np.log(x), np.geomspace(1e-12, 1e12, 49)),
        (np.sqrt, lambda x: -np.log(2 * np.sqrt(x)), np.geomspace(1e-12, 1e12, 49)),
        (logit, lambda x: -np.log(x * (1 - x)), np.linspace(0.001, 0.999, 50)),
        (expit, lambda x: np.log(expit(x) * expit(-x)), np.linspace(-15, 15, 50)),
        (np.exp, lambda x: x, np.linspace(-30, 300, 50)),
        (np.arcsinh, lambda x: -np.log1p(x**2) / 2, np.linspace(-1e3, 1e3, 51)),
        (cube, lambda x: np.log(3 * x**2), np.geomspace(1e-6, 1e6, 50)),
        (np.reciprocal, lambda x: -2 * np.log(np.abs(x)), np.geomspace(1e-9, 1e9, 50)),
        (np.negative, lambda x: 0 * x, np.linspace(-5, 5, 11)),
    ],
)
def test_derivatives(func, log_slope, x):
    np.testing.assert_allclose(log_det(func, x), log_slope(x), atol=1e-7, rtol=1e-9)


@given(st.floats(0.01, 100), st.floats(-1e6, 1e6))
def test_straight_lines(slope, x):
    def line(x):
        return slope * x - 3

    assert log_det(line, [x])[0] == pytest.approx(np.log(slope), abs=1e-8)


def test_no_row_outside_the_domain_and_no_slope_where_clipped():
    assert log_det(np.log, [-1.0, 0.0]).tolist() == [-np.inf, -np.inf]
    assert log_det(lambda x: np.clip(x, -1, 1), [-3.0, 1.01]).tolist() == [-np.inf] * 2


@pytest.mark.parametrize("func", [np.cbrt, lambda x: np.sign(x) * np.sqrt(np.abs(x))])
def test_a_derivative_that_cannot_be_found_is_an_error(func):
    with pytest.raises(ValueError, match=r"row 1, \[0\.\].* uncertain by .*Register"):
        log_det(func, [1.0, 0.0, 2.0])


def test_functions_of_named_columns():
    frame = pd.DataFrame({"a": [1.0, 2.0], "b": [3, 4]})
    transformer = FunctionTransformer(swap_and_scale, swap_back, check_inverse=False).fit(frame)
    np.testing.assert_allclose(log_abs_det(transformer, frame), np.log([5, 2.5]), atol=1e-9)


def test_a_function_without_an_inverse():
    with pytest.raises(ValueError, match=r"func=<ufunc 'log'>.* has no inverse_func"):
        log_abs_det(FunctionTransformer(np.log), [[1.0]])


def test_a_function_that_drops_columns():
    transformer = FunctionTransformer(lambda X: X[:, :1], lambda X: X)
    with pytest.raises(ValueError, match="FunctionTransformer maps 2 columns to 1"):
        log_abs_det(transformer, [[1.0, 2.0]])


class Halved(FunctionTransformer):
    def __init__(self):
        super().__init__(lambda x: x / 2, lambda z: 2 * z)


@log_abs_det.register
def _halved(transformer: Halved, X):
    return np.full(len(X), -7.0)


def test_a_registered_subclass_counts_by_its_own_rule():
    assert log_abs_det(Halved(), [[1.0], [2.0]]).tolist() == [-7, -7]
