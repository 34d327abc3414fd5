"""A density on a grid of one or two columns."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from skflow.data.validation import check_count
from skflow.plotting.column_axis import ColumnAxis
from skflow.plotting.plot_data import as_fitted_type, check_rows

_RESOLUTION = {1: 1000, 2: 150}  # points per axis, by the number of columns
_MAX_LOG_P = 700.0  # exp of more overflows


def check_one_or_two_columns(X: ArrayLike, display: str) -> np.ndarray:
    """The rows of X, or a ValueError if there are more than two columns."""
    rows = check_rows(X)
    if rows.shape[1] > 2:
        raise ValueError(
            f"X has {rows.shape[1]} columns, but {display} plots one or two. Use CornerDisplay, "
            "which plots more columns pairwise, or fit a density of two columns."
        )
    return rows


def grid_of(axes: Sequence[ColumnAxis], resolution: int | None) -> list[np.ndarray]:
    """Values of each column, evenly spaced on its axis."""
    if resolution is None:
        resolution = _RESOLUTION[len(axes)]
    check_count("grid_resolution", resolution)
    return [axis.grid(resolution) for axis in axes]


def density_on_grid(estimator: Any, X: Any, grid: Sequence[np.ndarray]) -> np.ndarray:
    """The density at all grid points, with the first column along the last axis."""
    points = np.stack(np.meshgrid(*grid), axis=-1)
    rows = points.reshape(-1, points.shape[-1])
    log_p = estimator.score_samples(as_fitted_type(estimator, X, rows))
    density: np.ndarray = np.exp(np.minimum(log_p, _MAX_LOG_P)).reshape(points.shape[:-1])
    if not density.any():
        raise ValueError(
            "The density is 0 at all points of the grid, so that there is nothing to plot. Pass "
            "other limits, or a larger grid_resolution."
        )
    return density
