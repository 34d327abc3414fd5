"""Densities of columns of integers, drawn in cells."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from skflow.plotting.column_axis import ColumnAxis, count_label
from skflow.plotting.style import INK, Style, merge_style, scatter_style, shades

_POINT_SIZE = 5.0  # of a scatter plot, in square points
_MAX_SEPARATED = 60  # integers of a column whose cells have white lines between them


def plot_probabilities(
    ax: Any,
    axes: Sequence[ColumnAxis],
    grid: Sequence[np.ndarray],
    probabilities: np.ndarray,
    style: Style,
) -> Any:
    """Plot the probabilities of pairs of integers as cells, and return the QuadMesh.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
    axes : sequence of ColumnAxis
    grid : sequence of ndarray
        The integers of both columns.
    probabilities : ndarray of shape (len(grid[1]), len(grid[0]))
    style : dict or None
        Passed to ``ax.pcolormesh``.
    """
    return _plot_cells(ax, axes, grid, probabilities, style, cmap="Blues", vmin=0)


def plot_region_cells(
    ax: Any,
    axes: Sequence[ColumnAxis],
    grid: Sequence[np.ndarray],
    density: np.ndarray,
    levels: np.ndarray,
    style: Style,
) -> tuple[Any, list[Any]]:
    """Plot the regions in which the density exceeds levels, as cells around the grid points.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
    axes : sequence of ColumnAxis
    grid : sequence of ndarray
        Values of both columns.
    density : ndarray of shape (len(grid[1]), len(grid[0]))
    levels : ndarray of shape (n_levels,)
        In ascending order.
    style : dict or None
        Passed to ``ax.pcolormesh``.

    Returns
    -------
    mesh : matplotlib.collections.QuadMesh
        Its values are the number of levels that are reached; cells below all of them are masked.
    handles : list of matplotlib.patches.Patch
        One for each level, in the same order.
    """
    from matplotlib.colors import ListedColormap
    from matplotlib.patches import Patch

    n_reached = np.searchsorted(levels, density, side="right")
    regions = np.ma.masked_equal(n_reached, 0)
    defaults = {"cmap": ListedColormap(shades(len(levels))), "vmin": 0.5}
    mesh = _plot_cells(ax, axes, grid, regions, style, **defaults, vmax=len(levels) + 0.5)
    colors = mesh.cmap(mesh.norm(np.arange(1, len(levels) + 1)))
    return mesh, [Patch(facecolor=color) for color in colors]


def plot_rows(
    ax: Any,
    axes: Sequence[ColumnAxis],
    grid: Sequence[np.ndarray],
    rows: np.ndarray,
    style: Style,
) -> tuple[Any, Any]:
    """Plot rows (n, 2) as points; those in a cell of two integer columns as one circle.

    The areas of circles are proportional to the numbers of rows, the largest fits into its cell.

    Returns
    -------
    scatter : matplotlib.collections.PathCollection
    handle : matplotlib.artist.Artist
        For a legend.
    """
    from matplotlib.lines import Line2D

    label, radius = count_label(rows, "rows", axes), _half_of_a_cell(ax, grid)
    defaults: dict[str, Any] = {"s": _POINT_SIZE, "linewidths": 0, "alpha": 0.6}
    in_cells = all(axis.support.integer for axis in axes) and radius**2 > _POINT_SIZE
    in_cells = in_cells and not {"c", "s"} & set(style or {})
    if in_cells:
        rows, counts = np.unique(rows, axis=0, return_counts=True)
        sizes = counts * (radius**2 / counts.max())
        defaults |= {"s": sizes, "linewidths": 0.5, "edgecolors": "white"}
    scatter = ax.scatter(*rows.T, **scatter_style(style, INK, **defaults, label=label))
    if not in_cells:
        return scatter, scatter
    color = scatter.get_facecolor()[0]
    return scatter, Line2D([], [], linestyle="", marker="o", color=color, label=label)


def _plot_cells(
    ax: Any,
    axes: Sequence[ColumnAxis],
    grid: Sequence[np.ndarray],
    values: np.ndarray,
    style: Style,
    **defaults: Any,
) -> Any:
    from matplotlib.collections import QuadMesh

    x, y = (axis.edges(points) for axis, points in zip(axes, grid, strict=True))
    mesh = ax.pcolormesh(x, y, values, **merge_style(QuadMesh, style, **defaults))
    for edges, axis, line in zip((x, y), axes, (ax.axvline, ax.axhline), strict=True):
        if axis.support.integer and len(edges) <= _MAX_SEPARATED:
            for edge in edges[1:-1]:
                line(edge, color="white", linewidth=1)
    return mesh


def _half_of_a_cell(ax: Any, grid: Sequence[np.ndarray]) -> float:
    """Half of the smaller side of a cell, in points."""
    box = ax.get_window_extent()
    pixels = min(box.width / len(grid[0]), box.height / len(grid[1]))
    return float(0.5 * pixels * 72 / ax.figure.dpi)
