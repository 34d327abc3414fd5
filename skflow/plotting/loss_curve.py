"""LossCurveDisplay: how training went."""

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from sklearn.utils.validation import check_is_fitted

from skflow.plotting.style import (
    BLUE,
    INK,
    VERMILION,
    Style,
    axes_or_new,
    check_matplotlib,
    styled,
)


class LossCurveDisplay:
    """Training loss and validation scores of a flow, epoch by epoch.

    Both are drawn as a loss, −log p in nats a row, so that lower is better and the gap between
    them is what the flow has learned by heart. Rows seen in training are seen through dropout
    and noise, so their curve may lie above the other. Use `from_estimator` to make one.

    Parameters
    ----------
    losses : sequence of float
        Mean training loss, an entry for each epoch.
    validation_scores : sequence of float, optional
        Mean log-likelihood of left-out rows at checks that are evenly spaced over training.
    best_validation_score : float, optional
        Mean over the members of each one's best.
    name : str, optional
        What stands above the picture.

    Attributes
    ----------
    loss_line_ : matplotlib.lines.Line2D
        The training loss.
    validation_line_ : matplotlib.lines.Line2D or None
        The loss on left-out rows, where there were any.
    best_line_ : matplotlib.lines.Line2D or None
        The loss of the weights that were kept.
    ax_ : matplotlib.axes.Axes
        The axes.
    figure_ : matplotlib.figure.Figure
        The figure.

    See Also
    --------
    CalibrationDisplay : Whether the density is right.

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
    def from_estimator(
        cls, estimator: Any, *, name: str | None = None, ax: Any = None, **kwargs: Any
    ) -> Self:
        """Plot what a fitted estimator remembers of its training.

        Parameters
        ----------
        estimator : object
            A fitted estimator of skflow: it has `loss_curve_` and `validation_scores_`.
        name : str, optional
            What stands above the picture; None takes the name of the estimator's class.
        ax : matplotlib.axes.Axes, optional
            Axes to draw on; None makes a figure.
        **kwargs : dict
            What `plot` takes.

        Returns
        -------
        LossCurveDisplay
            The display, plotted.

        Raises
        ------
        TypeError
            Where the estimator keeps no training loss.
        """
        check_matplotlib(f"{cls.__name__}.from_estimator")
        check_is_fitted(estimator)
        if not hasattr(estimator, "loss_curve_"):
            raise TypeError(
                f"{type(estimator).__name__} has no loss_curve_: it was not trained epoch by "
                f"epoch. {cls.__name__} is for skflow's estimators."
            )
        display = cls(
            losses=estimator.loss_curve_,
            validation_scores=getattr(estimator, "validation_scores_", None),
            best_validation_score=getattr(estimator, "best_validation_score_", None),
            name=type(estimator).__name__ if name is None else name,
        )
        return display.plot(ax, **kwargs)

    def plot(
        self,
        ax: Any = None,
        *,
        loss_kwargs: Style = None,
        validation_kwargs: Style = None,
        best_kwargs: Style = None,
    ) -> Self:
        """Draw the curves.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, optional
            Axes to draw on; None makes a figure.
        loss_kwargs : dict, optional
            Passed to ``ax.plot`` for the training loss.
        validation_kwargs : dict, optional
            Passed to ``ax.plot`` for the left-out rows.
        best_kwargs : dict, optional
            Passed to ``ax.axhline`` for the best.

        Returns
        -------
        LossCurveDisplay
            The display itself.
        """
        check_matplotlib(f"{type(self).__name__}.plot")
        from matplotlib.lines import Line2D

        self.ax_ = axes_or_new(ax)
        self.figure_ = self.ax_.figure
        n_epochs = len(self.losses)
        style = styled(Line2D, loss_kwargs, color=BLUE, label="training rows")
        (self.loss_line_,) = self.ax_.plot(np.arange(1, n_epochs + 1), self.losses, **style)
        self.validation_line_ = self.best_line_ = None
        if self.validation_scores:
            epochs = np.linspace(0, n_epochs, len(self.validation_scores) + 1)[1:]
            style = styled(Line2D, validation_kwargs, color=VERMILION, label="left-out rows")
            losses = -np.asarray(self.validation_scores)
            (self.validation_line_,) = self.ax_.plot(epochs, losses, **style)
        if self.best_validation_score is not None:
            style = styled(
                Line2D, best_kwargs, color=INK, linestyle=":", linewidth=1, label="weights kept"
            )
            self.best_line_ = self.ax_.axhline(-self.best_validation_score, **style)
        self.ax_.set(
            xlabel="epoch",
            ylabel="−log p, nats a row",
            title=self.name or "",
            xlim=(0, None),
        )
        self.ax_.legend(frameon=False)
        return self
