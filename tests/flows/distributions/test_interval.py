"""Log-probabilities of intervals, against distribution functions of scipy in both tails."""

import copy
import math
from dataclasses import fields

import numpy as np
import pytest
import torch
from scipy import stats

from skflow.flows.bijections import Chain, Standardize
from skflow.flows.distributions.flow import Flow
from skflow.flows.distributions.gaussian_mixture_and_kernels import (
    GaussianKernels,
    GaussianMixture,
)
from skflow.flows.distributions.interval import Interval
from skflow.flows.distributions.mixture import Mixture
from skflow.flows.distributions.normal_and_t import MultivariateT, StandardNormal

INF = math.inf


def tensor(*values):
    return torch.tensor(values, dtype=torch.float64)


def cells(k, low=-INF, high=INF):
    k = tensor(*k)
    return Interval.around(k, torch.full_like(k, low), torch.full_like(k, high))


def rounded(df):
    """The degrees of freedom of a base, whose logarithm is in float32."""
    return min(math.exp(float(torch.tensor(math.log(df)))), 1e4)


class Mirror(Standardize):
    """A decreasing map."""

    def forward(self, x, context=None):
        z, log_det = super().forward(x, context)
        return -z, log_det


def mixture_of_all_bases(bijection=Standardize):
    chain = Chain([bijection(tensor(1.0), tensor(2.0))])
    centers, half = tensor(-1.0, 1.0)[:, None], tensor(0.5, 0.5).log()
    bases = [
        StandardNormal(1),
        MultivariateT(1, 3.0).double(),
        GaussianMixture(half, centers, torch.full((2, 1, 1), 0.5, dtype=torch.float64)),
        GaussianKernels(half, centers, tensor(0.5).squeeze()),
    ]
    mixture = Mixture([Flow(chain, base) for base in bases], tensor(0.4, 0.3, 0.2, 0.1))
    return Flow(Chain(), mixture).requires_grad_(False)


def true_cdf(x):
    z = (x - 1) / 2
    pair = (stats.norm.cdf(z, -1, 0.5) + stats.norm.cdf(z, 1, 0.5)) / 2
    return 0.4 * stats.norm.cdf(z) + 0.3 * stats.t(rounded(3)).cdf(z) + 0.3 * pair


@pytest.mark.parametrize("df", [None, 0.5, 2.0, 30.0, 1e4])
def test_both_tails_are_precise(df):
    base, truth = (
        (StandardNormal(1), stats.norm)
        if df is None
        else (MultivariateT(1, df).double(), stats.t(rounded(df)))
    )
    low, high = (
        tensor(-30.0, -9.0, -3.0, -0.2, 0.1, 5.0, 20.0),
        tensor(-29.0, -8, 2, 0.3, 1, 9, 21),
    )
    closed = torch.zeros_like(low, dtype=torch.bool)
    interval = Interval(low, high, closed, closed, (high - low).log())
    found = base.log_interval(interval).detach()
    mirrored = (low + high).numpy() > 0
    near = truth.cdf(np.where(mirrored, -low, high)), truth.cdf(np.where(mirrored, -high, low))
    np.testing.assert_allclose(found.exp(), near[0] - near[1], rtol=1e-9, atol=1e-250)
    assert found.isfinite().all()


@pytest.mark.parametrize("bijection", [Standardize, Mirror])
def test_cells_are_differences_of_the_distribution_function(bijection):
    k = np.arange(-9.0, 12.0)
    log_p = mixture_of_all_bases(bijection).log_interval(cells(k, -9, 11))
    steps = np.concatenate([[0], true_cdf(k[1:] - 0.5), [1]])
    if bijection is Mirror:  # the distribution is symmetric about 1
        np.testing.assert_allclose(log_p.exp()[1:-1].flip(0), np.diff(steps)[1:-1], rtol=1e-9)
    np.testing.assert_allclose(log_p.exp(), np.diff(steps), rtol=1e-9)
    assert float(log_p.exp().sum()) == pytest.approx(1, abs=1e-13)


def test_open_intervals():
    density = mixture_of_all_bases()
    everything = density.log_interval(cells([4.0], 4, 4))
    assert everything.tolist() == pytest.approx([0.0], abs=1e-15)
    below = density.log_interval(Interval.below(tensor(-40.0, 0.3, 50.0))).exp()
    np.testing.assert_allclose(below, true_cdf(np.array([-40, 0.3, 50])), rtol=1e-9)


def test_far_cells_are_finite_and_have_the_density_of_their_middle():
    density = mixture_of_all_bases()
    far = [1e6, -1e9, 1e15, 1e100, -1e300]
    log_p = density.log_interval(cells(far))
    assert log_p.isfinite().all()
    at_middle = density.log_prob(tensor(*far)[:, None])
    np.testing.assert_allclose(log_p, at_middle, rtol=1e-5)


def test_gradients_are_finite_and_right():
    density = mixture_of_all_bases()
    k = tensor(-1e300, -1e7, -20.0, 0.0, 1.0, 3.0, 1e12).requires_grad_()
    interval = Interval.around(k, tensor(-INF), tensor(INF))
    density.log_interval(interval).sum().backward()
    assert k.grad.isfinite().all()
    step = 1e-5
    up, down = (density.log_interval(cells([3.0 + s])) for s in (step, -step))
    assert float(k.grad[5]) == pytest.approx(float(up - down) / (2 * step), rel=1e-5)


def test_float32_components_keep_sums():
    density = mixture_of_all_bases()
    single = copy.deepcopy(density)
    single.base.float()
    k = list(range(-30, 33))
    double = density.log_interval(cells(k, -30, 32))
    found = single.log_interval(cells(k, -30, 32))
    np.testing.assert_allclose(found, double, atol=1e-3)
    assert float(found.exp().sum()) == pytest.approx(1, abs=1e-5)


def test_split_and_index_keep_all_fields():
    interval = cells([1.0, 2.0, 3.0], 1, 9)
    parts = interval.split(2)
    assert [len(part.low) for part in parts] == [2, 1]
    for field in fields(Interval):
        joined = torch.cat([getattr(part, field.name) for part in parts])
        torch.testing.assert_close(joined, getattr(interval, field.name))
    assert interval[1:].high.tolist() == [2.5, 3.5]
