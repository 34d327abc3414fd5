"""CalibrationDisplay: whether a density is right."""

from typing import Any, Literal, Self

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import binom
from sklearn.utils import check_random_state

from skflow.data.sampling import sample_rows
from skflow.data.validation import check_count, check_levels
from skflow.plotting.confidence_bands import uniform_band
from skflow.plotting.plot_data import as_fitted
from skflow.plotting.style import BLUE, GREY, INK, Style, axes_or_new, check_matplotlib, styled

Kind = Literal["qq", "histogram"]


class CalibrationDisplay:
    """Whether a density is right, by rows that it has not seen.

    Of a regressor: each y is put through the distribution function that was forecast for it,
    P(Y ≤ y | x). If the forecasts are right, these probabilities are uniform between 0 and 1.
    Of a density: the log p of rows is compared with the log p of the density's own draws. If
    the density is right, both are distributed alike.

    Either as quantiles against quantiles, on the diagonal if all is right, or as a histogram
    of the probabilities, flat if all is right. The band is where a right model would be, the
    whole of it with the probability `coverage`. Use `from_estimator` to make one.

    Parameters
    ----------
    values : ndarray of shape (n_samples,)
        Probabilities P(Y ≤ y | x), or log p of rows.
    draws : ndarray of shape (n_draws,), optional
        Log p of draws. None where values are probabilities.
    coverage : float, default=0.95
        The probability that a right model stays within the band.
    name : str, optional
        What stands above the picture.

    Attributes
    ----------
    probabilities_ : ndarray of shape (n_samples,)
        The values as probabilities, in ascending order: what is uniform if all is right. For
        log p, the share of draws below that of each row.
    inside_band_ : bool
        Whether all of the quantiles are within the band.
    line_ : matplotlib.lines.Line2D or None
        The quantiles; ``kind="qq"``.
    diagonal_ : matplotlib.lines.Line2D or None
        Where they should be.
    histogram_ : matplotlib.patches.StepPatch or None
        How many rows are in each bin; ``kind="histogram"``.
    expected_ : matplotlib.lines.Line2D or None
        How many should be.
    band_ : matplotlib.collections.PolyCollection or matplotlib.patches.Rectangle
        Where a right model would be.
    ax_ : matplotlib.axes.Axes
        The axes.
    figure_ : matplotlib.figure.Figure
        The figure.

    See Also
    --------
    skflow.metrics.neg_crps : The quality of forecasts in one number.
    CornerDisplay : Draws beside data.

    Notes
    -----
    Probabilities heaped at 0 and 1 (a histogram like a U, a line flatter than the diagonal)
    mean forecasts that are too narrow; heaped in the middle, too wide. Rows whose log p is
    below the diagonal are less likely than the density's own draws: it is too sure of itself.
    A model can be calibrated and yet know little; compare log-likelihoods, too.

    References
    ----------
    .. [1] Gneiting, Balabdaoui & Raftery (2007). Probabilistic forecasts, calibration and
       sharpness. Journal of the Royal Statistical Society B 69.
    .. [2] Aldor-Noiman, Brown, Buja, Rolke & Stine (2013). The power to see: a new graphical
       test of normality. The American Statistician 67.

    Examples
    --------
    >>> import numpy as np
    >>> from scipy.stats import norm
    >>> from skflow.plotting import CalibrationDisplay
    >>> y = np.random.default_rng(2).normal(size=500)
    >>> display = CalibrationDisplay.from_predictions(norm.cdf(y))
    >>> display.inside_band_
    True
    >>> CalibrationDisplay.from_predictions(norm.cdf(y, scale=0.5)).inside_band_
    False
    """

    def __init__(
        self,
        *,
        values: np.ndarray,
        draws: np.ndarray | None = None,
        coverage: float = 0.95,
        name: str | None = None,
    ) -> None:
        self.values = values
        self.draws = draws
        self.coverage = coverage
        self.name = name

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: ArrayLike,
        y: ArrayLike | None = None,
        *,
        n_samples: int = 10_000,
        random_state: int | np.random.RandomState | None = None,
        coverage: float = 0.95,
        name: str | None = None,
        ax: Any = None,
        **kwargs: Any,
    ) -> Self:
        """Score rows that the estimator has not seen, and plot.

        Parameters
        ----------
        estimator : object
            A fitted regressor with ``cdf(X, y)``, or a fitted density with
            ``score_samples(X)`` and ``sample(n)``.
        X : array-like of shape (n_samples, n_features)
            Rows that it was not fitted on.
        y : array-like of shape (n_samples,), optional
            Targets, for a regressor.
        n_samples : int, default=10_000
            Draws from a density. The band is wider where they are few.
        random_state : int, RandomState instance or None, default=None
            Seed of the draws.
        coverage : float, default=0.95
            The probability that a right model stays within the band.
        name : str, optional
            What stands above the picture; None takes the name of the estimator's class.
        ax : matplotlib.axes.Axes, optional
            Axes to draw on; None makes a figure.
        **kwargs : dict
            What `plot` takes.

        Returns
        -------
        CalibrationDisplay
            The display, plotted.

        Raises
        ------
        TypeError
            Where the estimator has not the methods named above, or y is missing.
        """
        check_matplotlib(f"{cls.__name__}.from_estimator")
        draws = None
        if y is not None and hasattr(estimator, "cdf"):
            values = estimator.cdf(X, y)
        elif hasattr(estimator, "score_samples") and hasattr(estimator, "sample"):
            values = estimator.score_samples(X)
            rng = check_random_state(random_state)
            drawn = sample_rows(estimator, check_count("n_samples", n_samples), rng)
            draws = estimator.score_samples(as_fitted(estimator, X, drawn))
        else:
            raise TypeError(
                f"{cls.__name__} needs a regressor with the method cdf, and then y, or a density "
                f"with score_samples and sample; {type(estimator).__name__} is neither"
                f"{', for y is None' if hasattr(estimator, 'cdf') else ''}."
            )
        name = type(estimator).__name__ if name is None else name
        return cls.from_predictions(values, draws, coverage=coverage, name=name, ax=ax, **kwargs)

    @classmethod
    def from_predictions(
        cls,
        values: ArrayLike,
        draws: ArrayLike | None = None,
        *,
        coverage: float = 0.95,
        name: str | None = None,
        ax: Any = None,
        **kwargs: Any,
    ) -> Self:
        """Plot probabilities, or log p of rows and of draws, from any source.

        Parameters
        ----------
        values : array-like of shape (n_samples,)
            Probabilities P(Y ≤ y | x); or log p of rows, where draws are given.
        draws : array-like of shape (n_draws,), optional
            Log p of draws from the density.
        coverage : float, default=0.95
            The probability that a right model stays within the band.
        name : str, optional
            What stands above the picture.
        ax : matplotlib.axes.Axes, optional
            Axes to draw on; None makes a figure.
        **kwargs : dict
            What `plot` takes.

        Returns
        -------
        CalibrationDisplay
            The display, plotted.

        Raises
        ------
        ValueError
            Where probabilities are not between 0 and 1, or log p is NaN.
        """
        check_matplotlib(f"{cls.__name__}.from_predictions")
        check_levels(coverage, "coverage")
        values = _checked(values, "values")
        if draws is not None:
            draws = _checked(draws, "draws")
        elif values.min() < 0 or values.max() > 1:
            raise ValueError(
                f"Without draws, values are probabilities, and {values.min():.3g} to "
                f"{values.max():.3g} are not. Pass the log p of draws as draws to compare log p."
            )
        display = cls(values=values, draws=draws, coverage=coverage, name=name)
        return display.plot(ax, **kwargs)

    def plot(
        self,
        ax: Any = None,
        *,
        kind: Kind = "qq",
        bins: int = 20,
        line_kwargs: Style = None,
        histogram_kwargs: Style = None,
        band_kwargs: Style = None,
    ) -> Self:
        """Draw quantiles against quantiles, or the histogram.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, optional
            Axes to draw on; None makes a figure.
        kind : {"qq", "histogram"}, default="qq"
            Which of the two.
        bins : int, default=20
            Bins of the histogram.
        line_kwargs : dict, optional
            Passed to ``ax.plot`` for the quantiles.
        histogram_kwargs : dict, optional
            Passed to ``ax.stairs``.
        band_kwargs : dict, optional
            Passed to ``ax.fill_between`` or ``ax.axhspan``.

        Returns
        -------
        CalibrationDisplay
            The display itself.
        """
        check_matplotlib(f"{type(self).__name__}.plot")
        if kind not in ("qq", "histogram"):
            raise ValueError(f"kind={kind!r} must be 'qq' or 'histogram'.")
        self.ax_ = axes_or_new(ax)
        self.figure_ = self.ax_.figure
        self.probabilities_ = self._probabilities()
        self.inside_band_ = self._is_inside_band()
        self.line_ = self.diagonal_ = self.histogram_ = self.expected_ = None
        if kind == "qq":
            self._plot_quantiles(line_kwargs, band_kwargs)
        else:
            self._plot_histogram(check_count("bins", bins), histogram_kwargs, band_kwargs)
        self.ax_.set_title(self.name or "")
        self.ax_.legend(frameon=False, loc="upper left" if kind == "qq" else "upper right")
        return self

    def _plot_quantiles(self, line: Style, band: Style) -> None:
        from matplotlib.collections import PolyCollection
        from matplotlib.lines import Line2D

        at, lower, upper = map(self._quantile, self._band())
        style = styled(
            PolyCollection, band, color=GREY, alpha=0.5, linewidth=0, label=self._says()
        )
        self.band_ = self.ax_.fill_between(at, lower, upper, **style)
        n = len(self.values)
        x = self._quantile(np.arange(1, n + 1) / (n + 1))
        ends = [x[0], x[-1]] if self.draws is not None else [0, 1]
        (self.diagonal_,) = self.ax_.plot(ends, ends, color=INK, linestyle=":", linewidth=1)
        style = styled(Line2D, line, color=BLUE, label=f"{n:,} rows")
        (self.line_,) = self.ax_.plot(x, np.sort(self.values), **style)
        if self.draws is None:
            self.ax_.set(xlabel="expected P(Y ≤ y | x)", ylabel="observed P(Y ≤ y | x)")
            self.ax_.set(aspect="equal", xlim=(0, 1), ylim=(0, 1))
        else:
            self.ax_.set(xlabel="log p of draws, nats", ylabel="log p of rows, nats")

    def _plot_histogram(self, bins: int, histogram: Style, band: Style) -> None:
        from matplotlib.patches import Rectangle, StepPatch

        n = len(self.values)
        # as many bins as there are chances to be outside
        chance = (1 - self.coverage) / (2 * bins)
        lower, upper = binom.ppf([chance, 1 - chance], n, 1 / bins)
        look = {"color": GREY, "alpha": 0.5, "linewidth": 0, "label": self._says()}
        style = styled(Rectangle, band, **look)
        self.band_ = self.ax_.axhspan(lower, upper, **style)
        self.expected_ = self.ax_.axhline(n / bins, color=INK, linestyle=":", linewidth=1)
        counts, edges = np.histogram(self.probabilities_, bins, range=(0, 1))
        style = styled(StepPatch, histogram, color=BLUE, linewidth=1.5, label=f"{n:,} rows")
        self.histogram_ = self.ax_.stairs(counts, edges, **style)
        what = "P(Y ≤ y | x)" if self.draws is None else "share of draws with a lower p"
        highest = 1.3 * max(upper, counts.max())  # with room for the legend
        self.ax_.set(xlabel=what, ylabel="rows", xlim=(0, 1), ylim=(0, highest))

    def _probabilities(self) -> np.ndarray:
        ordered = np.sort(self.values)
        if self.draws is None:
            return ordered
        draws = np.sort(self.draws)
        below = [np.searchsorted(draws, ordered, side) for side in ("left", "right")]
        return np.mean(below, axis=0) / len(draws)

    def _is_inside_band(self) -> bool:
        at, lower, upper = self._band()
        n = len(self.values)
        ours = np.interp(at, np.arange(1, n + 1) / (n + 1), self.probabilities_)
        return bool(((ours >= lower) & (ours <= upper)).all())

    def _band(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Probabilities and the band there; draws that are few make it wider."""
        n = len(self.values)
        if self.draws is not None:
            n = max(1, round(1 / (1 / n + 1 / len(self.draws))))
        return uniform_band(n, self.coverage)

    def _quantile(self, probabilities: np.ndarray) -> np.ndarray:
        """What a right model's values are at probabilities."""
        if self.draws is None:
            return probabilities
        return np.quantile(self.draws, probabilities)

    def _says(self) -> str:
        return f"a right model, {100 * self.coverage:g} %"


def _checked(values: ArrayLike, name: str) -> np.ndarray:
    array = np.asarray(values, dtype=float)
    if array.ndim != 1 or not len(array) or np.isnan(array).any():
        raise ValueError(f"{name} must be numbers in one dimension, and none of them NaN.")
    return array
