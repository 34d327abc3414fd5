"""Autoregressive layers: triangular, and sampled incrementally as in one pass."""

import pytest
import torch

from skflow.flows.bijections import Continuous, Coupling
from skflow.flows.layers import LayerConfig, autoregressive, continuous, coupling


def layer(transformer, d, n_context=0):
    generator = torch.Generator().manual_seed(0)
    config = LayerConfig(d, n_context, hidden_layer_sizes=(16, 16), n_bins=4)
    bijection = autoregressive(transformer)(config, generator).double()
    for p in bijection.parameters():
        p.data += 0.3 * torch.randn(p.shape, generator=generator, dtype=p.dtype)
    return bijection


@pytest.mark.parametrize("transformer", ["additive", "affine", "spline"])
def test_jacobian_is_lower_triangular(transformer):
    bijection = layer(transformer, 4)
    x = torch.tensor([0.3, -0.5, 0.1, 0.7], dtype=torch.float64)
    jacobian = torch.autograd.functional.jacobian(lambda v: bijection(v[None])[0][0], x)
    assert not jacobian.triu(1).any()
    assert (jacobian.tril(-1) != 0).sum() == 6
    expected = jacobian.diagonal().log().sum()
    torch.testing.assert_close(bijection(x[None])[1][0], expected)


def test_many_columns_in_blocks_equal_the_plain_network():
    bijection = layer("affine", 20, n_context=1)
    generator = torch.Generator().manual_seed(1)
    x, context = (torch.randn(5, k, generator=generator, dtype=torch.float64) for k in (20, 1))
    raw = bijection.net(torch.cat([x, context], dim=1).mT).unflatten(0, (2, 20))
    expected, log_slope = bijection.transformer.forward(x.mT, raw)
    z, log_det = bijection(x, context)
    torch.testing.assert_close(z, expected.mT)
    torch.testing.assert_close(log_det, log_slope.sum(0))


def test_says_that_its_inverse_is_sequential():
    config, generator = LayerConfig(2), torch.Generator()
    assert layer("affine", 2).sequential_inverse
    others = coupling("affine")(config, generator), continuous(4)(config, generator)
    assert [type(other) for other in others] == [Coupling, Continuous]
    assert not any(other.sequential_inverse for other in others)
