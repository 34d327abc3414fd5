"""CornerDisplay: data and draws in every panel."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import IsolationForest
from sklearn.mixture import GaussianMixture
from sklearn.neighbors import KernelDensity

from skflow.plotting import CornerDisplay

ROWS = np.random.default_rng(0).normal(size=(300, 3)) * [1, 10, 100]
FRAME = pd.DataFrame(ROWS, columns=["a", "b (mm)", "c"])


@pytest.fixture
def mixture():
    return GaussianMixture(random_state=0).fit(FRAME)


def test_every_pair_is_shown_once(mixture):
    display = CornerDisplay.from_estimator(mixture, FRAME, random_state=0)
    assert display.axes_.shape == (3, 3)
    assert list(display.row_scatters_) == [(1, 0), (2, 0), (2, 1)]
    for (i, j), scatter in display.row_scatters_.items():
        np.testing.assert_array_equal(scatter.get_offsets(), ROWS[:, [j, i]])
        draws = display.sample_scatters_[i, j].get_offsets()
        np.testing.assert_array_equal(draws, display.samples[:, [j, i]])
        assert scatter.axes is display.axes_[i, j]
    on = [[panel.axison for panel in panels] for panels in display.axes_]
    assert on == [[True, False, False], [True, True, False], [True, True, True]]


def test_histograms_are_numpys(mixture):
    display = CornerDisplay.from_estimator(mixture, FRAME, random_state=0, bins=8)
    for j in range(3):
        heights, inner, _ = display.row_histograms_[j].get_data()
        expected = np.histogram(ROWS[:, j], 8, density=True)
        np.testing.assert_array_equal(heights, expected[0])
        np.testing.assert_array_equal(inner, expected[1])
        heights, edges, _ = display.sample_histograms_[j].get_data()
        assert set(inner) <= set(edges)
        np.testing.assert_allclose(np.diff(edges), inner[1] - inner[0])
        counts, _ = np.histogram(display.samples[:, j], edges)
        np.testing.assert_allclose(heights * np.diff(edges) * len(display.samples), counts)
        assert edges[0] <= display.axes_[j, j].get_xlim()[0]
        assert edges[-1] >= display.axes_[j, j].get_xlim()[1]


def test_names_are_on_the_outer_axes(mixture):
    display = CornerDisplay.from_estimator(mixture, FRAME, random_state=0)
    assert [panel.get_xlabel() for panel in display.axes_[-1]] == ["a", "b (mm)", "c"]
    assert [panel.get_ylabel() for panel in display.axes_[:, 0]] == ["density", "b (mm)", "c"]
    assert display.legend_.get_title().get_text() == "GaussianMixture"
    plain = CornerDisplay.from_estimator(
        GaussianMixture(random_state=0).fit(ROWS), ROWS, feature_names=["x", "y", "z"]
    )
    assert [panel.get_xlabel() for panel in plain.axes_[-1]] == ["x", "y", "z"]


def test_panels_of_a_column_share_its_range(mixture):
    display = CornerDisplay.from_estimator(mixture, FRAME, random_state=0)
    low, high = ROWS.min(axis=0), ROWS.max(axis=0)
    limits = np.transpose([low - 0.1 * (high - low), high + 0.1 * (high - low)])
    for j in range(3):
        for i in range(j, 3):
            np.testing.assert_allclose(display.axes_[i, j].get_xlim(), limits[j])
            if i > j:
                np.testing.assert_allclose(display.axes_[i, j].get_ylim(), limits[i])


def test_draws_outside_the_frame_are_counted(mixture):
    samples = np.concatenate([ROWS, [[99.0, 0, 0], [0, -9999, 0], [99, 9999, 0]]])
    display = CornerDisplay(rows=ROWS, samples=samples).plot()
    labels = [text.get_text() for text in display.legend_.get_texts()]
    assert labels == ["300 rows", "303 samples, 3 outside"]
    assert CornerDisplay(rows=ROWS, samples=ROWS).plot().legend_.get_texts()[1].get_text() == (
        "300 samples"
    )


def test_each_column_is_on_its_own_axis():
    rng = np.random.default_rng(0)
    flags = (rng.random(300) < 0.2).astype(float)
    rows = np.column_stack([np.exp(2 * ROWS[:, 0]), flags, rng.normal(size=300)])
    rows[5, 2] = 1e12
    display = CornerDisplay(rows=rows, samples=rows[:200]).plot()
    assert [panel.get_xscale() for panel in display.axes_[2]] == ["log", "linear", "linear"]
    assert display.axes_[1, 0].get_xscale() == "log"
    heights, edges, _ = display.row_histograms_[0].get_data()
    widths = np.diff(np.log10(edges))
    np.testing.assert_allclose(widths, widths[0])
    np.testing.assert_allclose(heights @ widths, 1)
    heights, edges, _ = display.row_histograms_[1].get_data()
    np.testing.assert_array_equal(edges, [-0.5, 0.5, 1.5])
    np.testing.assert_allclose(heights, [1 - flags.mean(), flags.mean()])
    assert display.axes_[2, 2].get_xlim()[1] < 10
    labels = [text.get_text() for text in display.legend_.get_texts()]
    assert labels == ["300 rows, 1 outside", "200 samples, 1 outside"]


def test_declared_supports_bound_the_panels(quick):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"n": rng.poisson(1, 200), "u": rng.random(200)})
    density = quick(support={"n": ("integer", 0, 9), "u": "unit"}).fit(frame)
    display = CornerDisplay.from_estimator(density, frame, random_state=0)
    assert display.axes_[1, 0].get_xlim()[0] == -0.5
    assert display.axes_[1, 0].get_ylim() == (0, 1)
    edges = display.sample_histograms_[0].get_data()[1]
    np.testing.assert_array_equal(edges % 1, 0.5)


def test_points_can_have_colors_by_value(mixture):
    values = np.arange(300.0)
    display = CornerDisplay.from_estimator(
        mixture, FRAME, random_state=0, rows_kwargs={"c": values}, samples_kwargs={"c": "red"}
    )
    np.testing.assert_array_equal(display.row_scatters_[1, 0].get_array(), values)
    red = display.sample_scatters_[1, 0].get_facecolor()[0, :3]
    np.testing.assert_allclose(red, [1, 0, 0])


@pytest.mark.parametrize("columns", [["c", "a"], [2, 0], [-1, "a"]])
def test_columns_are_chosen_by_name_or_index(mixture, columns):
    display = CornerDisplay.from_estimator(mixture, FRAME, columns=columns, random_state=0)
    assert [panel.get_xlabel() for panel in display.axes_[-1]] == ["c", "a"]
    np.testing.assert_array_equal(display.row_scatters_[1, 0].get_offsets(), ROWS[:, [2, 0]])


def test_numbers_of_rows_and_draws(mixture):
    display = CornerDisplay.from_estimator(mixture, FRAME, subsample=50, random_state=0)
    assert display.rows.shape == display.samples.shape == (50, 3)
    display = CornerDisplay.from_estimator(
        mixture, FRAME, subsample=None, n_samples=7, random_state=0
    )
    assert (len(display.rows), len(display.samples)) == (300, 7)


def test_a_seed_gives_the_same_picture(mixture):
    first, second = (
        CornerDisplay.from_estimator(mixture, FRAME, subsample=20, random_state=3) for _ in "ab"
    )
    np.testing.assert_array_equal(first.samples, second.samples)
    np.testing.assert_array_equal(first.rows, second.rows)


def test_one_column_is_one_panel():
    X = ROWS[:, :1]
    display = CornerDisplay.from_estimator(KernelDensity().fit(X), X, random_state=0)
    assert display.axes_.shape == (1, 1)
    assert display.axes_[0, 0].get_xlabel() == "x0"


def test_axes_of_ones_own(mixture):
    figure, (left, right) = plt.subplots(1, 2)
    display = CornerDisplay.from_estimator(mixture, FRAME, ax=right, random_state=0)
    assert display.figure_ is figure
    assert not right.axison
    boxes = [panel.get_position() for panel in display.axes_.ravel()]
    assert min(box.x0 for box in boxes) >= right.get_position().x0 - 1e-9
    assert left.axison
    given = plt.subplots(3, 3)[1]
    assert CornerDisplay.from_estimator(mixture, FRAME, ax=given, random_state=0).axes_ is given


def test_our_estimators_and_labels_too(quick, moons):
    display = CornerDisplay.from_estimator(quick().fit(moons), moons, random_state=0)
    np.testing.assert_array_equal(
        display.samples, CornerDisplay.from_estimator(
            quick().fit(moons), moons, random_state=0
        ).samples,
    )  # fmt: skip


def test_errors_say_what_to_do(mixture):
    wide = np.random.default_rng(0).normal(size=(40, 13))
    with pytest.raises(ValueError, match=r"13 × 13 panels.*columns=\['x0', 'x1', 'x2'\]"):
        CornerDisplay.from_estimator(KernelDensity().fit(wide), wide)
    with pytest.raises(ValueError, match="no column 'd'; it has a, b"):
        CornerDisplay.from_estimator(mixture, FRAME, columns=["d"])
    with pytest.raises(ValueError, match=r"shape \(2, 2\), but 3 columns require \(3, 3\)"):
        CornerDisplay.from_estimator(mixture, FRAME, ax=plt.subplots(2, 2)[1])
    with pytest.raises(TypeError, match="IsolationForest has no method sample, which Corner"):
        CornerDisplay.from_estimator(IsolationForest(n_estimators=2).fit(ROWS), ROWS)
