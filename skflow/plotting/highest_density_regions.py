"""Highest-density regions of a density evaluated on a grid."""

import numpy as np
from numpy.typing import ArrayLike


def region_levels(
    density: np.ndarray, masses: ArrayLike, volumes: np.ndarray | None = None
) -> np.ndarray:
    """Density levels that bound the highest-density regions (Hyndman 1996).

    Parameters
    ----------
    density : ndarray
        Values on a grid, of any shape.
    masses : array-like of shape (n_masses,)
        Probability masses between 0 and 1, relative to the mass on the grid.
    volumes : ndarray, optional
        Volumes of the cells of the grid, of the same shape; None if they are all equal.

    Returns
    -------
    ndarray of shape (n_masses,)
        The density on the boundary of the smallest region that contains each mass.
    """
    order = np.argsort(density, axis=None)[::-1]
    descending = density.ravel()[order]
    cumulative = (descending if volumes is None else descending * volumes.ravel()[order]).cumsum()
    last = np.searchsorted(cumulative, np.asarray(masses) * cumulative[-1])
    return descending[np.minimum(last, len(cumulative) - 1)]
