"""Continuous flows: the solver on velocity fields in closed form."""

import math

import pytest
import torch
from torch import Generator, nn

from skflow.flows.bijections import Continuous
from skflow.flows.families import FAMILIES, build_bijections
from skflow.flows.layers import LayerConfig


def normal(*shape, seed=0):
    return torch.randn(*shape, generator=Generator().manual_seed(seed), dtype=torch.float64)


class GaussianVelocity(nn.Module):
    """The velocity field that transports N(0, diag sd²) to the standard normal.

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
def test_transports_a_gaussian_to_the_standard_normal(n_steps, error):
    x = normal(100, 3)
    flow = Continuous(GaussianVelocity(SD), n_steps)
    z, log_det = flow(x)
    sd = torch.tensor(SD, dtype=torch.float64)
    torch.testing.assert_close(z, x / sd, rtol=0, atol=4 * error)
    expected = -sd.log().sum().expand(100)
    torch.testing.assert_close(log_det, expected, rtol=0, atol=error)


def test_error_is_of_fifth_order_in_the_step():
    x = normal(100, 3)
    expected = x / torch.tensor(SD, dtype=torch.float64)
    coarse, fine = (
        (Continuous(GaussianVelocity(SD), n)(x)[0] - expected).abs().max() for n in (24, 48)
    )
    assert 2**4.5 < coarse / fine < 2**6.5


def test_maximum_likelihood_training_takes_fewer_steps():
    (bijection,) = build_bijections(
        "cnf", FAMILIES["cnf"].n_transforms, LayerConfig(2), Generator().manual_seed(0)
    )
    for p in bijection.parameters():
        p.data += 0.3 * torch.randn(p.shape, generator=Generator().manual_seed(1))
    x = normal(50, 2).float()
    coarse, fine = bijection.train()(x)[1], bijection.eval()(x)[1]
    assert 0 < (coarse - fine).abs().max() < 0.2
