"""Distribution function, quantiles and moments of one target, against known mixtures."""

import numpy as np
import pytest
import torch
from scipy.stats import norm

from skflow.estimators import univariate
from skflow.estimators.univariate import UnivariateDistribution
from skflow.flows.bijections import Chain, Standardize
from skflow.flows.distributions.flow import Flow
from skflow.flows.distributions.mixture import Mixture
from skflow.flows.distributions.normal_and_t import MultivariateT, StandardNormal

MEANS, SCALES = np.array([-1.0, 3.0]), np.array([0.5, 2.0])
CONTEXT = torch.zeros(3, 1, dtype=torch.float64)  # three rows, on which nothing depends


def affine(mean, scale, base):
    bijection = Standardize(torch.tensor([mean]).double(), torch.tensor([scale]).double())
    return Flow(Chain([bijection]), base.double())


def mixture_of(components, weights):
    """A mixture in the units of a target that is 10 y + 4."""
    mixture = Mixture(components, torch.tensor(weights, dtype=torch.float64))
    return UnivariateDistribution(affine(4.0, 10.0, mixture))


@pytest.fixture
def normals():
    components = [affine(m, s, StandardNormal(1)) for m, s in zip(MEANS, SCALES, strict=True)]
    return mixture_of(components, [0.4, 0.6])


def true_cdf(y):
    return norm.cdf((y[:, None] - 4) / 10, MEANS, SCALES) @ [0.4, 0.6]


def test_cdf(normals):
    y = np.linspace(-60, 120, 50)
    cdf = normals.cdf(torch.from_numpy(y), CONTEXT[:1].expand(50, 1))
    np.testing.assert_allclose(cdf, true_cdf(y), atol=1e-14)


def test_quantiles_invert_the_cdf(normals):
    levels = np.array([1e-9, 0.1, 0.4, 0.5, 0.999])
    quantiles = normals.quantiles(torch.from_numpy(levels), CONTEXT).numpy()
    assert quantiles.shape == (3, 5)
    np.testing.assert_array_equal(quantiles[1:], quantiles[:1].repeat(2, axis=0))
    np.testing.assert_allclose(true_cdf(quantiles[0]), levels, rtol=1e-7)


def test_quadrature_gives_the_moments(normals):
    ((values, weights),) = normals.quadrature(CONTEXT)
    assert values.shape == (3, 66)
    assert weights.sum() == pytest.approx(1, abs=1e-14)
    mean = [0.4, 0.6] @ MEANS
    variance = [0.4, 0.6] @ (SCALES**2 + (MEANS - mean) ** 2)
    np.testing.assert_allclose(values @ weights, 10 * mean + 4, rtol=1e-12)
    np.testing.assert_allclose((values - 10 * mean - 4) ** 2 @ weights, 100 * variance, rtol=2e-3)


@pytest.mark.parametrize(("weight", "n_values"), [(0.6, 33), (0.4, 66)])
def test_components_without_a_variance_are_left_out_where_they_weigh_less(weight, n_values):
    components = [affine(0.0, 1.0, StandardNormal(1)), affine(0.0, 5.0, MultivariateT(1, 1.0))]
    distribution = mixture_of(components, [weight, 1 - weight])
    ((values, _),) = distribution.quadrature(CONTEXT)
    assert values.shape == (3, n_values)


def test_components_of_weight_zero_are_not_evaluated():
    broken = affine(0.0, np.nan, StandardNormal(1))
    distribution = mixture_of([affine(0.0, 1.0, StandardNormal(1)), broken], [1.0, 0.0])
    assert distribution.cdf(torch.tensor([4.0]).double(), CONTEXT[:1]) == pytest.approx(0.5)


def test_blocks_of_rows_make_no_difference(normals, monkeypatch):
    levels = torch.tensor([0.1, 0.9]).double()
    y = torch.tensor([0.0, 10.0, 30.0]).double()
    expected = normals.quantiles(levels, CONTEXT), normals.cdf(y, CONTEXT)
    monkeypatch.setattr(univariate, "_MAX_EVALUATIONS", 2)
    torch.testing.assert_close(normals.quantiles(levels, CONTEXT), expected[0], rtol=1e-9, atol=0)
    torch.testing.assert_close(normals.cdf(y, CONTEXT), expected[1], rtol=0, atol=0)
    assert len(list(normals.quadrature(CONTEXT))) == 3
