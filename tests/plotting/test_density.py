"""DensityDisplay: curves and regions are those of the density."""

from types import SimpleNamespace

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from scipy.integrate import trapezoid
from scipy.stats import beta, lognorm, norm, poisson
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


class Declared:
    """A known density that declares the supports of its columns."""

    def __init__(self, log_p, **fields):
        self.log_p = log_p
        n = len(fields["integer"])
        fields = {
            "low": [-np.inf] * n,
            "high": [np.inf] * n,
            "period": [np.inf] * n,
            "origin": [0] * n,
        } | fields
        arrays = {name: np.array(values, dtype=float) for name, values in fields.items()}
        self.flow_ = SimpleNamespace(supports=SimpleNamespace(**arrays))

    def score_samples(self, X):
        return self.log_p(np.asarray(X))


COUNTS = np.random.default_rng(1).poisson(3, size=(500, 1)).astype(float)
POISSON = Declared(lambda X: poisson(3).logpmf(X[:, 0]), integer=[1], low=[0])
TABLE = Declared(lambda X: poisson([3, 5]).logpmf(X).sum(axis=1), integer=[1, 1], low=[0, 0])
STRIPS = Declared(
    lambda X: poisson(3).logpmf(X[:, 0]) + norm.logpdf(X[:, 1]), integer=[1, 0], low=[0, -np.inf]
)


def test_integers_have_bars_of_their_probabilities():
    display = DensityDisplay.from_estimator(POISSON, COUNTS)
    n = len(display.bars_)
    centers = [bar.get_x() + bar.get_width() / 2 for bar in display.bars_]
    np.testing.assert_allclose(centers, np.arange(n), atol=1e-12)
    heights = [bar.get_height() for bar in display.bars_]
    np.testing.assert_allclose(heights, poisson(3).pmf(np.arange(n)))
    assert abs(sum(heights) - 1) < 1e-3
    shares, edges, _ = display.histogram_.get_data()
    np.testing.assert_allclose(shares, np.bincount(COUNTS[:, 0].astype(int)) / 500)
    np.testing.assert_array_equal(edges, np.arange(len(shares) + 1) - 0.5)
    assert display.curve_ is None
    assert display.ax_.get_ylabel() == "probability"
    assert display.ax_.get_xlim() == (-0.5, n - 0.5)


def test_many_integers_have_a_line_of_their_probabilities():
    rows = np.random.default_rng(0).poisson(800, size=(300, 1)).astype(float)
    density = Declared(lambda X: poisson(800).logpmf(X[:, 0]), integer=[1])
    display = DensityDisplay.from_estimator(density, rows)
    x, p = display.curve_.get_data()
    np.testing.assert_array_equal(np.diff(x), 1)
    assert abs(p.sum() - 1) < 1e-3
    shares, edges, _ = display.histogram_.get_data()
    np.testing.assert_allclose(shares @ np.diff(edges), 1)


def test_two_columns_of_integers_are_a_table_of_probabilities():
    rows = np.random.default_rng(0).poisson([3, 5], size=(400, 2)).astype(float)
    frame = pd.DataFrame(rows, columns=["a", "b"])
    display = DensityDisplay.from_estimator(TABLE, frame)
    p = display.regions_.get_array()
    assert p.shape == (len(display.grid[1]), len(display.grid[0]))
    expected = np.outer(
        *(poisson(m).pmf(x) for m, x in zip((5, 3), display.grid[::-1], strict=True))
    )
    np.testing.assert_allclose(p, expected)
    assert abs(p.sum() - 1) < 1e-2
    corners = display.regions_.get_coordinates()
    x = display.grid[0]
    np.testing.assert_array_equal(corners[0, :, 0], np.append(x, x[-1] + 1) - 0.5)
    circles = display.scatter_.get_offsets()
    distinct, counts = np.unique(rows, axis=0, return_counts=True)
    np.testing.assert_array_equal(circles, distinct)
    sizes = display.scatter_.get_sizes()
    np.testing.assert_allclose(sizes / sizes.max(), counts / counts.max())
    assert display.colorbar_.ax.get_xlabel() == "probability"
    assert [text.get_text() for text in display.legend_.get_texts()] == ["400 rows"]
    assert (display.ax_.get_xlabel(), display.ax_.get_ylabel()) == ("a", "b")


@pytest.mark.parametrize("swapped", [False, True])
def test_an_integer_and_another_column_are_strips_that_hold_their_masses(swapped):
    rng = np.random.default_rng(0)
    rows = np.column_stack([rng.poisson(3, 20_000), rng.normal(size=20_000)])
    density = STRIPS
    if swapped:
        rows = rows[:, ::-1]
        density = Declared(lambda X: STRIPS.log_p(X[:, ::-1]), integer=[0, 1], low=[-np.inf, 0])
    display = DensityDisplay.from_estimator(density, rows, subsample=100)
    p = np.exp(density.score_samples(rows))
    for mass, level in zip((0.5, 0.9, 0.99), np.sort(display.levels_)[::-1], strict=True):
        assert abs((p >= level).mean() - mass) < 0.01
    regions = display.regions_.get_array()
    reached = np.sum([display.density >= level for level in display.levels_], axis=0)
    np.testing.assert_array_equal(regions.filled(0), reached)
    np.testing.assert_array_equal(regions.mask, reached == 0)
    labels = [text.get_text() for text in display.legend_.get_texts()]
    assert labels == ["50 %", "90 %", "99 %", "100 rows"]
    darkest = display.legend_.get_patches()[0].get_facecolor()
    np.testing.assert_allclose(darkest, display.regions_.to_rgba(3))
    assert display.borders_ is None


def test_one_column_declared_integer_among_two_of_a_flow(quick):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"n": rng.poisson(2, 200), "x": rng.normal(size=200)})
    density = quick(support={"n": ("integer", 0, None)}).fit(frame)
    display = DensityDisplay.from_estimator(density, frame, grid_resolution=30)
    assert display.grid[0][0] == 0
    assert (np.diff(display.grid[0]) == 1).all()
    first = pd.DataFrame({"n": display.grid[0][[1]], "x": display.grid[1][[4]]})
    np.testing.assert_allclose(display.density[4, 1], np.exp(density.score_samples(first))[0])


def test_decades_are_on_log_scales_with_a_density_per_unit():
    income = lognorm(2, scale=1000)
    rows = income.rvs((800, 1), random_state=0)
    density = Declared(lambda X: income.logpdf(X[:, 0]), integer=[0])
    display = DensityDisplay.from_estimator(density, rows)
    assert display.ax_.get_xscale() == display.ax_.get_yscale() == "log"
    x, p = display.curve_.get_data()
    np.testing.assert_allclose(p, income.pdf(x))
    assert abs(trapezoid(p, x) - 1) < 0.02
    heights, edges, _ = display.histogram_.get_data()
    np.testing.assert_allclose(heights @ np.diff(edges), 1)
    np.testing.assert_allclose(np.diff(np.log(edges)), np.log(edges[1] / edges[0]))
    low, high = display.ax_.get_ylim()
    assert low < heights[heights > 0].min()
    assert high > max(heights.max(), p.max())


def test_regions_on_log_scales_hold_what_their_labels_say():
    income = lognorm(2, scale=1000)
    rng = np.random.default_rng(0)
    rows = np.column_stack([income.rvs(20_000, random_state=0), rng.normal(size=20_000)])
    density = Declared(
        lambda X: income.logpdf(X[:, 0]) + norm.logpdf(X[:, 1]),
        integer=[0, 0],
        low=[np.nextafter(0, 1), -np.inf],
    )
    display = DensityDisplay.from_estimator(density, rows, subsample=50)
    assert (display.ax_.get_xscale(), display.ax_.get_yscale()) == ("log", "linear")
    p = np.exp(density.score_samples(rows))
    for mass, level in zip((0.5, 0.9, 0.99), np.sort(display.levels_)[::-1], strict=True):
        assert abs((p >= level).mean() - mass) < 0.015


def test_nothing_is_drawn_outside_declared_bounds():
    rows = np.random.default_rng(0).beta(0.5, 2, size=(300, 1))
    density = Declared(
        lambda X: beta(0.5, 2).logpdf(X[:, 0].clip(1e-9)), integer=[0], low=[0], high=[1]
    )
    display = DensityDisplay.from_estimator(density, rows)
    x, p = display.curve_.get_data()
    assert (x[0], x[-1]) == display.ax_.get_xlim() == (0, 1)
    heights = display.histogram_.get_data()[0]
    assert heights.max() < display.ax_.get_ylim()[1] < 0.2 * p.max()  # the pole is cut off


def test_angles_are_shown_once_around(quick):
    angles = np.random.default_rng(0).vonmises(0, 2, size=(200, 1)) % (2 * np.pi)
    density = quick(support="circular").fit(angles)
    display = DensityDisplay.from_estimator(density, angles + 2 * np.pi)
    assert display.ax_.get_xlim() == pytest.approx((0, 2 * np.pi))
    x, p = display.curve_.get_data()
    np.testing.assert_allclose(p[0], p[-1])
    assert abs(trapezoid(p, x) - 1) < 0.01
    heights, edges, _ = display.histogram_.get_data()
    np.testing.assert_allclose(heights @ np.diff(edges), 1)


def test_odd_rows_are_counted_and_not_shown():
    odd = np.vstack([ROWS, [[1e12, 0], [0, -9999]]])
    density = kernels(ROWS)
    display = DensityDisplay.from_estimator(density, odd, grid_resolution=20)
    assert (
        display.ax_.get_xlim()
        == DensityDisplay.from_estimator(density, ROWS, grid_resolution=20).ax_.get_xlim()
    )
    assert display.legend_.get_texts()[-1].get_text() == "402 rows, 2 outside"
    single = DensityDisplay.from_estimator(kernels(ROWS[:, :1]), odd[:, :1])
    assert single.legend_.get_texts()[0].get_text() == "402 rows, 1 outside"
    heights, edges, _ = single.histogram_.get_data()
    np.testing.assert_allclose(heights @ np.diff(edges), 401 / 402)


@pytest.mark.parametrize("X", [np.zeros((5, 2)), np.array([[1.0, 2.0]]), ROWS[:2]], ids=str)
def test_constants_and_few_rows(X):
    for columns in ([0], [0, 1]):
        display = DensityDisplay.from_estimator(kernels(X[:, columns]), X[:, columns])
        assert (np.diff(display.ax_.get_xlim()) > 0.1).all()


def test_flags_that_were_not_declared_have_bins_around_them():
    flags = (ROWS[:, :1] > 0).astype(float)
    display = DensityDisplay.from_estimator(kernels(flags), flags)
    heights, edges, _ = display.histogram_.get_data()
    np.testing.assert_array_equal(edges, [-0.5, 0.5, 1.5])
    np.testing.assert_allclose(heights, [1 - flags.mean(), flags.mean()])


def test_points_can_have_colors_by_value():
    density = kernels(ROWS)
    options = {"grid_resolution": 20, "subsample": None}
    values = np.arange(400.0)
    display = DensityDisplay.from_estimator(
        density, ROWS, scatter_kwargs={"c": values, "cmap": "Reds"}, **options
    )
    np.testing.assert_array_equal(display.scatter_.get_array(), values)
    display = DensityDisplay.from_estimator(density, ROWS, scatter_kwargs={"c": "red"}, **options)
    np.testing.assert_allclose(display.scatter_.get_facecolor()[0, :3], [1, 0, 0])


def test_a_grid_that_misses_everything_is_refused():
    density = Declared(lambda X: np.full(len(X), -np.inf), integer=[0])
    with pytest.raises(ValueError, match=r"density is 0 at all points.*Pass\s+other limits"):
        DensityDisplay.from_estimator(density, ROWS[:, :1])


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
