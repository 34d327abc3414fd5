"""Monotone interpolation: through the knots, smooth there, and linear beyond them."""

import torch

from skflow.flows.bijections import Interpolant

KNOTS = torch.tensor([[-1.0, 0.0, 2.0], [0.0, 1.0, 1.5]], dtype=torch.float64)
VALUES = torch.tensor([[-2.0, 1.0, 1.5], [0.0, 0.2, 4.0]], dtype=torch.float64)
SLOPES = torch.tensor([[1.0, 0.5, 2.0], [0.1, 3.0, 1.0]], dtype=torch.float64)


def interpolant():
    return Interpolant(KNOTS, VALUES, SLOPES)


def test_passes_through_the_knots_with_the_slopes():
    for side in (-1e-9, 0.0, 1e-9):
        z, log_det = interpolant()(KNOTS.mT + side)
        torch.testing.assert_close(z, VALUES.mT, rtol=0, atol=1e-8)
        torch.testing.assert_close(log_det, SLOPES.log().sum(0), rtol=0, atol=1e-7)


def test_is_linear_beyond_the_knots():
    beyond = torch.tensor([[-10.0, -4.0], [20.0, 9.0]], dtype=torch.float64)
    z, log_det = interpolant()(beyond)
    for i, end in enumerate((0, -1)):
        expected = VALUES[:, end] + SLOPES[:, end] * (beyond[i] - KNOTS[:, end])
        torch.testing.assert_close(z[i], expected)
        torch.testing.assert_close(log_det[i], SLOPES[:, end].log().sum())


def test_is_increasing():
    x = torch.linspace(-5, 5, 2001, dtype=torch.float64)[:, None].expand(-1, 2)
    assert (interpolant()(x)[0].diff(dim=0) > 0).all()
