"""DensityDisplay: a density of one or two columns."""

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike

from skflow.data.validation import check_count, check_levels
from skflow.plotting.highest_density_regions import region_levels
from skflow.plotting.plot_data import as_fitted, margins, names_of, rows_of, some_of
from skflow.plotting.style import (
    BLUE,
    GREY,
    INK,
    Style,
    axes_or_new,
    check_matplotlib,
    per_unit,
    styled,
)

_MASSES = (0.5, 0.9, 0.99)


class DensityDisplay:
    """A density of one column as a curve, of two columns as regions.

    The curve stands over a histogram of rows. The regions are those of highest density: the
    smallest that hold given shares of the probability, 50, 90 and 99 % by default; rows lie
    over them. Use `from_estimator` to make one.

    Parameters
    ----------
    grid : sequence of ndarray
        Evenly spaced values of each column, one array or two.
    density : ndarray of shape (len(grid[0]),) or (len(grid[1]), len(grid[0]))
        The density there, per unit of the columns.
    rows : ndarray of shape (n_samples, n_features), optional
        Rows to show beside it.
    feature_names : sequence of str, optional
        Names of the columns.
    masses : sequence of float, default=(0.5, 0.9, 0.99)
        Shares of the probability that the regions hold.
    name : str, optional
        What stands above the picture.

    Attributes
    ----------
    levels_ : ndarray of shape (n_masses,)
        The densities at the borders of the regions; two columns.
    curve_ : matplotlib.lines.Line2D or None
        The curve; one column.
    histogram_ : matplotlib.patches.StepPatch or None
        The rows under it.
    regions_ : matplotlib.contour.QuadContourSet or None
        The filled regions; two columns.
    borders_ : matplotlib.contour.QuadContourSet or None
        Their borders.
    scatter_ : matplotlib.collections.PathCollection or None
        The rows over them.
    legend_ : matplotlib.legend.Legend
        Which region holds how much.
    ax_ : matplotlib.axes.Axes
        The axes.
    figure_ : matplotlib.figure.Figure
        The figure.

    See Also
    --------
    CornerDisplay : More columns, by pairs.

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
        """Score a grid over the range of rows, and plot it.

        Parameters
        ----------
        estimator : object
            A fitted density estimator with ``score_samples(X)``, log p in nats.
        X : array-like of shape (n_samples, n_features)
            Rows to show, of one column or two: data, or draws from the density.
        feature_names : sequence of str, optional
            Names of the columns; None takes those of X where it is a frame, or
            those that the estimator was fitted with.
        masses : sequence of float, default=(0.5, 0.9, 0.99)
            Shares of the probability that the regions of two columns hold.
        limits : sequence of (float, float), optional
            The range of each column; None takes that of X and a fifth more on either side.
        grid_resolution : int, optional
            Points an axis; None takes 1000 for one column and 150 for two.
        subsample : int, optional
            Rows drawn over two columns at most; None draws all. 1000 by default.
        random_state : int, RandomState instance or None, default=None
            Chooses them.
        name : str, optional
            What stands above the picture; None takes the name of the estimator's class.
        ax : matplotlib.axes.Axes, optional
            Axes to draw on; None makes a figure.
        **kwargs : dict
            What `plot` takes.

        Returns
        -------
        DensityDisplay
            The display, plotted.

        Raises
        ------
        TypeError
            Where the estimator has no `score_samples`.
        ValueError
            Where X has more than two columns, or NaN or inf.
        """
        check_matplotlib(f"{cls.__name__}.from_estimator")
        if not hasattr(estimator, "score_samples"):
            raise TypeError(
                f"{type(estimator).__name__} has no method score_samples, and {cls.__name__} "
                "shows log p of a density."
            )
        rows = rows_of(X)
        n_features = rows.shape[1]
        if n_features > 2:
            raise ValueError(
                f"X has {n_features} columns, and {cls.__name__} shows one or two. Use "
                "CornerDisplay, which shows more by pairs, or fit a density of two columns."
            )
        resolution = {1: 1000, 2: 150}[n_features] if grid_resolution is None else grid_resolution
        check_count("grid_resolution", resolution)
        ranges = [margins(column) for column in rows.T] if limits is None else limits
        grid = [np.linspace(low, high, resolution) for low, high in ranges]
        points = np.stack(np.meshgrid(*grid), axis=-1)
        log_p = estimator.score_samples(as_fitted(estimator, X, points.reshape(-1, n_features)))
        display = cls(
            grid=grid,
            density=np.exp(log_p).reshape(points.shape[:-1]),
            rows=rows if n_features == 1 else some_of(rows, subsample, random_state),
            feature_names=names_of(estimator, X, feature_names, n_features),
            masses=masses,
            name=type(estimator).__name__ if name is None else name,
        )
        return display.plot(ax, **kwargs)

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
        """Draw the density.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, optional
            Axes to draw on; None makes a figure.
        show_rows : bool, default=True
            Whether to draw the rows, too.
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
        self.ax_ = axes_or_new(ax)
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
            style = styled(StepPatch, hist, fill=True, facecolor=GREY, label=f"{len(rows):,} rows")
            self.histogram_ = self.ax_.stairs(heights, edges, **style)
        style = styled(Line2D, curve, color=BLUE, label="density")
        (self.curve_,) = self.ax_.plot(self.grid[0], self.density, **style)
        (name,) = self.feature_names or ("x0",)
        self.ax_.set(xlabel=name, ylabel=per_unit(name), ylim=(0, None))
        self.ax_.margins(x=0)
        self.legend_ = self.ax_.legend(frameon=False)

    def _plot_regions(self, rows: np.ndarray | None, regions: Style, scatter: Style) -> None:
        from matplotlib.collections import PathCollection
        from matplotlib.contour import QuadContourSet

        masses = np.sort(check_levels(self.masses, "masses"))
        self.levels_ = region_levels(self.density, masses)
        borders, which = np.unique(self.levels_, return_index=True)
        edges = [*borders, max(self.density.max(), borders[-1] * 2)]
        shades = {} if regions and "cmap" in regions else {"colors": _shades(len(borders))}
        style = styled(QuadContourSet, regions, **shades)
        self.regions_ = self.ax_.contourf(*self.grid, self.density, edges, **style)
        self.borders_ = self.ax_.contour(
            *self.grid, self.density, borders, colors="white", linewidths=0.8
        )
        handles, _ = self.regions_.legend_elements()
        for handle, k in zip(handles, which, strict=True):
            handle.set_label(f"{100 * masses[k]:.3g} %")
        handles.reverse()
        if rows is not None:
            style = styled(
                PathCollection, scatter, s=5, color=INK, alpha=0.6, linewidths=0,
                label=f"{len(rows):,} rows",
            )  # fmt: skip
            self.scatter_ = self.ax_.scatter(*rows.T, **style)
            handles.append(self.scatter_)
        x_name, y_name = self.feature_names or ("x0", "x1")
        self.ax_.set(xlabel=x_name, ylabel=y_name)
        beside = {"loc": "upper left", "bbox_to_anchor": (1, 1)}  # regions may fill the axes
        self.legend_ = self.ax_.legend(handles=handles, frameon=False, **beside)


def _shades(n: int) -> list[tuple[float, ...]]:
    """Blues for regions from the widest to the narrowest, light to dark."""
    from matplotlib import colormaps

    shades: list[tuple[float, ...]] = [colormaps["Blues"](x) for x in np.linspace(0.25, 0.75, n)]
    return shades
