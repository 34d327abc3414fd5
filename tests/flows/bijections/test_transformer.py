"""The contract of transformer.py, for every scalar map."""

import pytest
import torch

from skflow.flows.bijections import Additive, Affine, Spline

TRANSFORMERS = [Additive(), Affine(), Spline(5), Spline(5, fused=False)]


def normal(*shape, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


@pytest.fixture(params=TRANSFORMERS, ids=["additive", "affine", "spline", "plain spline"])
def transformer(request):
    return request.param


def test_raw_parameters_zero_are_the_identity(transformer):
    x = 3 * normal(2, 50)
    raw = torch.zeros(transformer.n_parameters, 2, 50, dtype=torch.float64)
    for direction in (transformer.forward, transformer.inverse):
        out, log_slope = direction(x, raw)
        torch.testing.assert_close(out, x, rtol=0, atol=1e-13)
        torch.testing.assert_close(log_slope, torch.zeros_like(x), rtol=0, atol=1e-13)


@pytest.mark.parametrize("leading", [(), (3,)])
def test_round_trip_and_opposite_log_slopes(transformer, leading):
    x, raw = 3 * normal(*leading, 2, 50), normal(*leading, transformer.n_parameters, 2, 50, seed=1)
    z, log_slope = transformer.forward(x, raw)
    back, log_slope_back = transformer.inverse(z, raw)
    assert z.shape == log_slope.shape == x.shape
    torch.testing.assert_close(back, x, rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(log_slope_back, -log_slope, rtol=1e-7, atol=1e-7)


@pytest.mark.parametrize("direction", ["forward", "inverse"])
def test_log_slope_is_the_logarithm_of_the_derivative(transformer, direction):
    x, raw = 3 * normal(2, 50), normal(transformer.n_parameters, 2, 50, seed=1)
    out, log_slope = getattr(transformer, direction)(x.requires_grad_(), raw)
    (slope,) = torch.autograd.grad(out.sum(), x)
    torch.testing.assert_close(slope.log(), log_slope, rtol=1e-8, atol=1e-8)
