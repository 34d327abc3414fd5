"""The log-determinant of FunctionTransformer, by numerical derivatives with error estimates."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.preprocessing import FunctionTransformer

from skflow.compose.log_dets import log_abs_det
from skflow.compose.transformer_checks import check_square, validate_rows

Func = Callable[[np.ndarray], np.ndarray]

_N_STEPS = 16  # step sizes, from large to small
_MAX_ORDER = 5  # of the extrapolation to step size 0
_TOLERANCE = 1e-5  # nats


@log_abs_det.register
def _function_log_det(transformer: FunctionTransformer, X: ArrayLike) -> np.ndarray:
    rows = validate_rows(transformer, X)
    if transformer.func is None:
        return np.zeros(len(rows))
    if transformer.inverse_func is None:
        raise ValueError(
            f"FunctionTransformer(func={transformer.func!r}) has no inverse_func, but only an "
            "invertible function gives a density in the original units. Pass inverse_func."
        )

    def transform(rows: np.ndarray) -> np.ndarray:
        return np.asarray(transformer.transform(_like(X, rows)), dtype=float)

    with np.errstate(all="ignore"):  # finite differences may leave the domain
        z = transform(rows)
        check_square(transformer, rows.shape[1], z.shape[1])
        jacobian, error = _jacobian(transform, rows)
        log_det = np.linalg.slogdet(jacobian)[1]
    log_det[~np.isfinite(z).all(axis=1)] = -np.inf
    _check_accuracy(transformer, rows, jacobian, error, log_det)
    return log_det


def _like(X: Any, rows: np.ndarray) -> Any:
    """The rows as a dataframe if X is one, since a function may select columns by name."""
    if not hasattr(X, "columns"):
        return rows
    return type(X)(dict(zip(X.columns, rows.T, strict=True)))


def _jacobian(func: Func, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """∂func_i/∂x_j and an estimate of its error, each of shape (n_samples, d, d)."""

    def of_column(j: int) -> Func:
        def partial(x: np.ndarray) -> np.ndarray:
            shifted = rows.copy()
            shifted[:, j] = x
            return func(shifted)

        return partial

    columns = [_derivative(of_column(j), x) for j, x in enumerate(rows.T)]
    derivatives, errors = zip(*columns, strict=True)
    return np.stack(derivatives, axis=-1), np.stack(errors, axis=-1)


def _derivative(func: Func, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Derivative of func, (n,) -> (n, d), by Ridders' method (1982), and its error.

    Central differences with decreasing step sizes are extrapolated to step size 0. The estimate
    returned is the one that differs least, relatively, from the two estimates it is built from.
    """
    step = np.maximum(np.abs(x), 1) / 4
    smallest_step = 1e-7 * np.maximum(np.abs(x), 1e-13)
    ratio = (smallest_step / step) ** (1 / (_N_STEPS - 1))
    best, error, best_relative = np.array(np.nan), np.array(np.inf), np.array(np.inf)
    coarser: list[np.ndarray] = []
    for _ in range(_N_STEPS):
        difference, rounding = _central_difference(func, x, step)
        estimates = [difference]
        for order, other in enumerate(coarser[:_MAX_ORDER], start=1):
            estimate, change = _extrapolate(estimates[-1], other, ratio ** (-2 * order), rounding)
            relative = change / np.abs(estimate)
            better = (relative < best_relative) | ((estimate == 0) & (change < error))
            best, error = np.where(better, estimate, best), np.where(better, change, error)
            best_relative = np.where(better, relative, best_relative)
            estimates.append(estimate)
        coarser = estimates
        step = step * ratio
    return best, error


def _central_difference(
    func: Func, x: np.ndarray, step: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The difference quotient and its rounding error, each of shape (n, d)."""
    above, below = x + step, x - step
    high, low, width = func(above), func(below), (above - below)[:, None]
    rounding = np.finfo(float).eps * (np.abs(high) + np.abs(low)) / width
    return (high - low) / width, rounding


def _extrapolate(
    finer: np.ndarray, coarser: np.ndarray, factor: np.ndarray, rounding: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Richardson extrapolation of two estimates, and the change it makes to them."""
    estimate = finer + (finer - coarser) / (factor - 1)[:, None]
    change = np.maximum(np.abs(estimate - finer), np.abs(estimate - coarser)) + rounding
    return estimate, change


def _check_accuracy(
    transformer: FunctionTransformer,
    rows: np.ndarray,
    jacobian: np.ndarray,
    error: np.ndarray,
    log_det: np.ndarray,
) -> None:
    """Raise if errors of the Jacobian make a log-determinant inaccurate, to first order."""
    uncertainty = np.where(log_det == -np.inf, 0.0, np.inf)
    regular = np.isfinite(log_det)
    inverse = np.abs(np.linalg.inv(jacobian[regular]))
    uncertainty[regular] = np.einsum("nij,nji->n", inverse, error[regular])
    if (uncertainty > _TOLERANCE).any():
        worst = int(uncertainty.argmax())
        raise ValueError(
            f"Numerical differentiation of {transformer.func!r} failed at row {worst}, "
            f"{rows[worst]}: its log-determinant is uncertain by {uncertainty[worst]:.1g} nats. "
            "Register the log-determinant of a subclass, as in the example of log_abs_det."
        )
