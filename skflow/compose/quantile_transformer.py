"""The log-determinant of QuantileTransformer: a distribution function in straight pieces."""

from copy import deepcopy

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import norm
from sklearn.preprocessing import QuantileTransformer

from skflow.compose.log_dets import log_abs_det
from skflow.compose.transformer_checks import checked_rows

_CUT = norm.isf(1e-7)  # where scikit-learn cuts normal quantiles off


@log_abs_det.register
def _quantile(transformer: QuantileTransformer, X: ArrayLike) -> np.ndarray:
    rows = checked_rows(transformer, X)
    knots = transformer.quantiles_
    _check_no_column_is_constant(knots)
    slopes = [_slopes(x, q, transformer.references_) for x, q in zip(rows.T, knots.T, strict=True)]
    with np.errstate(divide="ignore"):
        log_slopes = np.log(slopes).T
    if transformer.output_distribution == "normal":
        z = np.asarray(transformer.transform(deepcopy(X)))
        cut = (np.abs(z) > _CUT) & (knots[0] < rows) & (rows < knots[-1])
        log_slopes = np.where(cut, -np.inf, log_slopes - norm.logpdf(z))
    return log_slopes.sum(axis=1)


def _slopes(x: np.ndarray, knots: np.ndarray, heights: np.ndarray) -> np.ndarray:
    """Slope at x: at a knot the mean of both sides', at an end that of the inside, beyond 0."""
    x_knots, first = np.unique(knots, return_index=True)
    last = np.append(first[1:], len(knots)) - 1  # where knots repeat, heights jump
    pieces = (heights[first[1:]] - heights[last[:-1]]) / np.diff(x_knots)
    left = np.searchsorted(x_knots, x, side="left") - 1
    right = np.searchsorted(x_knots, x, side="right") - 1
    left, right = (
        np.where(left < 0, right, left),
        np.where(right == len(pieces), left, right),
    )
    inside = (x >= x_knots[0]) & (x <= x_knots[-1])
    return np.where(inside, (pieces[left % len(pieces)] + pieces[right % len(pieces)]) / 2, 0.0)


def _check_no_column_is_constant(knots: np.ndarray) -> None:
    constant = np.flatnonzero(knots[0] == knots[-1])
    if len(constant):
        raise ValueError(
            f"QuantileTransformer maps all values of column {constant[0]} to its ends, for all "
            f"quantiles are {knots[0, constant[0]]:g}, so there is no density. Drop the column, "
            "or let other transformers scale it."
        )
