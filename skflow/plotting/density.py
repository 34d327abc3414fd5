"""DensityDisplay: a density of one or two columns."""

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike

from skflow.data.validation import check_levels
from skflow.plotting.cells import plot_probabilities, plot_region_cells, plot_rows
from skflow.plotting.column_axis import (
    ColumnAxis,
    column_axis,
    column_supports,
    count_label,
)
from skflow.plotting.density_grid import check_one_or_two_columns, density_on_grid, grid_of
from skflow.plotting.highest_density_regions import region_levels
from skflow.plotting.plot_data import (
    check_has_method,
    resolve_feature_names,
    subsample_rows,
)
from skflow.plotting.style import (
    BLUE,
    GREY,
    Style,
    check_matplotlib,
    density_label,
    get_axes,
    merge_style,
    shades,
)
from skflow.runtime.own_settings import own_settings

_MASSES = (0.5, 0.9, 0.99)
_MAX_BARS = 100  # integers, above which a line is drawn through their probabilities
_SPIKE = 3.0  # heights above which a density is cut off; it may be infinite at a bound
_MAX_RATIO = 1e-12  # of densities on a log scale
_BELOW_ONE_ROW = 0.3  # where a log scale of the density begins, relative to a single row


class DensityDisplay:
    """A density of one column as a curve, of two columns as highest-density regions.

    The curve is plotted over a histogram of the data. The highest-density regions are the
    smallest regions that contain given probability masses, 50, 90 and 99 % by default, with a
    scatter plot of the data on top. Use `from_estimator` to create a display.

    A column that was declared as integer has probabilities: bars over the shares of the data,
    or a line if there are many integers. With another column, the regions are strips at the
    integers; two integer columns are a table of cells, colored by their probability, on which
    the area of a circle is proportional to the number of rows.

    Axes end at declared bounds and leave out values that are far from all others. A column over
    decades or with heavy tails has a logarithmic axis, a symmetric one if there are zeros or
    both signs. The density is always that per unit of the column and not per decade: the area
    under a curve on a logarithmic axis is not the probability. One column on such an axis has a
    logarithmic density axis, too.

    Parameters
    ----------
    grid : sequence of ndarray
        Ascending values of each column, one or two arrays.
    density : ndarray of shape (len(grid[0]),) or (len(grid[1]), len(grid[0]))
        The density on the grid, per unit of the columns; a probability for integers.
    rows : ndarray of shape (n_samples, n_features), optional
        Data to plot with the density.
    feature_names : sequence of str, optional
        Names of the columns.
    masses : sequence of float, default=(0.5, 0.9, 0.99)
        Probability masses of the regions.
    name : str, optional
        Title of the plot.
    axes : sequence of ColumnAxis, optional
        Scale, limits and support of each column, as ``from_estimator`` finds them; None draws
        linear axes over the grid.

    Attributes
    ----------
    levels_ : ndarray of shape (n_masses,)
        The densities on the boundaries of the regions; two columns.
    curve_ : matplotlib.lines.Line2D or None
        The curve; one column.
    bars_ : matplotlib.container.BarContainer or None
        The probabilities of integers; one column of at most 100 of them.
    histogram_ : matplotlib.patches.StepPatch or None
        The histogram of the data; one column.
    regions_ : QuadContourSet, QuadMesh or None
        The filled regions; two columns. A ``matplotlib.collections.QuadMesh`` of cells if a
        column is integer.
    borders_ : matplotlib.contour.QuadContourSet or None
        The boundaries of the regions; two columns, neither of them integer.
    colorbar_ : matplotlib.colorbar.Colorbar or None
        The scale of the probabilities; two integer columns.
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
        axes: Sequence[ColumnAxis] | None = None,
    ) -> None:
        self.grid = grid
        self.density = density
        self.rows = rows
        self.feature_names = feature_names
        self.masses = masses
        self.name = name
        self.axes = axes

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
            The range of each column, within declared bounds; None extends the range of X,
            without values that are far from all others, by 20 % on either side.
        grid_resolution : int, optional
            Grid points per axis; None uses 1000 for one column and 150 for two. Of a column
            with more integers than that, so many are evaluated.
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
        rows = check_one_or_two_columns(X, cls.__name__)
        n_features = rows.shape[1]
        supports = column_supports(estimator, n_features)
        rows = np.column_stack([s.wrapped(x) for s, x in zip(supports, rows.T, strict=True)])
        axes = [
            column_axis(column, support, None if limits is None else limits[j])
            for j, (column, support) in enumerate(zip(rows.T, supports, strict=True))
        ]
        grid = grid_of(axes, grid_resolution)
        display = cls(
            grid=grid,
            density=density_on_grid(estimator, X, grid),
            rows=rows if n_features == 1 else subsample_rows(rows, subsample, random_state),
            feature_names=resolve_feature_names(estimator, X, feature_names, n_features),
            masses=masses,
            name=type(estimator).__name__ if name is None else name,
            axes=axes,
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
            Bins of the histogram, as in ``numpy.histogram``, evenly spaced on the axis. "auto"
            has one for each integer if the data are few integers.
        curve_kwargs : dict, optional
            Passed to ``ax.plot``, or to ``ax.bar`` for integers; one column.
        histogram_kwargs : dict, optional
            Passed to ``ax.stairs``; one column.
        regions_kwargs : dict, optional
            Passed to ``ax.contourf``, or to ``ax.pcolormesh`` for integers; two columns.
        scatter_kwargs : dict, optional
            Passed to ``ax.scatter``; two columns. Values passed as "c" are those of the rows
            that are plotted.

        Returns
        -------
        DensityDisplay
            The display itself.
        """
        check_matplotlib(f"{type(self).__name__}.plot")
        self.ax_ = get_axes(ax)
        self.figure_ = self.ax_.figure
        self.curve_: Any = None
        self.bars_: Any = None
        self.histogram_: Any = None
        self.regions_: Any = None
        self.borders_: Any = None
        self.colorbar_: Any = None
        self.scatter_: Any = None
        rows = self.rows if show_rows else None
        if len(self.grid) == 1:
            self._plot_column(rows, bins, curve_kwargs, histogram_kwargs)
        else:
            self._plot_regions(rows, regions_kwargs, scatter_kwargs)
        self.ax_.set_title(self.name or "")
        return self

    def _column_axes(self) -> Sequence[ColumnAxis]:
        return self.axes or [ColumnAxis(float(x[0]), float(x[-1])) for x in self.grid]

    def _plot_column(self, rows: np.ndarray | None, bins: Any, curve: Style, hist: Style) -> None:
        (axis,) = self._column_axes()
        if rows is not None:
            self._plot_histogram(axis, rows, bins, hist)
        if axis.support.integer and len(self.grid[0]) <= _MAX_BARS:
            self._plot_bars(axis, curve)
        else:
            self._plot_curve(axis, curve)
        (name,) = self.feature_names or ("x0",)
        label = "probability" if axis.support.integer else density_label(name)
        self.ax_.set(xlabel=name, ylabel=label)
        axis.apply(self.ax_, "x")
        self._scale_density(axis, rows)
        self.legend_ = self.ax_.legend(edgecolor="none")

    def _plot_histogram(self, axis: ColumnAxis, rows: np.ndarray, bins: Any, hist: Style) -> None:
        from matplotlib.patches import StepPatch

        heights, edges = axis.histogram(rows[:, 0], bins)
        label = count_label(rows, "rows", [axis])
        style = merge_style(StepPatch, hist, fill=True, facecolor=GREY, label=label)
        self.histogram_ = self.ax_.stairs(heights, edges, **style)

    def _plot_bars(self, axis: ColumnAxis, style: Style) -> None:
        from matplotlib.patches import Rectangle

        (integers,) = self.grid
        left, right = axis.edges(integers)[:-1], axis.edges(integers)[1:]
        middle, width = (left + right) / 2, 0.5 * (right - left)
        style = merge_style(Rectangle, style, color=BLUE, width=width, label="probability")
        self.bars_ = self.ax_.bar(middle, self.density, **style)

    def _plot_curve(self, axis: ColumnAxis, style: Style) -> None:
        from matplotlib.lines import Line2D

        label = "probability" if axis.support.integer else "density"
        style = merge_style(Line2D, style, color=BLUE, label=label)
        (self.curve_,) = self.ax_.plot(self.grid[0], self.density, **style)

    def _scale_density(self, axis: ColumnAxis, rows: np.ndarray | None) -> None:
        """Scale the vertical axis: on a log scale, from below the height of a single row."""
        heights = self.density if rows is None else self.histogram_.get_data()[0]
        highest = max(heights.max(), self.density.max())
        if axis.scale != "linear":
            lowest = _BELOW_ONE_ROW * heights[heights > 0].min(initial=np.inf)
            lowest = max(min(lowest, highest), _MAX_RATIO * highest)
            self.ax_.set(yscale="log", ylim=(lowest, 3 * highest))
            return
        readable = _SPIKE * max(heights.max(), np.quantile(self.density, 0.99))
        is_pole = not axis.support.integer and 0 < readable < highest
        self.ax_.set_ylim(0, readable if is_pole else None)

    def _plot_regions(self, rows: np.ndarray | None, regions: Style, scatter: Style) -> None:
        axes = self._column_axes()
        integer = [axis.support.integer for axis in axes]
        if all(integer):
            handles = self._plot_probabilities(axes, regions)
        else:
            handles = self._plot_masses(axes, regions, in_cells=any(integer))
        if rows is not None:
            self.scatter_, handle = plot_rows(self.ax_, axes, self.grid, rows, scatter)
            handles.append(handle)
        x_name, y_name = self.feature_names or ("x0", "x1")
        self.ax_.set(xlabel=x_name, ylabel=y_name)
        axes[0].apply(self.ax_, "x")
        axes[1].apply(self.ax_, "y")
        # beside the axes, which the regions may fill
        beside: dict[str, Any] = {"loc": "upper left", "bbox_to_anchor": (1, 1)}
        self.legend_ = self.ax_.legend(handles=handles, frameon=False, **beside)

    def _plot_probabilities(self, axes: Sequence[ColumnAxis], style: Style) -> list[Any]:
        from matplotlib.ticker import MaxNLocator

        self.regions_ = plot_probabilities(self.ax_, axes, self.grid, self.density, style)
        place = {"location": "bottom", "ticks": MaxNLocator(4)}
        self.colorbar_ = self.figure_.colorbar(
            self.regions_, ax=self.ax_, label="probability", **place
        )
        return []

    def _plot_masses(self, axes: Sequence[ColumnAxis], style: Style, in_cells: bool) -> list[Any]:
        """Plot the regions, and return their legend handles by increasing mass."""
        masses = np.sort(check_levels(self.masses, "masses"))
        self.levels_ = region_levels(self.density, masses, self._volumes(axes))
        levels, mass_index = np.unique(self.levels_, return_index=True)
        if in_cells:
            self.regions_, handles = plot_region_cells(
                self.ax_, axes, self.grid, self.density, levels, style
            )
        else:
            handles = self._plot_contours(levels, style)
        for handle, k in zip(handles, mass_index, strict=True):
            handle.set_label(f"{100 * masses[k]:.3g} %")
        return handles[::-1]

    def _plot_contours(self, levels: np.ndarray, style: Style) -> list[Any]:
        from matplotlib.contour import QuadContourSet

        edges = [*levels, max(self.density.max(), levels[-1] * 2)]
        colors = {} if style and "cmap" in style else {"colors": shades(len(levels))}
        style = merge_style(QuadContourSet, style, **colors)
        self.regions_ = self.ax_.contourf(*self.grid, self.density, edges, **style)
        self.borders_ = self.ax_.contour(
            *self.grid, self.density, levels, colors="white", linewidths=0.8
        )
        handles: list[Any] = self.regions_.legend_elements()[0]
        return handles

    def _volumes(self, axes: Sequence[ColumnAxis]) -> np.ndarray | None:
        """The volumes of the cells of the grid, None if they are all equal."""
        if all(axis.scale == "linear" and not axis.support.integer for axis in axes):
            return None
        x, y = (np.diff(axis.edges(grid)) for axis, grid in zip(axes, self.grid, strict=True))
        return np.outer(y, x)
