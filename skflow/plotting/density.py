"""DensityDisplay: a density of one or two columns."""

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike

from skflow.data.validation import check_count, check_levels
from skflow.plotting.highest_density_regions import region_levels
from skflow.plotting.plot_data import (
    as_fitted_type,
    check_has_method,
    check_rows,
    padded_range,
    resolve_feature_names,
    subsample_rows,
)
from skflow.plotting.style import (
    BLUE,
    GREY,
    INK,
    Style,
    check_matplotlib,
    density_label,
    get_axes,
    merge_style,
)
from skflow.runtime.own_settings import own_settings

_MASSES = (0.5, 0.9, 0.99)


class DensityDisplay:
    """A density of one column as a curve, of two columns as highest-density regions.

    The curve is plotted over a histogram of the data. The highest-density regions are the
    smallest regions that contain given probability masses, 50, 90 and 99 % by default, with a
    scatter plot of the data on top. Use `from_estimator` to create a display.

    Parameters
    ----------
    grid : sequence of ndarray
        Evenly spaced values of each column, one or two arrays.
    density : ndarray of shape (len(grid[0]),) or (len(grid[1]), len(grid[0]))
        The density on the grid, per unit of the columns.
    rows : ndarray of shape (n_samples, n_features), optional
        Data to plot with the density.
    feature_names : sequence of str, optional
        Names of the columns.
    masses : sequence of float, default=(0.5, 0.9, 0.99)
        Probability masses of the regions.
    name : str, optional
        Title of the plot.

    Attributes
    ----------
    levels_ : ndarray of shape (n_masses,)
        The densities on the boundaries of the regions; two columns.
    curve_ : matplotlib.lines.Line2D or None
        The curve; one column.
    histogram_ : matplotlib.patches.StepPatch or None
        The histogram of the data; one column.
    regions_ : matplotlib.contour.QuadContourSet or None
        The filled regions; two columns.
    borders_ : matplotlib.contour.QuadContourSet or None
        The boundaries of the regions; two columns.
    scatter_ : matplotlib.collections.PathCollection or None
        The data; two columns.
    legend_ : matplotlib.legend.Legend
        The legend, with the probability mass of each region.
    ax_ : matplotlib.axes.Axes
        The axes.
    figure_ : matplotlib.figure.Figure
        The figure.

    See Also
    --------
    CornerDisplay : More columns, pairwise.

    References
    ----------
    .. [1] Hyndman (1996). Computing and graphing highest density regions. The American
       Statistician 50.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.neighbors import KernelDensity
    >>> from skflow.plotting import DensityDisplay
    >>> X = load_iris().data[:, 2:]
    >>> density = KernelDensity(bandwidth=0.2).fit(X)
    >>> display = DensityDisplay.from_estimator(
    ...     density, X, feature_names=["petal length (cm)", "petal width (cm)"]
    ... )
    >>> [text.get_text() for text in display.legend_.get_texts()]
    ['50 %', '90 %', '99 %', '150 rows']
    """

    __module__ = "skflow.plotting"

    def __init__(
        self,
        *,
        grid: Sequence[np.ndarray],
        density: np.ndarray,
        rows: np.ndarray | None = None,
        feature_names: Sequence[str] | None = None,
        masses: Sequence[float] = _MASSES,
        name: str | None = None,
    ) -> None:
        self.grid = grid
        self.density = density
        self.rows = rows
        self.feature_names = feature_names
        self.masses = masses
        self.name = name

    @classmethod
    @own_settings()
    def from_estimator(
        cls,
        estimator: Any,
        X: ArrayLike,
        *,
        feature_names: Sequence[str] | None = None,
        masses: Sequence[float] = _MASSES,
        limits: Sequence[tuple[float, float]] | None = None,
        grid_resolution: int | None = None,
        subsample: int | None = 1000,
        random_state: int | np.random.RandomState | None = None,
        name: str | None = None,
        ax: Any = None,
        **kwargs: Any,
    ) -> Self:
        """Evaluate a density on a grid over the range of the data, and plot it.

        Parameters
        ----------
        estimator : object
            A fitted density estimator with ``score_samples(X)``, log p in nats.
        X : array-like of shape (n_samples, n_features)
            Data to plot, of one or two columns: observations, or samples from the density.
        feature_names : sequence of str, optional
            Names of the columns; None uses those of X if it is a dataframe, else those seen
            by the estimator in `fit`.
        masses : sequence of float, default=(0.5, 0.9, 0.99)
            Probability masses of the regions; two columns.
        limits : sequence of (float, float), optional
            The range of each column; None extends the range of X by 20 % on either side.
        grid_resolution : int, optional
            Grid points per axis; None uses 1000 for one column and 150 for two.
        subsample : int, optional
            Maximum number of rows in the scatter plot of two columns; None plots all. 1000 by
            default.
        random_state : int, RandomState instance or None, default=None
            Seed of the subsample.
        name : str, optional
            Title of the plot; None uses the class name of the estimator.
        ax : matplotlib.axes.Axes, optional
            Axes to plot on; None creates a new figure.
        **kwargs : dict
            Keyword arguments passed to `plot`.

        Returns
        -------
        DensityDisplay
            The display, after `plot`.

        Raises
        ------
        TypeError
            If the estimator has no `score_samples`.
        ValueError
            If X has more than two columns, or contains NaN or inf.
        """
        check_matplotlib(f"{cls.__name__}.from_estimator")
        check_has_method(estimator, "score_samples", cls.__name__)
        rows = _check_one_or_two_columns(X, cls.__name__)
        n_features = rows.shape[1]
        grid = _grid(rows, limits, grid_resolution)
        display = cls(
            grid=grid,
            density=_density_on_grid(estimator, X, grid),
            rows=rows if n_features == 1 else subsample_rows(rows, subsample, random_state),
            feature_names=resolve_feature_names(estimator, X, feature_names, n_features),
            masses=masses,
            name=type(estimator).__name__ if name is None else name,
        )
        return display.plot(ax, **kwargs)

    @own_settings()
    def plot(
        self,
        ax: Any = None,
        *,
        show_rows: bool = True,
        bins: Any = "auto",
        curve_kwargs: Style = None,
        histogram_kwargs: Style = None,
        regions_kwargs: Style = None,
        scatter_kwargs: Style = None,
    ) -> Self:
        """Plot the density.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, optional
            Axes to plot on; None creates a new figure.
        show_rows : bool, default=True
            Whether to plot the data, too.
        bins : int, sequence or str, default="auto"
            Bins of the histogram, as in ``numpy.histogram``.
        curve_kwargs : dict, optional
            Passed to ``ax.plot``; one column.
        histogram_kwargs : dict, optional
            Passed to ``ax.stairs``; one column.
        regions_kwargs : dict, optional
            Passed to ``ax.contourf``; two columns.
        scatter_kwargs : dict, optional
            Passed to ``ax.scatter``; two columns.

        Returns
        -------
        DensityDisplay
            The display itself.
        """
        check_matplotlib(f"{type(self).__name__}.plot")
        self.ax_ = get_axes(ax)
        self.figure_ = self.ax_.figure
        self.curve_: Any = None
        self.histogram_: Any = None
        self.regions_: Any = None
        self.borders_: Any = None
        self.scatter_: Any = None
        rows = self.rows if show_rows else None
        if len(self.grid) == 1:
            self._plot_curve(rows, bins, curve_kwargs, histogram_kwargs)
        else:
            self._plot_regions(rows, regions_kwargs, scatter_kwargs)
        self.ax_.set_title(self.name or "")
        return self

    def _plot_curve(self, rows: np.ndarray | None, bins: Any, curve: Style, hist: Style) -> None:
        from matplotlib.lines import Line2D
        from matplotlib.patches import StepPatch

        if rows is not None:
            heights, edges = np.histogram(rows[:, 0], bins, density=True)
            defaults = {"fill": True, "facecolor": GREY, "label": f"{len(rows):,} rows"}
            style = merge_style(StepPatch, hist, **defaults)
            self.histogram_ = self.ax_.stairs(heights, edges, **style)
        style = merge_style(Line2D, curve, color=BLUE, label="density")
        (self.curve_,) = self.ax_.plot(self.grid[0], self.density, **style)
        (name,) = self.feature_names or ("x0",)
        self.ax_.set(xlabel=name, ylabel=density_label(name), ylim=(0, None))
        self.ax_.margins(x=0)
        self.legend_ = self.ax_.legend(frameon=False)

    def _plot_regions(self, rows: np.ndarray | None, regions: Style, scatter: Style) -> None:
        handles = self._plot_contours(regions)
        if rows is not None:
            self._plot_scatter(rows, scatter)
            handles.append(self.scatter_)
        x_name, y_name = self.feature_names or ("x0", "x1")
        self.ax_.set(xlabel=x_name, ylabel=y_name)
        # beside the axes, which the regions may fill
        beside = {"loc": "upper left", "bbox_to_anchor": (1, 1)}
        self.legend_ = self.ax_.legend(handles=handles, frameon=False, **beside)

    def _plot_contours(self, style: Style) -> list[Any]:
        """Plot the regions, and return their legend handles by increasing mass."""
        from matplotlib.contour import QuadContourSet

        masses = np.sort(check_levels(self.masses, "masses"))
        self.levels_ = region_levels(self.density, masses)
        levels, mass_index = np.unique(self.levels_, return_index=True)
        edges = [*levels, max(self.density.max(), levels[-1] * 2)]
        colors = {} if style and "cmap" in style else {"colors": _shades(len(levels))}
        style = merge_style(QuadContourSet, style, **colors)
        self.regions_ = self.ax_.contourf(*self.grid, self.density, edges, **style)
        self.borders_ = self.ax_.contour(
            *self.grid, self.density, levels, colors="white", linewidths=0.8
        )
        handles: list[Any] = self.regions_.legend_elements()[0]
        for handle, k in zip(handles, mass_index, strict=True):
            handle.set_label(f"{100 * masses[k]:.3g} %")
        return handles[::-1]

    def _plot_scatter(self, rows: np.ndarray, style: Style) -> None:
        from matplotlib.collections import PathCollection

        defaults = {"s": 5, "color": INK, "alpha": 0.6, "linewidths": 0}
        label = f"{len(rows):,} rows"
        style = merge_style(PathCollection, style, **defaults, label=label)
        self.scatter_ = self.ax_.scatter(*rows.T, **style)


def _check_one_or_two_columns(X: ArrayLike, display: str) -> np.ndarray:
    rows = check_rows(X)
    if rows.shape[1] > 2:
        raise ValueError(
            f"X has {rows.shape[1]} columns, but {display} plots one or two. Use CornerDisplay, "
            "which plots more columns pairwise, or fit a density of two columns."
        )
    return rows


def _grid(
    rows: np.ndarray, limits: Sequence[tuple[float, float]] | None, resolution: int | None
) -> list[np.ndarray]:
    """Evenly spaced values of each column, by default somewhat beyond the range of the rows."""
    if resolution is None:
        resolution = {1: 1000, 2: 150}[rows.shape[1]]
    check_count("grid_resolution", resolution)
    if limits is None:
        limits = [padded_range(column) for column in rows.T]
    return [np.linspace(low, high, resolution) for low, high in limits]


def _density_on_grid(estimator: Any, X: Any, grid: Sequence[np.ndarray]) -> np.ndarray:
    """The density at all grid points, with the first column along the last axis."""
    points = np.stack(np.meshgrid(*grid), axis=-1)
    rows = points.reshape(-1, points.shape[-1])
    log_p = estimator.score_samples(as_fitted_type(estimator, X, rows))
    density: np.ndarray = np.exp(log_p).reshape(points.shape[:-1])
    return density


def _shades(n: int) -> list[tuple[float, ...]]:
    """Blues from light to dark, for regions from the widest to the narrowest."""
    from matplotlib import colormaps

    shades: list[tuple[float, ...]] = [colormaps["Blues"](x) for x in np.linspace(0.25, 0.75, n)]
    return shades
