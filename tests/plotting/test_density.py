"""DensityDisplay: curves and regions are those of the density."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from sklearn.mixture import GaussianMixture
from sklearn.neighbors import KernelDensity
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skflow.compose import TransformedDensity
from skflow.plotting import DensityDisplay

ROWS = np.random.default_rng(0).normal(size=(400, 2)) @ [[1.0, 0.5], [0.0, 0.5]]
FRAME = pd.DataFrame(ROWS, columns=["height (m)", "mass"])


def kernels(X):
    return KernelDensity(bandwidth=0.3).fit(X)


def test_the_curve_is_the_density():
    density = kernels(ROWS[:, :1])
    display = DensityDisplay.from_estimator(density, ROWS[:, :1], grid_resolution=50)
    x, p = display.curve_.get_data()
    assert len(x) == 50
    np.testing.assert_array_equal(p, np.exp(density.score_samples(x[:, None])))
    low, high = ROWS[:, 0].min(), ROWS[:, 0].max()
    np.testing.assert_allclose(x[[0, -1]], [1.2 * low - 0.2 * high, 1.2 * high - 0.2 * low])
    assert display.regions_ is display.scatter_ is None


def test_the_curve_covers_the_area_of_one():
    display = DensityDisplay.from_estimator(kernels(ROWS[:, :1]), ROWS[:, :1])
    x, p = display.curve_.get_data()
    assert abs(p.sum() * (x[1] - x[0]) - 1) < 1e-3


@pytest.mark.parametrize("bins", [7, "auto", [-1.0, 0.0, 2.0]])
def test_the_histogram_is_numpys(bins):
    X = ROWS[:, :1]
    display = DensityDisplay.from_estimator(kernels(X), X, bins=bins)
    heights, edges, _ = display.histogram_.get_data()
    expected = np.histogram(X, bins, density=True)
    np.testing.assert_array_equal(heights, expected[0])
    np.testing.assert_array_equal(edges, expected[1])


def test_names_and_units_are_on_the_axes():
    X = FRAME[["height (m)"]]
    display = DensityDisplay.from_estimator(kernels(X), X)
    assert display.ax_.get_xlabel() == "height (m)"
    assert display.ax_.get_ylabel() == "density per m"
    assert display.ax_.get_title() == "KernelDensity"
    assert [t.get_text() for t in display.legend_.get_texts()] == ["400 rows", "density"]
    flat = DensityDisplay.from_estimator(kernels(FRAME), FRAME, name="kernels")
    assert (flat.ax_.get_xlabel(), flat.ax_.get_ylabel()) == ("height (m)", "mass")
    assert flat.ax_.get_title() == "kernels"


def test_names_of_the_fit_serve_for_an_array():
    density = kernels(FRAME)
    with pytest.warns(UserWarning, match="does not have valid feature names"):
        display = DensityDisplay.from_estimator(density, ROWS, grid_resolution=5)
    assert display.ax_.get_ylabel() == "mass"


def test_regions_hold_what_their_labels_say():
    mixture = GaussianMixture(random_state=0).fit(ROWS)
    masses = [0.5, 0.9, 0.99]
    limits = [(-7, 7), (-5, 5)]
    display = DensityDisplay.from_estimator(mixture, ROWS, limits=limits)
    draws = np.exp(mixture.score_samples(mixture.sample(20_000)[0]))
    for mass, level in zip(masses, sorted(display.levels_)[::-1], strict=True):
        assert abs((draws >= level).mean() - mass) < 0.012
    np.testing.assert_array_equal(display.borders_.levels, np.sort(display.levels_))
    np.testing.assert_array_equal(display.regions_.levels[:3], np.sort(display.levels_))
    assert display.regions_.levels[3] >= display.density.max()
    labels = [text.get_text() for text in display.legend_.get_texts()]
    assert labels == ["50 %", "90 %", "99 %", "400 rows"]
    for patch, color in zip(
        display.legend_.get_patches(), display.regions_.get_facecolor()[::-1], strict=True
    ):
        np.testing.assert_array_equal(patch.get_facecolor(), color)


def test_the_first_column_runs_across():
    density = kernels(ROWS)
    display = DensityDisplay.from_estimator(density, ROWS, grid_resolution=20)
    x, y = display.grid
    at = np.array([[x[3], y[11]]])
    np.testing.assert_allclose(display.density[11, 3], np.exp(density.score_samples(at))[0])


def test_borders_are_where_the_density_is_the_level():
    mixture = GaussianMixture(random_state=0).fit(ROWS)
    display = DensityDisplay.from_estimator(mixture, ROWS, masses=[0.8])
    (path,) = display.borders_.get_paths()
    (level,) = display.levels_
    np.testing.assert_allclose(np.exp(mixture.score_samples(path.vertices)), level, rtol=0.02)


def test_regions_on_a_plateau_are_one():
    """Every border is the same where a density has one value only."""
    square = KernelDensity(kernel="tophat", bandwidth=50).fit(ROWS)
    display = DensityDisplay.from_estimator(square, ROWS, grid_resolution=10)
    assert len(display.borders_.levels) == 1


def test_rows_are_shown_as_asked():
    density = kernels(ROWS)
    display = DensityDisplay.from_estimator(density, ROWS, subsample=30, random_state=0)
    shown = np.asarray(display.scatter_.get_offsets())
    assert shown.shape == (30, 2)
    assert {tuple(row) for row in shown} <= {tuple(row) for row in ROWS}
    every = DensityDisplay.from_estimator(density, ROWS, subsample=None)
    np.testing.assert_array_equal(every.scatter_.get_offsets(), ROWS)
    assert DensityDisplay.from_estimator(density, ROWS, show_rows=False).scatter_ is None


def test_axes_and_styles_of_ones_own():
    figure, (left, right) = plt.subplots(1, 2)
    display = DensityDisplay.from_estimator(
        kernels(ROWS),
        ROWS,
        ax=left,
        scatter_kwargs={"color": "red"},
        regions_kwargs={"cmap": "Reds"},
    )
    assert display.ax_ is left
    assert display.figure_ is figure
    assert display.regions_.get_cmap().name == "Reds"
    np.testing.assert_array_equal(display.scatter_.get_facecolor()[0, :3], [1, 0, 0])
    X = ROWS[:, :1]
    curve = DensityDisplay.from_estimator(
        kernels(X), X, ax=right, curve_kwargs={"lw": 5, "c": "k"}
    )
    assert curve.curve_.get_linewidth() == 5
    assert curve.curve_.get_color() == "k"
    assert display.plot() is display
    assert display.figure_ is not figure


def test_any_density_will_do(quick):
    estimators = [
        GaussianMixture(random_state=0),
        TransformedDensity(StandardScaler(), KernelDensity()),
        make_pipeline(StandardScaler(), KernelDensity()),
        quick(),
    ]
    for estimator in estimators:
        display = DensityDisplay.from_estimator(estimator.fit(FRAME), FRAME, grid_resolution=20)
        assert display.ax_.get_title() == type(estimator).__name__
        assert np.isfinite(display.density).all()


@pytest.mark.parametrize(
    ("X", "params", "message"),
    [
        (np.ones((5, 3)), {}, "3 columns, but DensityDisplay.*Use CornerDisplay"),
        (np.array([[np.nan, 1.0]]), {}, "contains NaN"),
        (ROWS, {"masses": [50, 90]}, "masses=.*between 0 and 1"),
        (ROWS, {"grid_resolution": 0}, "grid_resolution=0"),
        (ROWS, {"feature_names": ["one"]}, "1 names, but X has 2 columns"),
    ],
)
def test_errors_say_what_to_do(X, params, message):
    with pytest.raises(ValueError, match=message):
        DensityDisplay.from_estimator(kernels(ROWS), X, **params)


def test_what_is_no_density_is_refused():
    with pytest.raises(TypeError, match="StandardScaler has no method score_samples"):
        DensityDisplay.from_estimator(StandardScaler(), ROWS)
