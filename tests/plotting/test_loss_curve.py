"""LossCurveDisplay: what an estimator remembers of its training."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from sklearn.exceptions import NotFittedError
from sklearn.mixture import GaussianMixture

from skflow.plotting import LossCurveDisplay


def test_lines_are_the_estimators(quick, moons):
    density = quick().fit(moons)
    display = LossCurveDisplay.from_estimator(density)
    epochs, losses = display.loss_line_.get_data()
    assert epochs.tolist() == list(range(1, density.n_iter_ + 1))
    assert list(losses) == density.loss_curve_
    epochs, losses = display.validation_line_.get_data()
    assert (-losses).tolist() == density.validation_scores_
    n_checks = len(density.validation_scores_)
    np.testing.assert_allclose(epochs, density.n_iter_ * np.arange(1, n_checks + 1) / n_checks)
    np.testing.assert_allclose(display.best_line_.get_ydata(), -density.best_validation_score_)
    assert [text.get_text() for text in display.ax_.get_legend().get_texts()] == [
        "training samples",
        "held-out samples",
        "best weights",
    ]
    assert display.ax_.get_xlabel() == "epoch"
    assert display.ax_.get_ylabel() == "−log p, nats per sample"
    assert display.ax_.get_title() == "NormalizingFlowDensity"


def test_without_early_stopping_there_is_one_line(quick, moons):
    density = quick(early_stopping=False, max_iter=5).fit(moons)
    display = LossCurveDisplay.from_estimator(density, name="all rows", ax=plt.subplots()[1])
    assert display.validation_line_ is display.best_line_ is None
    assert len(display.ax_.lines) == 1
    assert display.ax_.get_title() == "all rows"


def test_styles_of_ones_own():
    display = LossCurveDisplay(losses=[3.0, 2.0], validation_scores=[-2.5])
    display.plot(loss_kwargs={"ls": "--"}, validation_kwargs={"label": "held out"})
    assert display.loss_line_.get_linestyle() == "--"
    assert display.validation_line_.get_label() == "held out"


def test_errors_say_what_to_do(quick, moons):
    with pytest.raises(TypeError, match="GaussianMixture has no loss_curve_, which"):
        LossCurveDisplay.from_estimator(GaussianMixture().fit(moons))
    with pytest.raises(NotFittedError):
        LossCurveDisplay.from_estimator(quick())
