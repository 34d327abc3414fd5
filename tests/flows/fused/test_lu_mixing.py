"""The fused product L U x against `LULinear` written plainly."""

import pytest
import torch

from skflow.flows.bijections import LULinear
from skflow.flows.fused import lu_mixing


def linear(d, volume_preserving=False, members=(), dtype=torch.float64, fused=True):
    layer = LULinear(d, volume_preserving, fused)
    generator = torch.Generator().manual_seed(0)
    for name, p in list(layer.named_parameters()):
        value = 0.5 * torch.randn(*members, *p.shape, generator=generator, dtype=torch.float64)
        layer._parameters[name] = torch.nn.Parameter(value.to(dtype))
    return layer


def normal(*shape, seed=1, dtype=torch.float64):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64).to(dtype)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("members", [(), (3,)])
@pytest.mark.parametrize("volume_preserving", [False, True])
@pytest.mark.parametrize("d", [1, 2, 7])
def test_values_equal_the_plain_form_to_the_last_bit(d, volume_preserving, members, dtype):
    x = normal(*members, 20, d, dtype=dtype)
    fused, plain = (
        linear(d, volume_preserving, members, dtype, fused)(x) for fused in (True, False)
    )
    assert torch.equal(fused[0], plain[0])
    assert torch.equal(fused[1], plain[1])


@pytest.mark.parametrize(("leading", "members"), [((), ()), ((3,), (3,)), ((3,), ())])
@pytest.mark.parametrize("volume_preserving", [False, True])
@pytest.mark.parametrize("d", [1, 2, 7])
def test_gradients_equal_those_of_autograd(d, volume_preserving, leading, members):
    x = normal(*leading, 20, d).requires_grad_()
    g_z, g_log_det = normal(*leading, 20, d, seed=2), normal(*leading, 20, seed=3)
    found = []
    for fused in (True, False):
        layer = linear(d, volume_preserving, members, fused=fused)
        z, log_det = layer(x)
        loss = (z * g_z).sum() + (log_det * g_log_det).sum()
        found.append(torch.autograd.grad(loss, [x, *layer.parameters()]))
    for fused, plain in zip(*found, strict=True):
        torch.testing.assert_close(fused, plain, rtol=1e-12, atol=1e-12)


def test_gradcheck():
    leaves = normal(4, 3), normal(3, 3, seed=2), normal(3, seed=3)
    assert torch.autograd.gradcheck(lu_mixing, [leaf.requires_grad_() for leaf in leaves])


def test_only_the_plain_form_has_a_second_derivative():
    x = normal(4, 3).requires_grad_()
    (slope,) = torch.autograd.grad(linear(3)(x)[0].square().sum(), x, create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        slope.sum().backward()
    assert torch.autograd.gradgradcheck(linear(3, fused=False), x)


def test_only_the_plain_form_runs_under_vmap():
    x = normal(5, 4, 3)
    with pytest.raises(RuntimeError, match="functorch"):
        torch.func.vmap(linear(3))(x)
    mapped = torch.func.vmap(linear(3, fused=False))(x)
    torch.testing.assert_close(mapped, linear(3)(x))
