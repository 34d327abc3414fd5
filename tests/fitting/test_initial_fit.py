"""Initial fits conditional on a context."""

import numpy as np
import pytest
import torch
from scipy.stats import t

from skflow.fitting.initial_fit import (
    INITIAL_FITS,
    DiscriminantInitialFit,
    ParetoTailsInitialFit,
    RidgeInitialFit,
)
from skflow.fitting.student_t import DEGREES_OF_FREEDOM
from skflow.flows.bijections import Chain
from skflow.flows.distributions.normal_and_t import MultivariateT
from skflow.preprocessing.dataset import WeightedDataset

RNG = np.random.default_rng(0)


def dataset_of(x, context, weights=None):
    weights = np.ones(len(x)) if weights is None else weights
    return WeightedDataset(
        *(torch.from_numpy(np.asarray(a, float)) for a in (x, weights, context))
    )


def folds(n):
    return np.arange(n) % 5


def test_ridge_regression_finds_coefficients_scale_and_degrees_of_freedom():
    context = RNG.normal(size=(400, 3))
    slopes = np.array([[1.0, 0.0, -2.0], [0.5, 3.0, 0.0]])
    x = context @ slopes.T + [1, 2] + 0.1 * RNG.standard_t(5, size=(400, 2))
    data = dataset_of(x, context)
    initial_fit = RidgeInitialFit.select(data, folds(400), DEGREES_OF_FREEDOM)
    regress, whiten = initial_fit.fit(data)
    np.testing.assert_allclose(regress.coefficients, slopes, atol=0.03)
    np.testing.assert_allclose(regress.intercept, [1, 2], atol=0.03)
    np.testing.assert_allclose(whiten.factor.diagonal(), 0.1, rtol=0.25)
    assert 2.5 <= initial_fit.shape.df <= 10


def test_coefficients_of_uninformative_columns_are_shrunk_to_zero():
    context, x = RNG.normal(size=(60, 40)), RNG.normal(size=(60, 1))
    initial_fit = RidgeInitialFit.select(dataset_of(x, context), folds(60), DEGREES_OF_FREEDOM)
    regress, _ = initial_fit.fit(dataset_of(x, context))
    assert regress.coefficients.abs().max() < 0.2
    assert initial_fit.shape.score > -1.6  # a standard normal has −1.42


def classes(n_each, scales):
    label = np.repeat(np.arange(len(scales)), n_each)
    x = np.array(scales)[label, None] * RNG.normal(size=(len(label), 3)) + 5 * label[:, None]
    order = RNG.permutation(len(label))
    return dataset_of(x[order], np.eye(len(scales))[label[order]])


@pytest.mark.parametrize(
    ("scales", "min_pooling", "max_pooling"), [([1, 1, 1], 10, np.inf), ([0.1, 1, 4], 0, 1)]
)
def test_scatters_of_similar_classes_are_pooled(scales, min_pooling, max_pooling):
    data = classes(60, scales)
    initial_fit = DiscriminantInitialFit.select(data, folds(180), DEGREES_OF_FREEDOM)
    assert min_pooling <= initial_fit.pooling <= max_pooling
    (whiten,) = initial_fit.fit(data)
    sizes = whiten.factor.diagonal(dim1=1, dim2=2).mean(1)
    np.testing.assert_allclose(sizes, scales, rtol=0.3)
    np.testing.assert_allclose(whiten.loc[:, 0], [0, 5, 10], atol=1.5)


def test_a_class_without_samples_has_the_pooled_moments():
    data = classes(50, [1, 1])
    empty = WeightedDataset(
        data.x, data.weights, torch.cat([data.context, torch.zeros(100, 1)], dim=1)
    )
    initial_fit = DiscriminantInitialFit.select(empty, folds(100), DEGREES_OF_FREEDOM)
    (whiten,) = initial_fit.fit(empty)
    np.testing.assert_allclose(whiten.loc[2], data.x.mean(0))
    assert whiten.factor[2].isfinite().all()


@pytest.mark.parametrize("task", list(INITIAL_FITS))
def test_default_hyperparameters_fit_two_samples(task):
    context = np.eye(2)[[0, 1]]
    data = dataset_of(np.array([[0.0, 1.0], [2.0, 5.0]]), context)
    bijections = INITIAL_FITS[task]().fit(data)
    z, log_det = Chain(bijections)(data.x, data.context)
    assert z.isfinite().all()
    assert log_det.isfinite().all()


def test_a_t_copula_keeps_exponential_columns_exponential():
    """Whatever the degrees of freedom, a column's own tail is that of its values."""
    rng = np.random.default_rng(1)
    chi2 = rng.chisquare(3, size=(4000, 1)) / 3  # large together
    normal = rng.normal(size=(4000, 2)) / np.sqrt(chi2)
    x = -np.log(1 - t.cdf(normal, 3)) - 1  # margins are exponential, of unit scale
    data = dataset_of(x, np.zeros((4000, 1)))
    initial_fit = ParetoTailsInitialFit.select(data, folds(4000), DEGREES_OF_FREEDOM)
    assert initial_fit.shape.df <= 10
    tails, whiten = initial_fit.fit(data)
    z = MultivariateT(2, initial_fit.shape.df).sample(200_000, torch.Generator().manual_seed(0))
    samples, _ = Chain([tails, whiten]).inverse(z)
    extreme, plain = (values[:, 0].quantile(0.9999) for values in (samples, whiten.inverse(z)[0]))
    assert float(extreme) == pytest.approx(np.log(10_000) - 1, rel=0.8)
    assert float(plain) > 1.5 * float(extreme)  # what the t would make of it
