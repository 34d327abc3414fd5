"""The planar map: its formula, and its inverse by Newton's method."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from skflow.flows.bijections import Planar
from skflow.flows.bijections.planar import _solve
from skflow.flows.nets.mlp import Constant

SLOPES = [1e-12, 1e-6, 1e-2, 0.5, 1 - 1e-9, 1.0, 1 + 1e-9, 2.0, 11.0, 1001.0]
TARGETS = torch.logspace(-12, 12, 97, dtype=torch.float64)


def planar(u, w, b):
    raw = torch.cat([torch.as_tensor(t, dtype=torch.float64) for t in (u, w, [b])])
    return Planar(len(u), Constant(raw))


@pytest.mark.parametrize("slope", SLOPES)
@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_root_solves_its_equation(slope, sign):
    """β + m tanh β = target; β − tanh β by its series where the difference cancels."""
    target = sign * TARGETS
    beta = _solve(target, torch.full_like(target, slope))
    tanh = beta.tanh()
    series = beta**3 / 3 - beta**5 * (2 / 15) + beta**7 * (17 / 315)
    gap = torch.where(beta.abs() < 1e-2, series, beta - tanh)
    residual = gap + slope * tanh - target
    last_bits = beta.abs() + abs(slope - 1) * tanh.abs()  # what the terms can resolve
    assert (residual.abs() <= 1e-12 * target.abs() + 4e-16 * last_bits).all()


@pytest.mark.parametrize("slope", SLOPES)
def test_root_increases_with_its_target(slope):
    target = torch.cat([-TARGETS.flip(0), torch.zeros(1).double(), TARGETS])
    beta = _solve(target, torch.full_like(target, slope))
    assert (beta.diff() > 0).all()
    assert beta[len(TARGETS)] == 0


@pytest.mark.parametrize("slope", [0.1, 0.9, 1.0, 3.0, 1001.0])
def test_root_has_the_gradient_of_the_inverse_function(slope):
    target = torch.tensor([-3.0, -0.1, 0.2, 1.0, 50.0]).double().requires_grad_()
    slopes = torch.full_like(target, slope).requires_grad_()
    beta = _solve(target, slopes)
    by_target, by_slope = torch.autograd.grad(beta.sum(), [target, slopes])
    derivative = 1 + (slope - 1) / beta.cosh().square()
    torch.testing.assert_close(by_target, 1 / derivative)
    torch.testing.assert_close(by_slope, -beta.tanh() / derivative)


@settings(deadline=None, derandomize=True, max_examples=200)
@given(
    st.lists(st.floats(-20, 20), min_size=3, max_size=3),
    st.lists(st.floats(-20, 20), min_size=3, max_size=3),
    st.floats(-20, 20),
)
def test_invertible_for_all_parameters(u, w, b):
    bijection = planar(u, w, b)
    x = torch.tensor([[0.0, 0, 0], [1, -2, 3], [-1e3, 10, 0.1], [1e-9, 0, -5]]).double()
    u_hat, direction, _, slope = bijection._parametrize(x.mT, None)
    inner = (u_hat * direction).sum(-2)
    assert (slope > 0).all()  # wᵀû > −1
    nonzero = direction.square().sum(-2) > 1e-300
    size = 1 + (u_hat * direction).abs().sum(-2)
    assert ((inner - (slope - 1)).abs()[..., nonzero] <= 1e-12 * size[..., nonzero]).all()
    for one, other in ((bijection.forward, bijection.inverse), (bijection.inverse, bijection)):
        image, log_det = one(x)
        _, log_det_back = other(image)
        assert image.isfinite().all()
        assert log_det.isfinite().all()
        assert log_det_back.isfinite().all()
    image, _ = bijection(bijection.inverse(x)[0])  # z is recovered, however steep the map
    scale = x.abs().amax(1, keepdim=True) + u_hat.abs().max() + abs(b)
    assert ((image - x).abs() <= 1e-11 * scale).all()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("inner", [-100.0, -1e3, -1e5])
def test_stays_a_bijection_far_beyond_its_constraint(inner, dtype):
    """softplus underflows to 0 there, at which the slope along w would be 0 as well."""
    bijection = planar([inner, 0.0], [1.0, 0.0], 0.0).to(dtype)
    x = torch.tensor([[0.0, 1.0], [1e-3, 0.0], [2.0, 2.0]], dtype=dtype)
    for direction in (bijection.forward, bijection.inverse):
        image, log_det = direction(x)
        assert image.isfinite().all()
        assert log_det.isfinite().all()


def test_zero_u_is_the_identity():
    x = torch.tensor([[1.0, 2.0]]).double()
    z, log_det = planar([0.0, 0.0], [1.0, -3.0], 0.5)(x)
    torch.testing.assert_close(z, x)
    torch.testing.assert_close(log_det, torch.zeros(1).double())


def test_formula_of_the_paper():
    """Eq. 10, with û of appendix A.1."""
    u, w, b = (torch.tensor(t).double() for t in ([-2.0, 1.0], [1.0, 0.5], [0.3]))
    inner = u @ w
    m = math.log1p((math.e - 1) * math.exp(inner)) - 1
    u_hat = u + (m - inner) * w / (w @ w)
    x = torch.tensor([[2.0, 3.0], [-1.0, 0.5]]).double()
    tanh = (x @ w + b).tanh()[:, None]
    z, log_det = planar(u, w, 0.3)(x)
    torch.testing.assert_close(z, x + u_hat * tanh)
    torch.testing.assert_close(log_det, (1 + m * (1 - tanh[:, 0] ** 2)).log())
