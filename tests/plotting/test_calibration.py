"""CalibrationDisplay: calibrated models are within the band, others are not."""

from types import SimpleNamespace

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from scipy.stats import binom, norm, poisson
from sklearn.ensemble import IsolationForest
from sklearn.mixture import GaussianMixture
from sklearn.neighbors import KernelDensity

from skflow import NormalizingFlowRegressor
from skflow.plotting import CalibrationDisplay

Y = np.random.default_rng(2).normal(size=400)


class NormalForecasts:
    """A regressor whose forecast is the same normal for all rows."""

    def __init__(self, scale):
        self.scale = scale

    def cdf(self, X, y):
        return norm.cdf(y, scale=self.scale)


def test_the_line_has_sorted_probabilities_against_expected_ones():
    display = CalibrationDisplay.from_estimator(NormalForecasts(1), np.zeros((400, 1)), Y)
    x, y = display.line_.get_data()
    np.testing.assert_array_equal(y, np.sort(norm.cdf(Y)))
    np.testing.assert_allclose(x, np.arange(1, 401) / 401)
    np.testing.assert_array_equal(display.probabilities_, y)
    assert display.inside_band_
    assert display.ax_.get_xlabel() == "expected P(Y ≤ y | x)"
    assert display.ax_.get_title() == "NormalForecasts"
    labels = [text.get_text() for text in display.ax_.get_legend().get_texts()]
    assert labels == ["calibrated model, 95 %", "400 rows"]


class PoissonForecasts:
    """A regressor of counts, or a density of counts, whose mean is the same for all rows."""

    def __init__(self, mean):
        self.distribution = poisson(mean)
        fields = {"low": 0, "high": np.inf, "integer": 1, "period": np.inf, "origin": 0}
        arrays = {name: np.array([float(value)]) for name, value in fields.items()}
        self.flow_ = SimpleNamespace(supports=SimpleNamespace(**arrays))

    def cdf(self, X, y):
        return self.distribution.cdf(y)

    def score_samples(self, X):
        return self.distribution.logpmf(X[:, 0])

    def sample(self, n_samples, random_state=None):
        return self.distribution.rvs((n_samples, 1), random_state=random_state)


@pytest.mark.parametrize(("mean", "calibrated"), [(1.5, True), (2.0, False)])
def test_counts_are_calibrated_if_their_probabilities_are(mean, calibrated):
    y = poisson(1.5).rvs(500, random_state=3)
    forecasts = PoissonForecasts(mean)
    display = CalibrationDisplay.from_estimator(forecasts, np.zeros((500, 1)), y, random_state=0)
    assert display.inside_band_ == calibrated
    assert len(np.unique(display.values)) == 500
    lower, upper = forecasts.cdf(None, y - 1), forecasts.cdf(None, y)
    assert ((display.values >= lower) & (display.values <= upper)).all()
    again = CalibrationDisplay.from_estimator(
        forecasts, np.zeros((500, 1)), y, random_state=0, kind="histogram"
    )
    np.testing.assert_array_equal(again.values, display.values)


@pytest.mark.parametrize(("mean", "calibrated"), [(0.5, True), (1.0, False)])
def test_equal_log_p_do_not_leave_the_band(mean, calibrated):
    counts = poisson(0.5).rvs((500, 1), random_state=3)
    display = CalibrationDisplay.from_estimator(PoissonForecasts(mean), counts, random_state=0)
    assert display.inside_band_ == calibrated
    if calibrated:
        assert len(np.unique(display.probabilities_)) == 500


@pytest.mark.parametrize("scale", [0.7, 1.5])
def test_wrong_spreads_leave_the_band(scale):
    display = CalibrationDisplay.from_estimator(NormalForecasts(scale), np.zeros((400, 1)), Y)
    assert not display.inside_band_
    x, y = display.line_.get_data()
    narrow = (y[20] - x[20]) * (x[-20] - y[-20]) > 0 and y[20] < x[20]
    assert narrow == (scale < 1)


def test_the_band_that_is_drawn_is_the_one_that_is_judged_by():
    values = np.random.default_rng(2).random(50)
    display = CalibrationDisplay.from_predictions(values)
    (path,) = display.band_.get_paths()
    at, lower, upper = display._band()
    drawn = {tuple(np.round(vertex, 9)) for vertex in path.vertices}
    for edge in (lower, upper):
        assert {tuple(np.round(vertex, 9)) for vertex in zip(at, edge, strict=True)} <= drawn


def test_right_models_are_inside_as_often_as_is_said():
    rng = np.random.default_rng(0)
    inside = 0
    for _ in range(40):
        display = CalibrationDisplay(values=rng.random(30), coverage=0.8)
        display.probabilities_ = display._probabilities()
        inside += display._is_inside_band()
    low, high = binom.ppf([0.001, 0.999], 40, 0.8)
    assert low <= inside <= high


def test_the_histogram_counts():
    values = norm.cdf(Y)
    display = CalibrationDisplay.from_predictions(values, kind="histogram", bins=8)
    counts, edges, _ = display.histogram_.get_data()
    np.testing.assert_array_equal(counts, np.histogram(values, 8, range=(0, 1))[0])
    np.testing.assert_allclose(edges, np.linspace(0, 1, 9))
    assert display.expected_.get_ydata() == [50, 50]
    low, high = display.band_.get_y(), display.band_.get_y() + display.band_.get_height()
    assert (low, high) == tuple(binom.ppf([0.05 / 16, 1 - 0.05 / 16], 400, 1 / 8))
    assert ((counts >= low) & (counts <= high)).all()
    assert display.line_ is None


def test_log_p_of_rows_is_set_against_that_of_draws():
    X = np.random.default_rng(0).normal(size=(500, 2))
    mixture = GaussianMixture(random_state=0).fit(X)
    unseen = np.random.default_rng(1).normal(size=(300, 2))
    display = CalibrationDisplay.from_estimator(mixture, unseen, n_samples=5000, random_state=0)
    x, y = display.line_.get_data()
    np.testing.assert_array_equal(y, np.sort(mixture.score_samples(unseen)))
    assert len(display.draws) == 5000
    np.testing.assert_allclose(x, np.quantile(display.draws, np.arange(1, 301) / 301))
    # log p of a normal in the plane is that of its peak, less an exponential variable
    peak = mixture.score_samples(mixture.means_)[0]
    np.testing.assert_allclose(np.mean(display.draws), peak - 1, atol=0.06)
    assert display.inside_band_
    assert display.ax_.get_ylabel() == "log p of rows, nats"


def test_shares_of_draws_are_between_those_below_and_those_not_above():
    values, draws = np.array([0.0, 2.0, 9.0]), np.array([1.0, 2.0, 2.0, 3.0])
    display = CalibrationDisplay.from_predictions(values, draws)
    assert display.probabilities_.tolist() == [0, 0.5, 1]


@pytest.mark.parametrize("bandwidth", [0.01, 2.0])
def test_wrong_densities_leave_the_band(bandwidth):
    X = np.random.default_rng(0).normal(size=(500, 2))
    unseen = np.random.default_rng(1).normal(size=(300, 2))
    kernels = KernelDensity(bandwidth=bandwidth).fit(X)
    display = CalibrationDisplay.from_estimator(kernels, unseen, random_state=0)
    assert not display.inside_band_
    x, y = (np.median(values) for values in display.line_.get_data())
    assert (y < x) == (bandwidth < 1)  # too narrow: rows are less likely than draws


def test_few_draws_make_the_band_wider():
    values, draws = np.random.default_rng(0).normal(size=(2, 200))
    few = CalibrationDisplay.from_predictions(values, draws)
    many = CalibrationDisplay.from_predictions(values, np.tile(draws, 100))
    middles = []
    for display in (few, many):
        at, lower, upper = display._band()
        middles.append(np.interp(0.5, at, upper - lower))
    assert 1.3 < middles[0] / middles[1] < 1.5  # √2


def test_our_regressor():
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(400, 2)), columns=["a", "b"])
    y = X["a"] + rng.gamma(2, size=400)
    params = {"n_transforms": 2, "hidden_layer_sizes": 8, "n_estimators": 2, "max_iter": 20}
    regressor = NormalizingFlowRegressor(tol=10.0, random_state=0, **params)
    regressor.fit(X[:200], y[:200])
    display = CalibrationDisplay.from_estimator(regressor, X[200:], y[200:], ax=plt.subplots()[1])
    np.testing.assert_array_equal(display.values, regressor.cdf(X[200:], y[200:]))
    x, y = display.line_.get_data()
    assert abs(x - y).max() < 0.15


def test_errors_say_what_to_do():
    with pytest.raises(TypeError, match=r"method cdf, together with y.*, because y is None"):
        CalibrationDisplay.from_estimator(NormalForecasts(1), np.zeros((400, 1)))
    forest = IsolationForest(n_estimators=2).fit(np.zeros((9, 1)))
    with pytest.raises(TypeError, match="IsolationForest is neither"):
        CalibrationDisplay.from_estimator(forest, np.zeros((9, 1)))
    with pytest.raises(ValueError, match=r"between 0 and 1, but they range from -3 to 0\.5"):
        CalibrationDisplay.from_predictions([-3, 0.5])
    with pytest.raises(ValueError, match=r"values must be a .* array without NaN"):
        CalibrationDisplay.from_predictions([0.5, np.nan])
    with pytest.raises(ValueError, match="kind='pp' must be 'qq' or 'histogram'"):
        CalibrationDisplay.from_predictions([0.5], kind="pp")
    with pytest.raises(ValueError, match="coverage=95"):
        CalibrationDisplay.from_predictions([0.5], coverage=95)
