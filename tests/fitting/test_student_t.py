"""The multivariate Student t that flows are initialized with."""

import numpy as np
import pytest
from scipy import stats

from skflow.data.weighted_rows import assign_folds
from skflow.fitting.student_t import (
    DEGREES_OF_FREEDOM,
    SHRINKAGES,
    StudentTShape,
    _log_likelihoods,
    fit_location_scatter,
    fit_student_t,
    select_student_t,
    shrink,
)

LOC = np.array([3.0, -1.0, 0.5])
SCATTER = np.array([[2.0, 1.2, 0.0], [1.2, 1.0, -0.3], [0.0, -0.3, 0.5]])


def student(n, df, seed=0):
    return stats.multivariate_t(LOC, SCATTER, df).rvs(n, random_state=seed)


def selected_shape(rows, weights=None, n_folds=5):
    weights = np.ones(len(rows)) if weights is None else weights
    folds = assign_folds(len(rows), n_folds, np.random.default_rng(0))
    return select_student_t(rows, weights, folds)


def fitted(rows, shape, weights=None):
    loc, factor = fit_student_t(rows, np.ones(len(rows)) if weights is None else weights, shape)
    return loc, factor @ factor.T


@pytest.mark.parametrize("df", [2.5, 5.0, 1e4])
def test_location_scatter_and_degrees_of_freedom_are_recovered(df):
    rows = student(20_000, df)
    shape = selected_shape(rows)
    assert shape.df == df
    assert shape.shrinkage <= 0.01
    loc, scatter = fitted(rows, shape)
    np.testing.assert_allclose(loc, LOC, atol=0.04)
    np.testing.assert_allclose(scatter, SCATTER, atol=0.08)


def test_the_score_is_the_held_out_log_likelihood():
    rows = student(4000, 5.0)
    expected = stats.multivariate_t(LOC, SCATTER, 5.0).logpdf(rows).mean()
    assert selected_shape(rows).score == pytest.approx(expected, abs=0.02)


@pytest.mark.parametrize("df", [2.5, 10.0])
def test_em_finds_the_maximum_of_the_likelihood(df):
    """Small changes of location, scale or correlation decrease the likelihood."""
    rows, weights = student(500, df), np.random.default_rng(1).uniform(0.5, 2, 500)
    loc, scatter = fit_location_scatter(rows, weights, df, 1e-8)

    def score(loc, scatter):
        return weights @ stats.multivariate_t(loc, scatter, df).logpdf(rows) / weights.sum()

    best = score(loc, scatter)
    for step in (-0.03, 0.03):
        assert score(loc + step, scatter) < best
        assert score(loc, scatter * np.exp(step)) < best
        tilted = scatter.copy()
        tilted[0, 1] = tilted[1, 0] = scatter[0, 1] + step
        assert score(loc, tilted) < best


def test_a_strongly_shrunk_scatter_has_the_right_scale():
    """With fewer samples than columns; ten times or a tenth of the scatter is less likely."""
    rows = np.random.default_rng(0).normal(size=(60, 100))
    loc, factor = fit_student_t(rows, np.ones(60), StudentTShape(5.0, 0.5))
    scores = [
        stats.multivariate_t(loc, c * factor @ factor.T, 5.0).logpdf(rows).mean()
        for c in (0.1, 1.0, 10.0)
    ]
    assert scores[1] > max(scores[0], scores[2])


def test_gaussian_moments_are_the_weighted_ones():
    rng = np.random.default_rng(0)
    rows, weights = rng.normal(size=(50, 3)), rng.uniform(0.1, 2, 50)
    loc, scatter = fit_location_scatter(rows, weights, 1e4, 0.1)
    np.testing.assert_allclose(loc, np.average(rows, axis=0, weights=weights))
    np.testing.assert_allclose(scatter, np.cov(rows.T, aweights=weights, bias=True))


def test_weights_are_repetitions():
    rows = student(60, 3.0)
    repeats = np.random.default_rng(0).integers(1, 4, 60)
    one = fit_location_scatter(rows, repeats.astype(float), 2.5, 0.01)
    two = fit_location_scatter(rows.repeat(repeats, axis=0), np.ones(repeats.sum()), 2.5, 0.01)
    for a, b in zip(one, two, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9)


@pytest.mark.parametrize("df", DEGREES_OF_FREEDOM)
def test_log_likelihoods_are_scipys_for_every_shrinkage(df):
    rng = np.random.default_rng(0)
    rows, weights = student(40, 3.0), rng.uniform(0.1, 2, 40)
    found = _log_likelihoods(rows, weights, LOC, SCATTER, df)
    expected = [
        weights @ stats.multivariate_t(LOC, shrink(SCATTER, s), df).logpdf(rows)
        for s in SHRINKAGES
    ]
    np.testing.assert_allclose(found, expected, rtol=1e-8)


def test_shrinking_keeps_scales_and_does_not_change_its_argument():
    before = SCATTER.copy()
    shrunk = shrink(SCATTER, 0.25)
    np.testing.assert_allclose(shrunk.diagonal(), SCATTER.diagonal())
    assert shrunk[0, 1] == pytest.approx(0.75 * 1.2)
    np.testing.assert_array_equal(SCATTER, before)


def test_fewer_rows_than_columns_are_shrunk_strongly():
    rows = np.random.default_rng(0).normal(size=(10, 40))
    shape = selected_shape(rows)
    assert shape.shrinkage >= 0.5
    loc, scatter = fitted(rows, shape)
    assert np.isfinite(loc).all()
    assert np.linalg.cond(scatter) < 100


def test_two_rows_are_enough():
    rows = np.array([[0.0, 1.0], [2.0, -1.0]])
    loc, scatter = fitted(rows, selected_shape(rows, n_folds=2))
    np.testing.assert_allclose(loc, [1, 0], atol=1e-6)
    assert np.isfinite(scatter).all()
    assert np.linalg.eigvalsh(scatter).min() > 0


def degenerate(kind):
    rows = np.random.default_rng(0).normal(size=(60, 3))
    if kind == "collinear":
        rows[:, 2] = rows[:, 0] - 2 * rows[:, 1]
    elif kind == "duplicated":
        rows[:, 2] = rows[:, 0]
    elif kind == "constant":
        rows[:, 2] = 0.0
    elif kind == "constant away from 0":
        rows[:, 2] = 0.1
    elif kind == "constant but for one row":
        rows[:, 2] = np.r_[np.full(59, -0.1), 5.9]
    return rows


@pytest.mark.parametrize(
    "kind",
    ["collinear", "duplicated", "constant", "constant away from 0", "constant but for one row"],
)
def test_degenerate_columns_are_finite(kind):
    rows = degenerate(kind)
    shape = selected_shape(rows)
    assert np.isfinite(shape.score)
    loc, factor = fit_student_t(rows, np.ones(60), shape)
    assert np.isfinite(np.linalg.solve(factor, (rows - loc).T)).all()
    assert (factor.diagonal() > 0).all()


@pytest.mark.parametrize("value", [0.0, 0.1, -1 / 3, 1e3])
@pytest.mark.parametrize("df", [2.5, 1e4])
def test_a_constant_column_is_given_unit_variance(value, df):
    """Whatever its value: the rounding error of the mean is no variance."""
    rows = degenerate("constant")
    rows[:, 2] = value
    _, scatter = fit_location_scatter(rows, np.random.default_rng(0).uniform(size=60), df, 0.1)
    assert scatter[2, 2] == pytest.approx(1)


def test_collinear_columns_are_hardly_shrunk():
    assert selected_shape(degenerate("duplicated")).shrinkage <= 1e-6


def test_a_few_outliers_hardly_change_the_estimates():
    rng = np.random.default_rng(0)
    clean = rng.multivariate_normal(LOC, SCATTER, 500)
    rows = np.concatenate([clean, rng.normal(size=(5, 3)) * 1e4])
    shape = selected_shape(rows)
    assert shape.df == DEGREES_OF_FREEDOM[0]
    assert shape.shrinkage <= 0.1
    loc, scatter = fitted(rows, shape)
    np.testing.assert_allclose(loc, clean.mean(0), atol=0.05)
    ratio = np.linalg.eigvals(np.linalg.solve(SCATTER, scatter)).real
    assert ratio.min() > 0.3
    assert ratio.max() < 1.5


def test_only_candidates_are_selected():
    rows = student(300, 2.5)
    folds = assign_folds(300, 5, np.random.default_rng(0))
    assert select_student_t(rows, np.ones(300), folds, (1e4,)).df == 1e4


def test_estimates_follow_the_scale_of_the_columns():
    rows, scale = student(200, 5.0), np.array([1e-6, 1.0, 1e6])
    one, two = selected_shape(rows), selected_shape(rows * scale)
    assert (one.df, one.shrinkage) == (two.df, two.shrinkage)
    assert two.score == pytest.approx(one.score - np.log(scale).sum())
    shape = StudentTShape(5.0, 0.01)
    loc, factor = fit_student_t(rows, np.ones(200), shape)
    loc_scaled, factor_scaled = fit_student_t(rows * scale, np.ones(200), shape)
    np.testing.assert_allclose(loc_scaled, loc * scale, rtol=1e-9)
    np.testing.assert_allclose(factor_scaled, factor * scale[:, None], rtol=1e-6)
