"""Continuous flows: the solver on velocities known in closed form, and the regressions."""

import math

import numpy as np
import pytest
import torch
from scipy.stats import kstest
from torch import Generator, nn

from skflow.flows.bases import StandardNormal
from skflow.flows.bijections import Chain, Continuous, Scale, continuous
from skflow.flows.bijections.continuous import _mean_origin
from skflow.flows.families import FAMILIES, links_of
from skflow.flows.flow import Flow
from skflow.flows.registry import Sizes


def normal(*shape, seed=0):
    return torch.randn(*shape, generator=Generator().manual_seed(seed), dtype=torch.float64)


class OfAGaussian(nn.Module):
    """The velocity that turns N(0, diag sd²) into a standard normal, in closed form.

    With y = x cos θ + ε sin θ, the mean of dy/dθ given y is
    sin θ cos θ (1 − sd²) / (sd² cos² θ + sin² θ) y.
    """

    def __init__(self, sd):
        super().__init__()
        self.variance = torch.tensor(sd, dtype=torch.float64).square()[:, None]

    def _rate(self, time):
        sin, cos = (math.pi / 2 * time).sin(), (math.pi / 2 * time).cos()
        return sin * cos * (1 - self.variance) / (self.variance * cos**2 + sin**2)

    def forward(self, columns, time, context=None):
        return self._rate(time.unsqueeze(-2)) * columns

    def field(self, columns, context=None):
        def velocity(columns, time):
            rate = self._rate(torch.tensor([[time]], dtype=torch.float64))
            return rate * columns, rate.sum().expand(columns.shape[-1])

        return velocity


SD = [0.4, 1.0, 1.5]


@pytest.mark.parametrize(("n_steps", "error"), [(8, 2e-3), (16, 5e-5), (32, 1e-6), (64, 3e-8)])
def test_a_gaussian_becomes_standard_normal(n_steps, error):
    x = normal(100, 3)
    flow = Continuous(OfAGaussian(SD), n_steps)
    z, log_det = flow(x)
    sd = torch.tensor(SD, dtype=torch.float64)
    torch.testing.assert_close(z, x / sd, rtol=0, atol=4 * error)
    expected = -sd.log().sum().expand(100)
    torch.testing.assert_close(log_det, expected, rtol=0, atol=error)


def test_the_error_falls_with_the_fifth_power_of_the_step():
    x = normal(100, 3)
    expected = x / torch.tensor(SD, dtype=torch.float64)
    coarse, fine = (
        (Continuous(OfAGaussian(SD), n)(x)[0] - expected).abs().max() for n in (24, 48)
    )
    assert 2**4.5 < coarse / fine < 2**6.5


def test_the_path_is_the_straight_one_scaled_to_unit_variance():
    """(1 − s) x + s ε over its standard deviation is x cos θ + ε sin θ, tan θ = s / (1 − s)."""
    x, noise, s = normal(50), normal(50, seed=1), torch.linspace(0, 1, 50, dtype=torch.float64)
    straight = ((1 - s) * x + s * noise) / torch.hypot(1 - s, s)
    angle = torch.atan2(s, 1 - s)
    torch.testing.assert_close(straight, x * angle.cos() + noise * angle.sin())


@pytest.mark.parametrize("family", ["flow_matching", "diffusion"])
def test_the_regression_is_least_at_the_true_velocity(family):
    """And not at others: 0, which is that of unit variance, or one and a half times it."""

    class Times(nn.Module):
        def __init__(self, factor):
            super().__init__()
            self.inner, self.factor = OfAGaussian([0.5, 2.0]), factor

        def forward(self, columns, time, context=None):
            return self.factor * self.inner(columns, time, context)

    times = links_of(family, 1, Sizes(2), Generator())[0].times
    x = normal(5000, 2) * torch.tensor([0.5, 2.0], dtype=torch.float64)
    losses = []
    for factor in (0.0, 0.8, 1.0, 1.2):
        flow = Continuous(Times(factor), 8, times)
        batches = [
            flow.regression_loss(b, torch.ones(500).double(), None, Generator().manual_seed(k))
            for k, b in enumerate(x.split(500))
        ]
        losses.append(torch.cat(batches).mean().item())
    assert min(losses) == losses[2]
    assert losses[0] > losses[2] + 0.05


def test_a_target_is_averaged_over_where_it_may_have_come_from():
    columns, here, weights = normal(2, 6), normal(2, 4, seed=1), normal(6, seed=2).exp()
    sd = normal(1, 4, seed=3).exp()
    mean = _mean_origin(here, columns, weights, sd)
    for i in range(4):
        squares = (here[:, i, None] - columns).square().sum(0)
        share = weights * (-0.5 * squares / sd[0, i] ** 2).exp()
        torch.testing.assert_close(mean[:, i], columns @ share / share.sum())


def test_a_large_batch_is_averaged_over_in_groups(monkeypatch):
    monkeypatch.setattr(continuous, "_GROUP", 4)
    columns, here, weights = normal(2, 6), normal(2, 6, seed=1), normal(6, seed=2).exp()
    sd = normal(1, 6, seed=3).exp()
    mean = continuous._mean_origins(here, columns, weights, sd)
    for some in (slice(0, 4), slice(4, 6)):
        alone = _mean_origin(here[:, some], columns[:, some], weights[some], sd[:, some])
        torch.testing.assert_close(mean[:, some], alone)


def test_rows_of_no_weight_teach_nothing():
    columns, here, sd = normal(2, 6), normal(2, 4, seed=1), normal(1, 4, seed=3).exp()
    weights = torch.tensor([1.0, 1, 1, 1, 0, 0], dtype=torch.float64)
    with_them = _mean_origin(here, columns, weights, sd)
    torch.testing.assert_close(with_them, _mean_origin(here, columns[:, :4], weights[:4], sd))


def test_averaged_targets_have_the_same_mean_and_less_noise():
    """The loss at the true velocity falls, by the noise; the gradient's mean stays."""
    times = links_of("flow_matching", 1, Sizes(2), Generator())[0].times
    sd = torch.tensor([0.5, 2.0], dtype=torch.float64)
    x, ones = normal(400, 2) * sd, torch.ones(400).double()
    flow = Continuous(OfAGaussian([0.5, 2.0]), 8, times)
    averaged, own = (
        torch.stack(
            [flow.regression_loss(x, ones, c, Generator().manual_seed(k)) for k in range(20)]
        ).mean()
        for c in (None, torch.zeros(400, 0).double())
    )
    assert averaged < 0.7 * own


def test_times_of_flow_matching_are_even_and_those_of_diffusion_even_in_log_noise():
    even, by_noise = (
        links_of(family, 1, Sizes(2), Generator())[0]
        .times((2, 5000), Generator().manual_seed(0))
        .numpy()
        for family in ("flow_matching", "diffusion")
    )
    log_noise = np.log(np.sin(np.pi / 2 * by_noise)) / np.log(1e-2)
    for values in (even, log_noise):
        assert kstest(values.ravel(), "uniform").statistic < 2e-3
        assert (np.diff(np.sort(values), axis=1) < 1e-3).all()  # in every member


@pytest.mark.parametrize("family", ["flow_matching", "diffusion", "cnf"])
def test_who_is_trained_by_regression(family):
    flow = Flow(Chain(links_of(family, 1, Sizes(2), Generator())), StandardNormal(2))
    assert (flow.regression is None) == (family == "cnf")
    assert Flow(Chain([Scale(2)]), StandardNormal(2)).regression is None
    assert Flow(Chain([*flow.chain.links, Scale(2)]), StandardNormal(2)).regression is None


def test_training_by_likelihood_takes_fewer_steps():
    (link,) = links_of("cnf", FAMILIES["cnf"].n_transforms, Sizes(2), Generator().manual_seed(0))
    for p in link.parameters():
        p.data += 0.3 * torch.randn(p.shape, generator=Generator().manual_seed(1))
    x = normal(50, 2).float()
    rough, fine = link.train()(x)[1], link.eval()(x)[1]
    assert 0 < (rough - fine).abs().max() < 0.2
