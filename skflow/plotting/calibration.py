"""CalibrationDisplay: whether a density or forecasts are calibrated."""

from typing import Any, Literal, Self

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import binom
from sklearn.utils import check_random_state

from skflow.data.sample_from_density import sample_rows
from skflow.data.validation import check_count, check_levels
from skflow.plotting.column_axis import column_supports
from skflow.plotting.confidence_bands import uniform_band
from skflow.plotting.plot_data import as_fitted_type
from skflow.plotting.style import BLUE, GREY, INK, Style, check_matplotlib, get_axes, merge_style
from skflow.runtime.own_settings import own_settings

Kind = Literal["qq", "histogram"]


class CalibrationDisplay:
    """Calibration of a density estimator or of probabilistic forecasts, on held-out data.

    For a regressor, the probability integral transform P(Y ≤ y | x) of each target is computed
    from its forecast. If the forecasts are calibrated, these probabilities are uniform between
    0 and 1. For a target that was declared as integer, they are replaced by random numbers
    between P(Y < y | x) and P(Y ≤ y | x), which are uniform then [3]_. For a density, log p of
    the data is compared with log p of samples from the density. If the density is correct, both
    have the same distribution.

    The display is a Q–Q plot, which is the diagonal for a calibrated model, or a histogram of
    the probabilities, which is flat. The band contains the whole curve of a calibrated model
    with probability `coverage`. Use `from_estimator` to create a display.

    Parameters
    ----------
    values : ndarray of shape (n_samples,)
        Probabilities P(Y ≤ y | x), or log p of the data.
    draws : ndarray of shape (n_draws,), optional
        Log p of samples from the density; None if values are probabilities.
    coverage : float, default=0.95
        The probability that a calibrated model stays within the band.
    name : str, optional
        Title of the plot.

    Attributes
    ----------
    probabilities_ : ndarray of shape (n_samples,)
        The values as probabilities in ascending order, uniform for a calibrated model. For
        log p, the fraction of samples from the density with a lower log p; equal values are
        spread evenly over the fractions that they share.
    inside_band_ : bool
        Whether all quantiles are within the band.
    line_ : matplotlib.lines.Line2D or None
        The observed quantiles; ``kind="qq"``.
    diagonal_ : matplotlib.lines.Line2D or None
        The expected quantiles; ``kind="qq"``.
    histogram_ : matplotlib.patches.StepPatch or None
        The number of rows in each bin; ``kind="histogram"``.
    expected_ : matplotlib.lines.Line2D or None
        The expected number in each bin; ``kind="histogram"``.
    band_ : matplotlib.collections.PolyCollection or matplotlib.patches.Rectangle
        The band of a calibrated model.
    ax_ : matplotlib.axes.Axes
        The axes.
    figure_ : matplotlib.figure.Figure
        The figure.

    See Also
    --------
    skflow.metrics.neg_crps : A score of probabilistic forecasts.
    CornerDisplay : Samples from a density with data.

    Notes
    -----
    Probabilities concentrated at 0 and 1 (a U-shaped histogram) indicate forecasts that are too
    narrow; concentrated in the middle, too wide. If log p of the data is below the diagonal,
    the data are less likely than samples from the density, which is then overconfident. A
    calibrated model may still be uninformative, so compare log-likelihoods, too.

    References
    ----------
    .. [1] Gneiting, Balabdaoui & Raftery (2007). Probabilistic forecasts, calibration and
       sharpness. Journal of the Royal Statistical Society B 69.
    .. [2] Aldor-Noiman, Brown, Buja, Rolke & Stine (2013). The power to see: a new graphical
       test of normality. The American Statistician 67.
    .. [3] Czado, Gneiting & Held (2009). Predictive model assessment for count data. Biometrics
       65.

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

    __module__ = "skflow.plotting"

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
    @own_settings()
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
        """Evaluate an estimator on held-out data, and plot.

        Parameters
        ----------
        estimator : object
            A fitted regressor with ``cdf(X, y)``, or a fitted density with
            ``score_samples(X)`` and ``sample(n)``.
        X : array-like of shape (n_samples, n_features)
            Held-out data.
        y : array-like of shape (n_samples,), optional
            Targets, for a regressor.
        n_samples : int, default=10_000
            Number of samples from a density. The band is wider for fewer samples.
        random_state : int, RandomState instance or None, default=None
            Seed of the samples, and of the random numbers for integer targets.
        coverage : float, default=0.95
            The probability that a calibrated model stays within the band.
        name : str, optional
            Title of the plot; None uses the class name of the estimator.
        ax : matplotlib.axes.Axes, optional
            Axes to plot on; None creates a new figure.
        **kwargs : dict
            Keyword arguments passed to `plot`.

        Returns
        -------
        CalibrationDisplay
            The display, after `plot`.

        Raises
        ------
        TypeError
            If the estimator lacks the methods named above, or y is missing.
        """
        check_matplotlib(f"{cls.__name__}.from_estimator")
        draws = None
        if y is not None and hasattr(estimator, "cdf"):
            values = _probability_integral_transform(estimator, X, y, random_state)
        elif hasattr(estimator, "score_samples") and hasattr(estimator, "sample"):
            values = estimator.score_samples(X)
            draws = _log_p_of_samples(estimator, X, n_samples, random_state)
        else:
            raise TypeError(
                f"{cls.__name__} requires a regressor with the method cdf, together with y, or a "
                f"density with score_samples and sample; {type(estimator).__name__} is neither"
                f"{', because y is None' if hasattr(estimator, 'cdf') else ''}."
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
        """Plot probabilities, or log p of data and of samples, from any source.

        Parameters
        ----------
        values : array-like of shape (n_samples,)
            Probabilities P(Y ≤ y | x), or log p of the data if draws are passed.
        draws : array-like of shape (n_draws,), optional
            Log p of samples from the density.
        coverage : float, default=0.95
            The probability that a calibrated model stays within the band.
        name : str, optional
            Title of the plot.
        ax : matplotlib.axes.Axes, optional
            Axes to plot on; None creates a new figure.
        **kwargs : dict
            Keyword arguments passed to `plot`.

        Returns
        -------
        CalibrationDisplay
            The display, after `plot`.

        Raises
        ------
        ValueError
            If probabilities are not between 0 and 1, or log p is NaN.
        """
        check_matplotlib(f"{cls.__name__}.from_predictions")
        check_levels(coverage, "coverage")
        values = _check_values(values, "values")
        if draws is not None:
            draws = _check_values(draws, "draws")
        elif values.min() < 0 or values.max() > 1:
            raise ValueError(
                f"Without draws, values must be probabilities between 0 and 1, but they range "
                f"from {values.min():.3g} to {values.max():.3g}. To compare log-likelihoods, pass "
                "log p of samples from the density as draws."
            )
        display = cls(values=values, draws=draws, coverage=coverage, name=name)
        return display.plot(ax, **kwargs)

    @own_settings()
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
        """Plot the quantiles or the histogram.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, optional
            Axes to plot on; None creates a new figure.
        kind : {"qq", "histogram"}, default="qq"
            Q–Q plot, or histogram of the probabilities.
        bins : int, default=20
            Number of bins of the histogram.
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
        self.ax_ = get_axes(ax)
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

        x_band, lower, upper = map(self._quantile, self._band())
        style = self._band_style(PolyCollection, band)
        self.band_ = self.ax_.fill_between(x_band, lower, upper, **style)
        n = len(self.values)
        x = self._quantile(np.arange(1, n + 1) / (n + 1))
        ends = [x[0], x[-1]] if self.draws is not None else [0, 1]
        (self.diagonal_,) = self.ax_.plot(ends, ends, color=INK, linestyle=":", linewidth=1)
        style = merge_style(Line2D, line, color=BLUE, label=f"{n:,} rows")
        (self.line_,) = self.ax_.plot(x, np.sort(self.values), **style)
        if self.draws is None:
            self.ax_.set(xlabel="expected P(Y ≤ y | x)", ylabel="observed P(Y ≤ y | x)")
            self.ax_.set(aspect="equal", xlim=(0, 1), ylim=(0, 1))
        else:
            self.ax_.set(xlabel="log p of model samples, nats", ylabel="log p of rows, nats")

    def _plot_histogram(self, bins: int, histogram: Style, band: Style) -> None:
        from matplotlib.patches import Rectangle, StepPatch

        n = len(self.values)
        tail = (1 - self.coverage) / (2 * bins)  # Bonferroni correction for the number of bins
        lower, upper = binom.ppf([tail, 1 - tail], n, 1 / bins)
        self.band_ = self.ax_.axhspan(lower, upper, **self._band_style(Rectangle, band))
        self.expected_ = self.ax_.axhline(n / bins, color=INK, linestyle=":", linewidth=1)
        counts, edges = np.histogram(self.probabilities_, bins, range=(0, 1))
        style = merge_style(StepPatch, histogram, color=BLUE, linewidth=1.5, label=f"{n:,} rows")
        self.histogram_ = self.ax_.stairs(counts, edges, **style)
        of_samples = "fraction of model samples with lower p"
        xlabel = "P(Y ≤ y | x)" if self.draws is None else of_samples
        top = 1.3 * max(upper, counts.max())  # leaves room for the legend
        self.ax_.set(xlabel=xlabel, ylabel="rows", xlim=(0, 1), ylim=(0, top))

    def _probabilities(self) -> np.ndarray:
        ordered = np.sort(self.values)
        if self.draws is None:
            return ordered
        draws = np.sort(self.draws)
        below, up_to = (np.searchsorted(draws, ordered, side) for side in ("left", "right"))
        _, first, index, count = np.unique(
            ordered, return_index=True, return_inverse=True, return_counts=True
        )
        place = (np.arange(len(ordered)) - first[index] + 0.5) / count[index]
        fractions: np.ndarray = (below + place * (up_to - below)) / len(draws)
        return fractions

    def _is_inside_band(self) -> bool:
        expected, lower, upper = self._band()
        n = len(self.values)
        observed = np.interp(expected, np.arange(1, n + 1) / (n + 1), self.probabilities_)
        return bool(((observed >= lower) & (observed <= upper)).all())

    def _band(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Expected probabilities, and the bounds of the band; wider for fewer draws."""
        n = len(self.values)
        if self.draws is not None:
            n = max(1, round(1 / (1 / n + 1 / len(self.draws))))
        return uniform_band(n, self.coverage)

    def _quantile(self, probabilities: np.ndarray) -> np.ndarray:
        """Quantiles of the values of a calibrated model."""
        if self.draws is None:
            return probabilities
        return np.quantile(self.draws, probabilities)

    def _band_style(self, artist: type, style: Style) -> dict[str, Any]:
        label = f"calibrated model, {100 * self.coverage:g} %"
        return merge_style(artist, style, color=GREY, alpha=0.5, linewidth=0, label=label)


def _log_p_of_samples(estimator: Any, X: Any, n_samples: int, random_state: Any) -> np.ndarray:
    rng = check_random_state(random_state)
    samples = sample_rows(estimator, check_count("n_samples", n_samples), rng)
    log_p: np.ndarray = estimator.score_samples(as_fitted_type(estimator, X, samples))
    return log_p


def _probability_integral_transform(
    regressor: Any, X: Any, y: Any, random_state: Any
) -> np.ndarray:
    """P(Y ≤ y | x), randomized if the target is integer (Czado, Gneiting & Held 2009)."""
    up_to: np.ndarray = regressor.cdf(X, y)
    (support, *_) = column_supports(regressor, 1)
    if not support.integer:
        return up_to
    before = np.asarray(y, dtype=float) - 1
    below = np.where(before.ravel() < support.low, 0.0, regressor.cdf(X, before))
    uniform = check_random_state(random_state).uniform(size=len(up_to))
    randomized: np.ndarray = np.clip(below + uniform * (up_to - below), 0, 1)
    return randomized


def _check_values(values: ArrayLike, name: str) -> np.ndarray:
    array = np.asarray(values, dtype=float)
    if array.ndim != 1 or not len(array) or np.isnan(array).any():
        raise ValueError(f"{name} must be a non-empty one-dimensional array without NaN.")
    return array
