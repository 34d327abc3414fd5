"""The fused spline against `Spline.forward` written plainly."""

import pytest
import torch

from skflow.flows.bijections import Spline
from skflow.flows.fused import spline_forward

N_BINS = [1, 2, 8, 32]
BOUND = 4.0


def problem(n_bins, *leading, d=2, n=30, dtype=torch.float64):
    """x, raw parameters, and gradients of a loss; some x beyond the bound."""
    generator = torch.Generator().manual_seed(0)

    def draw(*shape):
        drawn = torch.randn(*leading, *shape, generator=generator, dtype=torch.float64)
        return drawn.to(dtype)

    return 2.5 * draw(d, n), 1.5 * draw(3 * n_bins - 1, d, n), draw(d, n), draw(d, n)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("leading", [(), (3,)])
@pytest.mark.parametrize("n_bins", N_BINS)
def test_values_equal_the_plain_form_to_the_last_bit(n_bins, leading, dtype):
    x, raw, *_ = problem(n_bins, *leading, dtype=dtype)
    assert (x.abs() > BOUND).any()
    fused, plain = (Spline(n_bins, BOUND, fused).forward(x, raw) for fused in (True, False))
    assert torch.equal(fused[0], plain[0])
    assert torch.equal(fused[1], plain[1])


@pytest.mark.parametrize("leading", [(), (3,)])
@pytest.mark.parametrize("n_bins", N_BINS)
def test_gradients_equal_those_of_autograd(n_bins, leading):
    x, raw, g_z, g_log_slope = problem(n_bins, *leading)
    found = []
    for fused in (True, False):
        leaves = x.clone().requires_grad_(), raw.clone().requires_grad_()
        z, log_slope = Spline(n_bins, BOUND, fused).forward(*leaves)
        loss = (z * g_z + log_slope * g_log_slope).sum()
        found.append(torch.autograd.grad(loss, leaves))
    for fused, plain in zip(*found, strict=True):
        torch.testing.assert_close(fused, plain, rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize("n_bins", [1, 3])
def test_gradcheck(n_bins):
    x, raw, *_ = problem(n_bins, n=4)
    leaves = x.requires_grad_(), raw.requires_grad_()
    assert torch.autograd.gradcheck(lambda x, raw: spline_forward(x, raw, n_bins, BOUND), leaves)


def test_only_the_plain_form_has_a_second_derivative():
    x, raw, *_ = problem(3, n=4)
    x.requires_grad_()
    z, _ = Spline(3).forward(x, raw)
    (slope,) = torch.autograd.grad(z.square().sum(), x, create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        slope.sum().backward()
    plain = Spline(3, fused=False)
    assert torch.autograd.gradgradcheck(lambda x: plain.forward(x, raw), x)


def test_only_the_plain_form_runs_under_func_grad():
    x, raw, *_ = problem(3, n=4)
    with pytest.raises(RuntimeError, match="functorch"):
        torch.func.grad(lambda x: Spline(3).forward(x, raw)[0].sum())(x)
    plain = Spline(3, fused=False)
    slope = torch.func.grad(lambda x: plain.forward(x, raw)[0].sum())(x)
    torch.testing.assert_close(slope.log(), plain.forward(x, raw)[1])


def test_arithmetic_conditions_of_compiled_code_give_the_same_bits(monkeypatch):
    raw = problem(8, d=1, n=1)[1]
    sizes = raw[:16, 0, 0].unflatten(0, (2, 8)).softmax(1)
    edges = (2 * BOUND * (1e-3 + (1 - 8e-3) * sizes)).cumsum(1).flatten() - BOUND
    edges = torch.cat([edges, torch.tensor([-BOUND, BOUND], dtype=torch.float64)])
    x = torch.cat([edges, edges.nextafter(edges - 1), torch.tensor([-1e300, 0.0, 1e300])])[None]
    found = []
    for compiling in (False, True):
        monkeypatch.setattr(torch.compiler, "is_compiling", lambda it=compiling: it)
        leaves = x.clone().requires_grad_(), raw.expand(-1, 1, x.shape[1]).clone().requires_grad_()
        z, log_slope = Spline(8).forward(*leaves)
        found.append((z, log_slope, *torch.autograd.grad((z + 2 * log_slope).sum(), leaves)))
    for eager, compiled in zip(*found, strict=True):
        assert torch.equal(eager, compiled)
