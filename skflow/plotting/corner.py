"""CornerDisplay: data against draws from a density, column by column and pair by pair."""

from collections.abc import Iterator, Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils import check_random_state

from skflow.data.sampling import sample_rows
from skflow.plotting.plot_data import margins, names_of, rows_of, some_of
from skflow.plotting.style import BLUE, VERMILION, Style, check_matplotlib, styled

_MAX_COLUMNS = 12
_PANEL = 2.0  # inches


class CornerDisplay:
    """Every column and every pair of columns: data against draws from a density.

    On the diagonal are histograms of each column, below it scatters of each pair. Where the
    density is right, the two colours cannot be told apart. Use `from_estimator` to make one.

    Parameters
    ----------
    rows : ndarray of shape (n_samples, n_features)
        The data.
    samples : ndarray of shape (n_draws, n_features)
        Draws from the density.
    feature_names : sequence of str, optional
        Names of the columns.
    name : str, optional
        What stands above the picture.

    Attributes
    ----------
    axes_ : ndarray of shape (n_features, n_features)
        The axes; those above the diagonal are turned off.
    row_histograms_, sample_histograms_ : list of matplotlib.patches.StepPatch
        The histograms of each column, scaled to have the area 1.
    row_scatters_, sample_scatters_ : dict
        From pairs (i, j), i > j, to the points with column j across and column i upwards.
    legend_ : matplotlib.legend.Legend
        Which colour is what, and how many draws are outside the frames.
    figure_ : matplotlib.figure.Figure
        The figure.

    See Also
    --------
    DensityDisplay : One column or two, without draws.
    CalibrationDisplay : Whether the density is right, in one number for each row.

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

    def __init__(
        self,
        *,
        rows: np.ndarray,
        samples: np.ndarray,
        feature_names: Sequence[str] | None = None,
        name: str | None = None,
    ) -> None:
        self.rows = rows
        self.samples = samples
        self.feature_names = feature_names
        self.name = name

    @classmethod
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
        """Draw from a fitted density and plot the draws beside data.

        Parameters
        ----------
        estimator : object
            A fitted density estimator with ``sample(n)``.
        X : array-like of shape (n_samples, n_features)
            Rows, best those that the density has not seen.
        columns : sequence of int or str, optional
            Which columns to show, by index or by name; None shows all.
        feature_names : sequence of str, optional
            Names of the columns of X; None takes those of X where it is a frame, or
            those that the estimator was fitted with.
        subsample : int, optional
            Rows shown at most; None shows all. 1000 by default.
        n_samples : int, optional
            Draws; None takes as many as there are rows to show.
        random_state : int, RandomState instance or None, default=None
            Seed of the draws, and of the choice of rows.
        name : str, optional
            What stands above the picture; None takes the name of the estimator's class.
        ax : matplotlib.axes.Axes or ndarray of them, optional
            Axes whose place is divided, or (n_features, n_features) axes; None makes a figure.
        **kwargs : dict
            What `plot` takes.

        Returns
        -------
        CornerDisplay
            The display, plotted.

        Raises
        ------
        TypeError
            Where the estimator has no `sample`.
        ValueError
            Where X has NaN or inf, or there are more than 12 columns to show.
        """
        check_matplotlib(f"{cls.__name__}.from_estimator")
        if not hasattr(estimator, "sample"):
            raise TypeError(
                f"{type(estimator).__name__} has no method sample, and {cls.__name__} shows draws."
            )
        rows = rows_of(X)
        names = names_of(estimator, X, feature_names, rows.shape[1])
        shown = _indices(columns, names)
        rng = check_random_state(random_state)
        rows = some_of(rows, subsample, rng)
        samples = sample_rows(estimator, len(rows) if n_samples is None else n_samples, rng)
        display = cls(
            rows=rows[:, shown],
            samples=samples[:, shown],
            feature_names=[names[j] for j in shown],
            name=type(estimator).__name__ if name is None else name,
        )
        return display.plot(ax, **kwargs)

    def plot(
        self,
        ax: Any = None,
        *,
        bins: Any = "auto",
        rows_kwargs: Style = None,
        samples_kwargs: Style = None,
    ) -> Self:
        """Draw all panels.

        Parameters
        ----------
        ax : matplotlib.axes.Axes or ndarray of them, optional
            Axes whose place is divided, or (n_features, n_features) axes; None makes a figure.
        bins : int or str, default="auto"
            Bins of each histogram over the range of the rows, as in ``numpy.histogram``.
        rows_kwargs : dict, optional
            Passed to ``ax.scatter`` for the rows.
        samples_kwargs : dict, optional
            Passed to ``ax.scatter`` for the draws.

        Returns
        -------
        CornerDisplay
            The display itself.
        """
        check_matplotlib(f"{type(self).__name__}.plot")
        from matplotlib.collections import PathCollection

        d = self.rows.shape[1]
        self.axes_ = _panels(ax, d)
        self.figure_ = self.axes_[0, 0].figure
        common = {"s": 5, "alpha": 0.5, "linewidths": 0}
        dots = styled(PathCollection, rows_kwargs, color=VERMILION, **common)
        draws = styled(PathCollection, samples_kwargs, color=BLUE, **common)
        self._limits = [margins(column, share=0.1) for column in self.rows.T]
        self.row_histograms_: list[Any] = []
        self.sample_histograms_: list[Any] = []
        self.row_scatters_: dict[tuple[int, int], Any] = {}
        self.sample_scatters_: dict[tuple[int, int], Any] = {}
        for j in range(d):
            self._plot_column(j, bins, dots["color"], draws["color"])
        for i, j in _pairs(d):
            panel = self.axes_[i, j]
            self.row_scatters_[i, j] = panel.scatter(self.rows[:, j], self.rows[:, i], **dots)
            self.sample_scatters_[i, j] = panel.scatter(
                self.samples[:, j], self.samples[:, i], **draws
            )
            panel.set(xlim=self._limits[j], ylim=self._limits[i])
        self._label(dots["color"], draws["color"])
        return self

    def _plot_column(self, j: int, bins: Any, of_rows: Any, of_samples: Any) -> None:
        panel, column, drawn = self.axes_[j, j], self.rows[:, j], self.samples[:, j]
        heights, edges = np.histogram(column, bins, density=True)
        style = {"fill": True, "color": of_rows, "alpha": 0.4}
        self.row_histograms_.append(panel.stairs(heights, edges, **style))
        edges = _over(edges, *self._limits[j])
        of_all = len(drawn) * np.diff(edges)  # those outside the frame count, too
        heights = np.histogram(drawn, edges)[0] / of_all
        self.sample_histograms_.append(panel.stairs(heights, edges, color=of_samples))
        panel.set(xlim=self._limits[j], ylim=(0, None), yticks=[])

    def _label(self, of_rows: Any, of_samples: Any) -> None:
        from matplotlib.lines import Line2D

        d = len(self.axes_)
        names = self.feature_names or [f"x{j}" for j in range(d)]
        for j in range(d):
            self.axes_[-1, j].set_xlabel(names[j])
            self.axes_[j, 0].set_ylabel(names[j] if j else "density")
            for i in range(d):
                last, first = i == d - 1, j == 0 and i > 0
                self.axes_[i, j].tick_params(labelbottom=last, labelleft=first or d == 1)
        self.figure_.align_ylabels(self.axes_[:, 0])
        low, high = np.transpose(self._limits)
        n_outside = int(((self.samples < low) | (self.samples > high)).any(axis=1).sum())
        outside = f", {n_outside:,} outside" if n_outside else ""
        labels = [f"{len(self.rows):,} rows", f"{len(self.samples):,} draws{outside}"]
        handles = [
            Line2D([], [], color=color, linestyle="", marker="o", markersize=4, label=label)
            for color, label in zip((of_rows, of_samples), labels, strict=True)
        ]
        place = {"loc": "upper right"} if d > 1 else {"loc": "best"}
        self.legend_ = self.axes_[0, -1].legend(
            handles=handles, title=self.name, frameon=False, **place
        )


def _indices(columns: Sequence[int | str] | None, names: list[str]) -> list[int]:
    """Which columns are meant."""
    if columns is None:
        columns = range(len(names))
    if len(columns) > _MAX_COLUMNS:
        raise ValueError(
            f"{len(columns)} columns make {len(columns)} × {len(columns)} panels, too many to "
            f"read. Name {_MAX_COLUMNS} at most, as in columns={names[:3]}."
        )
    unknown = [c for c in columns if isinstance(c, str) and c not in names]
    if unknown:
        raise ValueError(f"X has no column {unknown[0]!r}; it has {', '.join(names)}.")
    return [names.index(c) if isinstance(c, str) else range(len(names))[c] for c in columns]


def _over(edges: np.ndarray, low: float, high: float) -> np.ndarray:
    """Bins of one width, and more of them until the whole frame is covered."""
    width = edges[1] - edges[0]
    below = np.arange(edges[0], low - width, -width)[:0:-1]
    above = np.arange(edges[-1], high + width, width)[1:]
    return np.concatenate([below, edges, above])


def _pairs(d: int) -> Iterator[tuple[int, int]]:
    return ((i, j) for i in range(d) for j in range(i))


def _panels(ax: Any, d: int) -> np.ndarray:
    """(d, d) axes, those above the diagonal off."""
    import matplotlib.pyplot as plt

    if ax is None:
        figure = plt.figure(figsize=(_PANEL * d + 1, _PANEL * d + 1), layout="constrained")
        panels = figure.subplots(d, d, squeeze=False)
    elif isinstance(ax, np.ndarray):
        if ax.shape != (d, d):
            raise ValueError(f"ax has the shape {ax.shape}, and {d} columns need {(d, d)} axes.")
        panels = ax
    else:
        ax.set_axis_off()
        panels = ax.get_subplotspec().subgridspec(d, d).subplots(squeeze=False)
    for i, j in _pairs(d):
        panels[j, i].set_axis_off()
    return panels
