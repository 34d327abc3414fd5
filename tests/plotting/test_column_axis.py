"""The axes of columns: scales on which they can be read, within bounds and without odd cells."""

from types import SimpleNamespace

import matplotlib.pyplot as plt
import numpy as np
import pytest

from skflow.plotting.column_axis import (
    ColumnAxis,
    ColumnSupport,
    column_axis,
    column_supports,
    count_label,
)

RNG = np.random.default_rng(0)
NORMAL = RNG.normal(size=500)
CAUCHY = RNG.standard_cauchy(500)
INTEGER = ColumnSupport(integer=True)

SCALES = {
    "normal": (NORMAL, "linear"),
    "exponential": (np.exp(-NORMAL / 2), "linear"),
    "uniform": (RNG.random(500), "linear"),
    "t with 4 degrees of freedom": (RNG.standard_t(4, 500), "linear"),
    "lognormal": (np.exp(7 + 2 * NORMAL), "log"),
    "four decades": (10 ** RNG.uniform(0, 4, 500), "log"),
    "three decades": (10 ** RNG.uniform(0, 3, 500), "log"),
    "chi-squared": (NORMAL**2, "linear"),
    "two decades": (10 ** RNG.uniform(0, 1.9, 500), "linear"),
    "Cauchy": (CAUCHY, "symlog"),
    "Cauchy far from zero": (1e4 + CAUCHY, "linear"),
    "lognormal with zeros": (np.where(NORMAL > 0, 0, np.exp(2 * CAUCHY.clip(-9, 9))), "symlog"),
    "losses": (-np.exp(2 * NORMAL) * (NORMAL > -1), "symlog"),
    "counts over decades": (np.ceil(np.exp(4 + 2 * NORMAL)), "log"),
    "flags": ((NORMAL > 1).astype(float), "linear"),
    "constant": (np.full(20, 3.5), "linear"),
    "an absurd cell": (np.append(NORMAL, 1e300), "linear"),
    "a code": (np.append(NORMAL, np.full(30, -9999.0)), "linear"),
    "a positive column with a code": (np.append(50 + NORMAL, np.full(30, 1e20)), "linear"),
    "two rows": (np.array([1.0, 1e9]), "linear"),
}


@pytest.mark.parametrize("kind", SCALES)
def test_the_scale_is_one_on_which_the_column_can_be_read(kind):
    values, scale = SCALES[kind]
    assert column_axis(values).scale == scale


@pytest.mark.parametrize(("odd", "n"), [(1e12, 1), (1e300, 1), (-9999.0, 30), (9.97e36, 3)])
@pytest.mark.parametrize("n_rows", [10, 500])
def test_limits_leave_out_what_is_far_from_all_others(odd, n, n_rows):
    n = min(n, 2) if n_rows == 10 else n
    axis = column_axis(np.append(NORMAL[:n_rows], np.full(n, odd)))
    low, high = NORMAL[:n_rows].min(), NORMAL[:n_rows].max()
    width = high - low
    np.testing.assert_allclose(axis.limits, [low - 0.2 * width, high + 0.2 * width])


def test_limits_of_a_pile_hold_the_other_values():
    axis = column_axis(np.append(np.zeros(900), np.linspace(1, 5, 100)))
    assert axis.limits == (-1, 6)


def test_limits_on_a_log_scale_are_padded_by_decades_and_leave_out_an_odd_cell():
    values = 10 ** np.linspace(1, 6, 300)
    axis = column_axis(np.append(values, 1e200))
    np.testing.assert_allclose(axis.limits, [1.0, 1e7])


def test_a_symmetric_log_scale_has_no_empty_decades_of_the_other_sign():
    values = np.append(np.zeros(100), 10 ** np.linspace(1, 6, 300))
    axis = column_axis(values)
    assert axis.scale == "symlog"
    assert axis.threshold == 10
    np.testing.assert_allclose(axis.limits[0], -10)
    assert axis.limits[1] > 1e6
    np.testing.assert_allclose(column_axis(-values).limits, [-axis.limits[1], 10])


@pytest.mark.parametrize(
    ("support", "values", "limits"),
    [
        (ColumnSupport(low=np.nextafter(0, 1)), np.linspace(0.01, 5, 50), (0, 5.998)),
        (ColumnSupport(0, 1), np.linspace(0.01, 1, 50), (0, 1)),
        (ColumnSupport(0, 14), np.linspace(4, 6, 50), (3.6, 6.4)),
        (ColumnSupport(0, 1, integer=True), np.array([0.0, 1, 1]), (-0.5, 1.5)),
        (INTEGER, np.array([0.0, 3, 10]), (-2.5, 12.5)),
        (INTEGER, np.array([4.0, 4.0]), (2.5, 5.5)),
        (ColumnSupport(period=360), np.array([10.0, 20.0]), (0, 360)),
    ],
)
def test_declared_supports_bound_the_axis(support, values, limits):
    np.testing.assert_allclose(column_axis(values, support).limits, limits, atol=1e-9)


def test_limits_of_ones_own_stay_within_the_support():
    unit = ColumnSupport(0, 1)
    assert column_axis(np.array([0.2, 0.4]), unit, (-3, 0.7)).limits == (0, 0.7)
    decades = 10 ** np.linspace(0, 6, 100)
    assert column_axis(decades, limits=(-5.0, 100.0)).scale == "symlog"
    assert column_axis(decades, limits=(5.0, 100.0)).limits == (5, 100)


@pytest.mark.parametrize("kind", ["normal", "lognormal", "Cauchy"])
def test_grids_are_evenly_spaced_on_the_axis_from_end_to_end(kind):
    axis = column_axis(SCALES[kind][0])
    grid = axis.grid(200)
    assert (grid[0], grid[-1]) == (axis.low, axis.high)
    ax = plt.subplots()[1]
    axis.apply(ax, "x")
    assert ax.get_xscale() == axis.scale
    assert ax.get_xlim() == pytest.approx(axis.limits)
    shown = ax.transData.transform(np.column_stack([grid, grid]))[:, 0]
    np.testing.assert_allclose(np.diff(shown), np.ptp(shown) / 199, rtol=1e-6)
    np.testing.assert_allclose(np.diff(axis.edges(grid)).sum(), grid[-1] - grid[0])


def test_grids_of_integers_are_all_of_them_or_as_many_as_asked_for():
    axis = column_axis(np.arange(11.0), ColumnSupport(0, 10, integer=True))
    np.testing.assert_array_equal(axis.grid(100), np.arange(11))
    np.testing.assert_array_equal(axis.edges(axis.grid(100)), np.arange(12) - 0.5)
    some = axis.grid(5)
    assert len(some) == 5
    assert set(some) < set(range(11))
    wide = column_axis(np.ceil(np.exp(6 + 2 * NORMAL)), INTEGER)
    assert wide.scale == "log"
    grid = wide.grid(300)
    assert (grid == np.round(grid)).all()
    assert (np.diff(grid) >= 1).all()


def test_histograms_count_rows_outside_the_axis():
    axis = column_axis(np.append(NORMAL, [1e9, -1e9]))
    heights, edges = axis.histogram(np.append(NORMAL, [1e9, -1e9]), "auto")
    np.testing.assert_allclose(heights @ np.diff(edges), 500 / 502)
    assert edges[-1] == NORMAL.max()


def test_bins_are_around_integers():
    values = RNG.poisson(4, 300).astype(float)
    heights, edges = column_axis(values).histogram(values, "auto")
    np.testing.assert_array_equal(edges, np.arange(values.max() + 2) - 0.5)
    np.testing.assert_allclose(heights, np.bincount(values.astype(int)) / 300)
    wide = RNG.poisson(4000, 300).astype(float)
    heights, edges = column_axis(wide, INTEGER).histogram(wide, 12)
    assert (edges % 1 == 0.5).all()
    np.testing.assert_allclose(heights @ np.diff(edges), 1)


@pytest.mark.parametrize("kind", ["lognormal", "Cauchy", "lognormal with zeros", "losses"])
def test_bins_are_evenly_spaced_on_a_log_scale(kind):
    values = SCALES[kind][0]
    axis = column_axis(values)
    heights, edges = axis.histogram(values, 15)
    widths = np.diff(axis.positions(edges))
    np.testing.assert_allclose(widths, widths[0])
    np.testing.assert_allclose(heights @ np.diff(edges), 1 - axis.outside(values).mean())
    more = axis.extended(edges)
    assert set(edges) <= set(more)
    assert more[0] <= axis.limits[0]
    assert more[-1] >= axis.limits[1]


def test_few_ticks_on_a_small_symmetric_axis():
    ax = plt.subplots()[1]
    axis = ColumnAxis(-1e9, 1e9, "symlog", 1.0)
    axis.apply(ax, "y", max_ticks=4)
    ticks = ax.get_yticks()
    assert len(ticks) <= 9
    np.testing.assert_allclose(ticks, -ticks[::-1])


def test_supports_are_those_that_a_density_declares():
    assert column_supports(object(), 2) == [ColumnSupport()] * 2
    fields = {"low": [0, -np.inf], "high": [1, np.inf], "integer": [1, 0]}
    fields |= {"period": [np.inf, 360], "origin": [0, -180]}
    constraints = SimpleNamespace(**{name: np.array(values) for name, values in fields.items()})
    density = SimpleNamespace(flow_=SimpleNamespace(supports=constraints))
    first, second = column_supports(density, 2)
    assert first == ColumnSupport(0, 1, integer=True)
    np.testing.assert_array_equal(second.wrapped(np.array([10, 190, 720])), [10, -170, 0])
    np.testing.assert_array_equal(first.wrapped(np.array([10])), [10])


def test_labels_count_rows_outside():
    axes = [ColumnAxis(0, 1), ColumnAxis(0, 1)]
    rows = np.array([[0.5, 0.5], [2, 0.5], [2, 2]])
    assert count_label(rows, "rows", axes) == "3 rows, 2 outside"
    assert count_label(rows[:1], "samples", axes) == "1 samples"
