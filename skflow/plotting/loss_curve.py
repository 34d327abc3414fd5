"""LossCurveDisplay: training loss and validation scores by epoch."""

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from sklearn.utils.validation import check_is_fitted

from skflow.plotting.style import (
    BLUE,
    INK,
    VERMILION,
    Style,
    check_matplotlib,
    get_axes,
    merge_style,
)
from skflow.runtime.own_settings import own_settings


class LossCurveDisplay:
    """Training loss and validation scores of a flow for each epoch.

    Both are plotted as a loss, −log p in nats per sample: lower is better, and the gap between
    the curves shows overfitting. Dropout and noise apply only during training, so the training
    loss may lie above the validation loss. Use `from_estimator` to create a display.

    Parameters
    ----------
    losses : sequence of float
        Mean training loss of each epoch.
    validation_scores : sequence of float, optional
        Mean log-likelihood of held-out samples at validations evenly spaced over training.
    best_validation_score : float, optional
        Mean over the ensemble members of their best validation score.
    name : str, optional
        Title of the plot.

    Attributes
    ----------
    loss_line_ : matplotlib.lines.Line2D
        The training loss.
    validation_line_ : matplotlib.lines.Line2D or None
        The loss of held-out samples, if there are validation scores.
    best_line_ : matplotlib.lines.Line2D or None
        The loss of the best weights, which are the ones kept.
    ax_ : matplotlib.axes.Axes
        The axes.
    figure_ : matplotlib.figure.Figure
        The figure.

    See Also
    --------
    CalibrationDisplay : Whether the density is calibrated.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skflow import NormalizingFlowDensity
    >>> from skflow.plotting import LossCurveDisplay
    >>> density = NormalizingFlowDensity(effort="fast", random_state=0).fit(load_iris().data)
    >>> display = LossCurveDisplay.from_estimator(density)
    >>> len(display.loss_line_.get_xdata()) == density.n_iter_
    True
    """

    __module__ = "skflow.plotting"

    def __init__(
        self,
        *,
        losses: Sequence[float],
        validation_scores: Sequence[float] | None = None,
        best_validation_score: float | None = None,
        name: str | None = None,
    ) -> None:
        self.losses = losses
        self.validation_scores = validation_scores
        self.best_validation_score = best_validation_score
        self.name = name

    @classmethod
    @own_settings()
    def from_estimator(
        cls, estimator: Any, *, name: str | None = None, ax: Any = None, **kwargs: Any
    ) -> Self:
        """Plot the training history of a fitted estimator.

        Parameters
        ----------
        estimator : object
            A fitted estimator of skflow, with `loss_curve_` and `validation_scores_`.
        name : str, optional
            Title of the plot; None uses the class name of the estimator.
        ax : matplotlib.axes.Axes, optional
            Axes to plot on; None creates a new figure.
        **kwargs : dict
            Keyword arguments passed to `plot`.

        Returns
        -------
        LossCurveDisplay
            The display, after `plot`.

        Raises
        ------
        TypeError
            If the estimator has no `loss_curve_`.
        """
        check_matplotlib(f"{cls.__name__}.from_estimator")
        check_is_fitted(estimator)
        if not hasattr(estimator, "loss_curve_"):
            raise TypeError(
                f"{type(estimator).__name__} has no loss_curve_, which {cls.__name__} requires. "
                "Pass a fitted estimator of skflow."
            )
        display = cls(
            losses=estimator.loss_curve_,
            validation_scores=getattr(estimator, "validation_scores_", None),
            best_validation_score=getattr(estimator, "best_validation_score_", None),
            name=type(estimator).__name__ if name is None else name,
        )
        return display.plot(ax, **kwargs)

    @own_settings()
    def plot(
        self,
        ax: Any = None,
        *,
        loss_kwargs: Style = None,
        validation_kwargs: Style = None,
        best_kwargs: Style = None,
    ) -> Self:
        """Plot the curves.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, optional
            Axes to plot on; None creates a new figure.
        loss_kwargs : dict, optional
            Passed to ``ax.plot`` for the training loss.
        validation_kwargs : dict, optional
            Passed to ``ax.plot`` for the validation loss.
        best_kwargs : dict, optional
            Passed to ``ax.axhline`` for the loss of the best weights.

        Returns
        -------
        LossCurveDisplay
            The display itself.
        """
        check_matplotlib(f"{type(self).__name__}.plot")
        self.ax_ = get_axes(ax)
        self.figure_ = self.ax_.figure
        self._plot_loss(loss_kwargs)
        self._plot_validation_loss(validation_kwargs)
        self._plot_best_loss(best_kwargs)
        labels = {"xlabel": "epoch", "ylabel": "−log p, nats per sample"}
        self.ax_.set(**labels, title=self.name or "", xlim=(0, None))
        self.ax_.legend(frameon=False)
        return self

    def _plot_loss(self, style: Style) -> None:
        from matplotlib.lines import Line2D

        epochs = np.arange(1, len(self.losses) + 1)
        style = merge_style(Line2D, style, color=BLUE, label="training samples")
        (self.loss_line_,) = self.ax_.plot(epochs, self.losses, **style)

    def _plot_validation_loss(self, style: Style) -> None:
        from matplotlib.lines import Line2D

        self.validation_line_: Any = None
        if self.validation_scores:
            epochs = np.linspace(0, len(self.losses), len(self.validation_scores) + 1)[1:]
            losses = -np.asarray(self.validation_scores)
            style = merge_style(Line2D, style, color=VERMILION, label="held-out samples")
            (self.validation_line_,) = self.ax_.plot(epochs, losses, **style)

    def _plot_best_loss(self, style: Style) -> None:
        from matplotlib.lines import Line2D

        self.best_line_: Any = None
        if self.best_validation_score is not None:
            defaults = {"color": INK, "linestyle": ":", "linewidth": 1, "label": "best weights"}
            style = merge_style(Line2D, style, **defaults)
            self.best_line_ = self.ax_.axhline(-self.best_validation_score, **style)
