"""Continua, against scipy and against their own integrals."""

import numpy as np
import torch
from scipy import stats
from torch import Generator

from skflow.flows.any_order.continuum import Continuum
from skflow.flows.bijections import Spline
from skflow.flows.distributions.interval import Interval
from tests.flows.any_order.examples import tensor

N = 4
U = tensor([-2.0, 0.1, 1.3, 30.0])


def bent(seed=0, k=2):
    generator = Generator().manual_seed(seed)
    spline = Spline(5, 5.0)
    raw = torch.randn(spline.n_parameters, k, N, generator=generator, dtype=torch.float64)
    loc = torch.randn(k, N, generator=generator, dtype=torch.float64)
    return Continuum(loc, loc.exp(), tensor([3.0] * N), spline, raw)


def test_without_a_spline_it_is_a_t():
    loc, scale, df = tensor([[0.0] * N, [1.0] * N]), tensor([[1.0] * N, [2.0] * N]), tensor(3.0)
    plain = Continuum(loc, scale, df)
    for k in range(2):
        truth = stats.t(3, loc[k], scale[k])
        np.testing.assert_allclose(plain.log_density(U)[k], truth.logpdf(U), rtol=1e-12)
        np.testing.assert_allclose(plain.cdf(U)[k], truth.cdf(U), rtol=1e-12)
    interval = Interval(U - 0.5, U + 0.5, U < -1, U > 20, torch.zeros(N).double())
    low, high = truth.cdf(U - 0.5), truth.cdf(U + 0.5)
    expected = np.where(U > 20, truth.sf(U - 0.5), np.where(U < -1, high, high - low))
    np.testing.assert_allclose(plain.log_interval(interval)[1].exp(), expected, rtol=1e-10)


def test_density_cdf_quantile_and_intervals_belong_together():
    continuum = bent()
    low = continuum.loc - 5 * continuum.scale
    high = continuum.loc + 0.7 * continuum.scale
    places = torch.linspace(0, 1, 4001).double().view(-1, 1, 1)
    nodes = torch.lerp(low, high, places)
    density = torch.stack([continuum.log_density(u) for u in nodes]).exp()
    mass = torch.trapezoid(density, nodes, dim=0)
    np.testing.assert_allclose(continuum.cdf(high) - continuum.cdf(low), mass, rtol=1e-5)
    never = torch.zeros_like(low, dtype=torch.bool)
    interval = Interval(low, high, never, never, (high - low).log())
    np.testing.assert_allclose(continuum.log_interval(interval).exp(), mass, rtol=1e-5)
    levels = tensor([0.001, 0.3, 0.5, 0.99])
    np.testing.assert_allclose(
        torch.stack([continuum.cdf(row) for row in continuum.quantile(levels)]).diagonal().T,
        levels.expand(2, -1),
        rtol=1e-9,
    )


def test_columns_of_it_are_taken_with_their_splines():
    continuum, u = bent(k=3), U.expand(3, -1)
    taken = continuum.take([2, 0])
    np.testing.assert_allclose(taken.log_density(u[:2]), continuum.log_density(u)[[2, 0]])


def test_draws_follow_the_distribution():
    n = 2000
    spline = Spline(5, 5.0)
    raw = bent().raw[:, :1, :1].expand(-1, 1, n)
    continuum = Continuum(torch.ones(1, n).double(), tensor(2.0), tensor([3.0] * n), spline, raw)
    draws = continuum.sample(Generator().manual_seed(0))[0]
    assert stats.kstest(continuum.cdf(draws)[0].numpy(), "uniform").pvalue > 0.01
