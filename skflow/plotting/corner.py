"""CornerDisplay: data and samples from a density, by columns and pairs of columns."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils import check_random_state

from skflow.data.sample_from_density import sample_rows
from skflow.plotting.column_axis import (
    ColumnAxis,
    column_axis,
    column_supports,
    count_label,
)
from skflow.plotting.plot_data import (
    check_has_method,
    check_rows,
    resolve_feature_names,
    subsample_rows,
)
from skflow.plotting.style import BLUE, VERMILION, Style, check_matplotlib, scatter_style
from skflow.runtime.own_settings import own_settings

_MAX_COLUMNS = 12
_PANEL_SIZE = 2.0  # inches
_MAX_TICKS = 4
_PADDING = 0.1  # of the range of the rows, on either side


class CornerDisplay:
    """Data and samples from a density, for each column and each pair of columns.

    Histograms of each column are on the diagonal, scatter plots of each pair below it. If the
    density is accurate, data and samples look alike. Use `from_estimator` to create a display.

    Axes end at declared bounds and leave out values that are far from all others. A column over
    decades or with heavy tails has a logarithmic axis, a symmetric one if there are zeros or
    both signs; its histogram is the density per unit of that axis, so that areas are shares. The
    bins of a column that was declared as integer are around integers.

    Parameters
    ----------
    rows : ndarray of shape (n_samples, n_features)
        The data.
    samples : ndarray of shape (n_draws, n_features)
        Samples from the density.
    feature_names : sequence of str, optional
        Names of the columns.
    name : str, optional
        Title of the legend.
    axes : sequence of ColumnAxis, optional
        Scale, limits and support of each column, as ``from_estimator`` finds them; None finds
        them from the rows alone.

    Attributes
    ----------
    axes_ : ndarray of shape (n_features, n_features)
        The axes; those above the diagonal are turned off.
    row_histograms_, sample_histograms_ : list of matplotlib.patches.StepPatch
        The histograms of each column, normalized to area 1 on the axis.
    row_scatters_, sample_scatters_ : dict
        The scatter plots of pairs (i, j), i > j, with column j on the horizontal and column i
        on the vertical axis.
    legend_ : matplotlib.legend.Legend
        The legend, with the numbers of rows and samples outside the axis limits.
    figure_ : matplotlib.figure.Figure
        The figure.

    See Also
    --------
    DensityDisplay : The density of one or two columns.
    CalibrationDisplay : Whether the density is calibrated, by log p of each row.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.mixture import GaussianMixture
    >>> from skflow.plotting import CornerDisplay
    >>> X = load_iris(as_frame=True).data
    >>> density = GaussianMixture(3, random_state=0).fit(X)
    >>> display = CornerDisplay.from_estimator(density, X, random_state=0)
    >>> display.axes_.shape, display.axes_[3, 0].get_xlabel()
    ((4, 4), 'sepal length (cm)')
    """

    __module__ = "skflow.plotting"

    def __init__(
        self,
        *,
        rows: np.ndarray,
        samples: np.ndarray,
        feature_names: Sequence[str] | None = None,
        name: str | None = None,
        axes: Sequence[ColumnAxis] | None = None,
    ) -> None:
        self.rows = rows
        self.samples = samples
        self.feature_names = feature_names
        self.name = name
        self.axes = axes

    @classmethod
    @own_settings()
    def from_estimator(
        cls,
        estimator: Any,
        X: ArrayLike,
        *,
        columns: Sequence[int | str] | None = None,
        feature_names: Sequence[str] | None = None,
        subsample: int | None = 1000,
        n_samples: int | None = None,
        random_state: int | np.random.RandomState | None = None,
        name: str | None = None,
        ax: Any = None,
        **kwargs: Any,
    ) -> Self:
        """Sample from a fitted density and plot the samples with data.

        Parameters
        ----------
        estimator : object
            A fitted density estimator with ``sample(n)``.
        X : array-like of shape (n_samples, n_features)
            Data, preferably held out from the fit.
        columns : sequence of int or str, optional
            The columns to plot, by index or by name; None plots all.
        feature_names : sequence of str, optional
            Names of the columns of X; None uses those of X if it is a dataframe, else those
            seen by the estimator in `fit`.
        subsample : int, optional
            Maximum number of rows of X to plot; None plots all. 1000 by default.
        n_samples : int, optional
            Number of samples; None uses the number of rows that are plotted.
        random_state : int, RandomState instance or None, default=None
            Seed of the samples and of the subsample.
        name : str, optional
            Title of the legend; None uses the class name of the estimator.
        ax : matplotlib.axes.Axes or ndarray of them, optional
            Axes to subdivide, or axes of shape (n_features, n_features); None creates a new
            figure.
        **kwargs : dict
            Keyword arguments passed to `plot`.

        Returns
        -------
        CornerDisplay
            The display, after `plot`.

        Raises
        ------
        TypeError
            If the estimator has no `sample`.
        ValueError
            If X contains NaN or inf, or there are more than 12 columns to plot.
        """
        check_matplotlib(f"{cls.__name__}.from_estimator")
        check_has_method(estimator, "sample", cls.__name__)
        rows = check_rows(X)
        names = resolve_feature_names(estimator, X, feature_names, rows.shape[1])
        selected = _column_indices(columns, names)
        rng = check_random_state(random_state)
        supports = column_supports(estimator, rows.shape[1])
        rows = np.column_stack([s.wrapped(x) for s, x in zip(supports, rows.T, strict=True)])
        axes = [column_axis(rows[:, j], supports[j], padding=_PADDING) for j in selected]
        rows = subsample_rows(rows, subsample, rng)
        samples = sample_rows(estimator, len(rows) if n_samples is None else n_samples, rng)
        samples = np.column_stack([s.wrapped(x) for s, x in zip(supports, samples.T, strict=True)])
        display = cls(
            rows=rows[:, selected],
            samples=samples[:, selected],
            feature_names=[names[j] for j in selected],
            name=type(estimator).__name__ if name is None else name,
            axes=axes,
        )
        return display.plot(ax, **kwargs)

    @own_settings()
    def plot(
        self,
        ax: Any = None,
        *,
        bins: Any = "auto",
        rows_kwargs: Style = None,
        samples_kwargs: Style = None,
    ) -> Self:
        """Plot all panels.

        Parameters
        ----------
        ax : matplotlib.axes.Axes or ndarray of them, optional
            Axes to subdivide, or axes of shape (n_features, n_features); None creates a new
            figure.
        bins : int or str, default="auto"
            Bins of each histogram over the range of the data, as in ``numpy.histogram``, evenly
            spaced on the axis. "auto" has one for each integer if the data are few integers.
        rows_kwargs : dict, optional
            Passed to ``ax.scatter`` for the data.
        samples_kwargs : dict, optional
            Passed to ``ax.scatter`` for the samples.

        Returns
        -------
        CornerDisplay
            The display itself.
        """
        check_matplotlib(f"{type(self).__name__}.plot")
        d = self.rows.shape[1]
        self.axes_ = _panels(ax, d)
        self.figure_ = self.axes_[0, 0].figure
        defaults = {"s": 5, "alpha": 0.5, "linewidths": 0}
        row_style = scatter_style(rows_kwargs, VERMILION, **defaults)
        sample_style = scatter_style(samples_kwargs, BLUE, **defaults)
        self._axes = self.axes or [column_axis(x, padding=_PADDING) for x in self.rows.T]
        colors = _single_color(row_style, VERMILION), _single_color(sample_style, BLUE)
        self._plot_histograms(bins, *colors)
        self._plot_scatters(row_style, sample_style)
        self._label_axes()
        self._add_legend(*colors)
        return self

    def _plot_histograms(self, bins: Any, row_color: Any, sample_color: Any) -> None:
        self.row_histograms_: list[Any] = []
        self.sample_histograms_: list[Any] = []
        row_style = {"fill": True, "color": row_color, "alpha": 0.4}
        for j, axis in enumerate(self._axes):
            panel = self.axes_[j, j]
            edges = axis.bin_edges(self.rows[:, j], bins)
            heights = _shares_per_axis_unit(axis, self.rows[:, j], edges)
            self.row_histograms_.append(panel.stairs(heights, edges, **row_style))
            # samples outside the axis limits count, too
            edges = axis.extended(edges)
            heights = _shares_per_axis_unit(axis, self.samples[:, j], edges)
            self.sample_histograms_.append(panel.stairs(heights, edges, color=sample_color))
            axis.apply(panel, "x", _MAX_TICKS)
            panel.set(ylim=(0, None), yticks=[])

    def _plot_scatters(self, row_style: Any, sample_style: Any) -> None:
        self.row_scatters_: dict[tuple[int, int], Any] = {}
        self.sample_scatters_: dict[tuple[int, int], Any] = {}
        rows, samples = self.rows.T, self.samples.T
        for i, j in _pairs(len(self.axes_)):
            panel = self.axes_[i, j]
            self.row_scatters_[i, j] = panel.scatter(rows[j], rows[i], **row_style)
            self.sample_scatters_[i, j] = panel.scatter(samples[j], samples[i], **sample_style)
            self._axes[j].apply(panel, "x", _MAX_TICKS)
            self._axes[i].apply(panel, "y", _MAX_TICKS)

    def _label_axes(self) -> None:
        d = len(self.axes_)
        names = self.feature_names or [f"x{j}" for j in range(d)]
        for j in range(d):
            self.axes_[-1, j].set_xlabel(names[j])
            self.axes_[j, 0].set_ylabel(names[j] if j else "density")
            for i in range(d):
                last, first = i == d - 1, j == 0 and i > 0
                self.axes_[i, j].tick_params(labelbottom=last, labelleft=first or d == 1)
        self.figure_.align_ylabels(self.axes_[:, 0])

    def _add_legend(self, row_color: Any, sample_color: Any) -> None:
        from matplotlib.lines import Line2D

        labels = [
            count_label(self.rows, "rows", self._axes),
            count_label(self.samples, "samples", self._axes),
        ]
        handles = [
            Line2D([], [], color=color, linestyle="", marker="o", markersize=4, label=label)
            for color, label in zip((row_color, sample_color), labels, strict=True)
        ]
        loc = "upper right" if len(self.axes_) > 1 else "best"
        self.legend_ = self.axes_[0, -1].legend(
            handles=handles, title=self.name, frameon=False, loc=loc
        )


def _column_indices(columns: Sequence[int | str] | None, names: list[str]) -> list[int]:
    if columns is None:
        columns = range(len(names))
    if len(columns) > _MAX_COLUMNS:
        raise ValueError(
            f"{len(columns)} columns make {len(columns)} × {len(columns)} panels, which is too "
            f"many to read. Select at most {_MAX_COLUMNS}, for example columns={names[:3]}."
        )
    unknown = [c for c in columns if isinstance(c, str) and c not in names]
    if unknown:
        raise ValueError(f"X has no column {unknown[0]!r}; it has {', '.join(names)}.")
    return [names.index(c) if isinstance(c, str) else range(len(names))[c] for c in columns]


def _shares_per_axis_unit(axis: ColumnAxis, values: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """Heights of a histogram whose area is 1 on the axis, also if that is logarithmic."""
    widths = np.diff(axis.positions(edges))
    heights: np.ndarray = np.histogram(values, edges)[0] / widths / len(values)
    return heights


def _single_color(style: Mapping[str, Any], default: str) -> Any:
    """The color of a scatter plot, or the default if its points have different ones."""
    from matplotlib.colors import is_color_like

    color = style.get("color", style.get("c"))
    return color if is_color_like(color) else default


def _pairs(d: int) -> Iterator[tuple[int, int]]:
    return ((i, j) for i in range(d) for j in range(i))


def _panels(ax: Any, d: int) -> np.ndarray:
    """Axes of shape (d, d); those above the diagonal are turned off."""
    import matplotlib.pyplot as plt

    if ax is None:
        width = _PANEL_SIZE * d + 1
        figure = plt.figure(figsize=(width, width), layout="constrained")
        panels = figure.subplots(d, d, squeeze=False)
    elif isinstance(ax, np.ndarray):
        if ax.shape != (d, d):
            raise ValueError(f"ax has shape {ax.shape}, but {d} columns require {(d, d)} axes.")
        panels = ax
    else:
        ax.set_axis_off()
        panels = ax.get_subplotspec().subgridspec(d, d).subplots(squeeze=False)
    for i, j in _pairs(d):
        panels[j, i].set_axis_off()
    return panels
