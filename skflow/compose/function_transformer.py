"""The log-determinant of FunctionTransformer, by differences that know their error."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.preprocessing import FunctionTransformer

from skflow.compose.log_dets import log_abs_det
from skflow.compose.transformer_checks import check_square, checked_rows

_LEVELS = 16  # steps, from large to small
_ORDERS = 5  # of extrapolation to step 0
_TOLERANCE = 1e-5  # nats


@log_abs_det.register
def _function(transformer: FunctionTransformer, X: ArrayLike) -> np.ndarray:
    rows = checked_rows(transformer, X)
    if transformer.func is None:
        return np.zeros(len(rows))
    if transformer.inverse_func is None:
        raise ValueError(
            f"FunctionTransformer(func={transformer.func!r}) has no inverse_func, and only a "
            "function with an inverse gives a density in the original units: pass inverse_func."
        )

    def mapped(rows: np.ndarray) -> np.ndarray:
        return np.asarray(transformer.transform(_like(X, rows)), dtype=float)

    with np.errstate(all="ignore"):  # steps may leave the domain
        z = mapped(rows)
        check_square(transformer, rows.shape[1], z.shape[1])
        jacobian, error = _jacobian(mapped, rows)
        log_det = np.linalg.slogdet(jacobian)[1]
    log_det[~np.isfinite(z).all(axis=1)] = -np.inf
    _check_settled(transformer, rows, jacobian, error, log_det)
    return log_det


def _like(X: Any, rows: np.ndarray) -> Any:
    """The rows as a frame where X is one: a function may ask for columns by name."""
    if not hasattr(X, "columns"):
        return rows
    return type(X)(dict(zip(X.columns, rows.T, strict=True)))


def _jacobian(
    func: Callable[[np.ndarray], np.ndarray], rows: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """∂func_i/∂x_j of each row, (n, d, d), and an estimate of its error."""

    def along(j: int) -> Callable[[np.ndarray], np.ndarray]:
        def moved(x: np.ndarray) -> np.ndarray:
            others = rows.copy()
            others[:, j] = x
            return func(others)

        return moved

    columns = [_derivative(along(j), x) for j, x in enumerate(rows.T)]
    derivatives, errors = zip(*columns, strict=True)
    return np.stack(derivatives, axis=-1), np.stack(errors, axis=-1)


def _derivative(
    func: Callable[[np.ndarray], np.ndarray], x: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Derivative of func, (n,) -> (n, d), by Ridders' method (1982), and its error.

    Central differences over ever smaller steps, extrapolated to step 0. Of all the estimates
    that one is taken which differs least, relatively, from the two that it is made of.
    """
    step = np.maximum(np.abs(x), 1) / 4
    smallest = 1e-7 * np.maximum(np.abs(x), 1e-13)
    ratio = (smallest / step) ** (1 / (_LEVELS - 1))
    best, error, least = np.array(np.nan), np.array(np.inf), np.array(np.inf)
    coarser: list[np.ndarray] = []
    for _ in range(_LEVELS):
        above, below = x + step, x - step
        high, low, width = func(above), func(below), (above - below)[:, None]
        rounding = np.finfo(float).eps * (np.abs(high) + np.abs(low)) / width
        estimates = [(high - low) / width]
        for order, other in enumerate(coarser[:_ORDERS], start=1):
            finer = estimates[-1]
            estimate = finer + (finer - other) / (ratio ** (-2 * order) - 1)[:, None]
            change = np.maximum(np.abs(estimate - finer), np.abs(estimate - other)) + rounding
            relative = change / np.abs(estimate)
            better = (relative < least) | ((estimate == 0) & (change < error))
            best, error = np.where(better, estimate, best), np.where(better, change, error)
            least = np.where(better, relative, least)
            estimates.append(estimate)
        coarser = estimates
        step = step * ratio
    return best, error


def _check_settled(
    transformer: FunctionTransformer,
    rows: np.ndarray,
    jacobian: np.ndarray,
    error: np.ndarray,
    log_det: np.ndarray,
) -> None:
    """Raise where the Jacobian's error leaves log-determinants uncertain, to first order."""
    uncertainty = np.where(log_det == -np.inf, 0.0, np.inf)
    regular = np.isfinite(log_det)
    inverse = np.abs(np.linalg.inv(jacobian[regular]))
    uncertainty[regular] = np.einsum("nij,nji->n", inverse, error[regular])
    if (uncertainty > _TOLERANCE).any():
        worst = int(uncertainty.argmax())
        raise ValueError(
            f"The derivative of {transformer.func!r} at row {worst}, {rows[worst]}, cannot be "
            f"found numerically: its log-determinant is uncertain by {uncertainty[worst]:.1g} "
            "nats. Register one for a subclass, as the example of log_abs_det shows."
        )
