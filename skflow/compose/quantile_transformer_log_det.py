"""The log-determinant of QuantileTransformer, a piecewise-linear distribution function."""

from copy import deepcopy

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import norm
from sklearn.preprocessing import QuantileTransformer

from skflow.compose.log_dets import log_abs_det
from skflow.compose.transformer_checks import validate_rows

_CLIP = norm.isf(1e-7)  # where scikit-learn clips normal quantiles


@log_abs_det.register
def _quantile_log_det(transformer: QuantileTransformer, X: ArrayLike) -> np.ndarray:
    rows = validate_rows(transformer, X)
    knots = transformer.quantiles_
    _check_no_constant_column(knots)
    slopes = [_slopes(x, q, transformer.references_) for x, q in zip(rows.T, knots.T, strict=True)]
    with np.errstate(divide="ignore"):
        log_slopes = np.log(slopes).T
    if transformer.output_distribution == "normal":
        z = np.asarray(transformer.transform(deepcopy(X)))
        clipped = (np.abs(z) > _CLIP) & (knots[0] < rows) & (rows < knots[-1])
        log_slopes = np.where(clipped, -np.inf, log_slopes - norm.logpdf(z))
    return log_slopes.sum(axis=1)


def _slopes(x: np.ndarray, knots: np.ndarray, heights: np.ndarray) -> np.ndarray:
    """Slope of a piecewise-linear distribution function at each x, of shape (n_samples,).

    At an inner knot this is the mean of the slopes of both segments, at the first and last knot
    the slope of the only segment, and 0 outside.
    """
    x_knots, first = np.unique(knots, return_index=True)
    last = np.append(first[1:], len(knots)) - 1  # the heights jump at repeated knots
    segments = (heights[first[1:]] - heights[last[:-1]]) / np.diff(x_knots)
    left = np.searchsorted(x_knots, x, side="left") - 1
    right = np.searchsorted(x_knots, x, side="right") - 1
    left, right = (
        np.where(left < 0, right, left),
        np.where(right == len(segments), left, right),
    )
    inside = (x >= x_knots[0]) & (x <= x_knots[-1])
    mean = (segments[left % len(segments)] + segments[right % len(segments)]) / 2
    return np.where(inside, mean, 0.0)


def _check_no_constant_column(knots: np.ndarray) -> None:
    constant = np.flatnonzero(knots[0] == knots[-1])
    if len(constant):
        raise ValueError(
            f"QuantileTransformer maps every value of column {constant[0]} to an end of its "
            f"range, because all quantiles are {knots[0, constant[0]]:g}, so there is no "
            "density. Drop the column, or use another transformer for it."
        )
