"""What members start at, given a context."""

import numpy as np
import pytest
import torch

from skflow.fitting.initial_fit import INITIAL_FITS, select_initial_fit
from skflow.fitting.student_t import DEGREES_OF_FREEDOM
from skflow.flows.bijections import Chain
from skflow.preprocessing.dataset import WeightedDataset

RNG = np.random.default_rng(0)


def table(x, context, weights=None):
    weights = np.ones(len(x)) if weights is None else weights
    return WeightedDataset(
        *(torch.from_numpy(np.asarray(a, float)) for a in (x, weights, context))
    )


def folds(n):
    return np.arange(n) % 5


def test_a_linear_start_finds_the_line():
    context = RNG.normal(size=(400, 3))
    slopes = np.array([[1.0, 0.0, -2.0], [0.5, 3.0, 0.0]])
    x = context @ slopes.T + [1, 2] + 0.1 * RNG.standard_t(5, size=(400, 2))
    rows = table(x, context)
    start = select_initial_fit("numbers", rows, folds(400), DEGREES_OF_FREEDOM)
    regress, whiten = start.fit(rows)
    np.testing.assert_allclose(regress.coefficients, slopes, atol=0.03)
    np.testing.assert_allclose(regress.intercept, [1, 2], atol=0.03)
    np.testing.assert_allclose(whiten.factor.diagonal(), 0.1, rtol=0.25)
    assert 2.5 <= start.shape.df <= 10


def test_columns_that_know_nothing_are_shrunk_away():
    context, x = RNG.normal(size=(60, 40)), RNG.normal(size=(60, 1))
    start = select_initial_fit("numbers", table(x, context), folds(60), DEGREES_OF_FREEDOM)
    regress, _ = start.fit(table(x, context))
    assert regress.coefficients.abs().max() < 0.2
    assert start.shape.score > -1.6  # a standard normal has −1.42


def classes(n_each, scales):
    label = np.repeat(np.arange(len(scales)), n_each)
    x = np.array(scales)[label, None] * RNG.normal(size=(len(label), 3)) + 5 * label[:, None]
    order = RNG.permutation(len(label))
    return table(x[order], np.eye(len(scales))[label[order]])


@pytest.mark.parametrize(
    ("scales", "least", "most"), [([1, 1, 1], 10, np.inf), ([0.1, 1, 4], 0, 1)]
)
def test_classes_are_pooled_as_far_as_they_are_alike(scales, least, most):
    rows = classes(60, scales)
    start = select_initial_fit("classes", rows, folds(180), DEGREES_OF_FREEDOM)
    assert least <= start.pooling <= most
    (whiten,) = start.fit(rows)
    sizes = whiten.factor.diagonal(dim1=1, dim2=2).mean(1)
    np.testing.assert_allclose(sizes, scales, rtol=0.3)
    np.testing.assert_allclose(whiten.loc[:, 0], [0, 5, 10], atol=1.5)


def test_a_class_without_rows_gets_what_the_others_have():
    rows = classes(50, [1, 1])
    empty = WeightedDataset(
        rows.x, rows.weights, torch.cat([rows.context, torch.zeros(100, 1)], dim=1)
    )
    start = select_initial_fit("classes", empty, folds(100), DEGREES_OF_FREEDOM)
    (whiten,) = start.fit(empty)
    np.testing.assert_allclose(whiten.loc[2], rows.x.mean(0))
    assert whiten.factor[2].isfinite().all()


@pytest.mark.parametrize("kind", list(INITIAL_FITS))
def test_without_a_choice_a_start_is_a_fit_that_works(kind):
    context = np.eye(2)[[0, 1]]
    rows = table(np.array([[0.0, 1.0], [2.0, 5.0]]), context)
    bijections = INITIAL_FITS[kind]().fit(rows)
    z, log_det = Chain(bijections)(rows.x, rows.context)
    assert z.isfinite().all()
    assert log_det.isfinite().all()
