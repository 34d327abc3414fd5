"""Continuous flows: the solver on velocities known in closed form."""

import math

import pytest
import torch
from torch import Generator, nn

from skflow.flows.bijections import Chain, Continuous, Scale
from skflow.flows.distributions.flow import Flow
from skflow.flows.distributions.normal_and_t import StandardNormal
from skflow.flows.families import FAMILIES, build_bijections
from skflow.flows.layers import LayerConfig


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


@pytest.mark.parametrize("family", ["flow_matching", "flow_matching_ot", "diffusion", "cnf"])
def test_who_is_trained_by_regression(family):
    flow = Flow(Chain(build_bijections(family, 1, LayerConfig(2), Generator())), StandardNormal(2))
    assert (flow.regression_bijection is None) == (family == "cnf")
    assert Flow(Chain([Scale(2)]), StandardNormal(2)).regression_bijection is None
    assert (
        Flow(Chain([*flow.chain.bijections, Scale(2)]), StandardNormal(2)).regression_bijection
        is None
    )


def test_training_by_likelihood_takes_fewer_steps():
    (bijection,) = build_bijections(
        "cnf", FAMILIES["cnf"].n_transforms, LayerConfig(2), Generator().manual_seed(0)
    )
    for p in bijection.parameters():
        p.data += 0.3 * torch.randn(p.shape, generator=Generator().manual_seed(1))
    x = normal(50, 2).float()
    rough, fine = bijection.train()(x)[1], bijection.eval()(x)[1]
    assert 0 < (rough - fine).abs().max() < 0.2
