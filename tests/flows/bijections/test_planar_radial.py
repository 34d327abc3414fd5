"""Planar and radial maps in the direction that the papers leave out."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from skflow.flows.bijections import Planar, Radial
from skflow.flows.bijections.planar import _solve
from skflow.flows.nets.mlp import Constant

SLACKS = [1e-12, 1e-6, 1e-2, 0.5, 1 - 1e-9, 1.0, 1 + 1e-9, 2.0, 11.0, 1001.0]
TARGETS = torch.logspace(-12, 12, 97, dtype=torch.float64)

bounded = settings(deadline=None, derandomize=True, max_examples=200)


def planar(u, w, b):
    raw = torch.cat([torch.as_tensor(t, dtype=torch.float64) for t in (u, w, [b])])
    return Planar(len(u), Constant(raw))


def radial(centre, log_alpha, raw_s):
    raw = torch.tensor([*centre, log_alpha, raw_s], dtype=torch.float64)
    return Radial(len(centre), Constant(raw))


def raw_s_of(s):
    """What softplus(raw_s + log(e − 1)) = s needs."""
    return (math.log(math.expm1(s)) if s < 30 else s) - math.log(math.e - 1)


@pytest.mark.parametrize("slack", SLACKS)
@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_planar_root_solves_its_equation(slack, sign):
    """β + m tanh β = target; β − tanh β by its series where the difference cancels."""
    target = sign * TARGETS
    beta = _solve(target, torch.full_like(target, slack))
    bend = beta.tanh()
    series = beta**3 / 3 - beta**5 * (2 / 15) + beta**7 * (17 / 315)
    gap = torch.where(beta.abs() < 1e-2, series, beta - bend)
    residual = gap + slack * bend - target
    last_bits = beta.abs() + abs(slack - 1) * bend.abs()  # what the terms can resolve
    assert (residual.abs() <= 1e-12 * target.abs() + 4e-16 * last_bits).all()


@pytest.mark.parametrize("slack", SLACKS)
def test_planar_root_grows_with_its_target(slack):
    target = torch.cat([-TARGETS.flip(0), torch.zeros(1).double(), TARGETS])
    beta = _solve(target, torch.full_like(target, slack))
    assert (beta.diff() > 0).all()
    assert beta[len(TARGETS)] == 0


@pytest.mark.parametrize("slack", [0.1, 0.9, 1.0, 3.0, 1001.0])
def test_planar_root_has_the_gradient_of_the_inverse_function(slack):
    target = torch.tensor([-3.0, -0.1, 0.2, 1.0, 50.0]).double().requires_grad_()
    slacks = torch.full_like(target, slack).requires_grad_()
    beta = _solve(target, slacks)
    by_target, by_slack = torch.autograd.grad(beta.sum(), [target, slacks])
    slope = 1 + (slack - 1) / beta.cosh().square()
    torch.testing.assert_close(by_target, 1 / slope)
    torch.testing.assert_close(by_slack, -beta.tanh() / slope)


@bounded
@given(
    st.lists(st.floats(-20, 20), min_size=3, max_size=3),
    st.lists(st.floats(-20, 20), min_size=3, max_size=3),
    st.floats(-20, 20),
)
def test_planar_is_invertible_for_all_parameters(u, w, b):
    bijection = planar(u, w, b)
    x = torch.tensor([[0.0, 0, 0], [1, -2, 3], [-1e3, 10, 0.1], [1e-9, 0, -5]]).double()
    moved, direction, _, slack = bijection._parametrize(x.mT, None)
    along = (moved * direction).sum(-2)
    assert (slack > 0).all()  # wᵀû > −1
    reachable = direction.square().sum(-2) > 1e-300
    size = 1 + (moved * direction).abs().sum(-2)
    assert ((along - (slack - 1)).abs()[..., reachable] <= 1e-12 * size[..., reachable]).all()
    for there, back in ((bijection.forward, bijection.inverse), (bijection.inverse, bijection)):
        image, log_det = there(x)
        _, log_det_back = back(image)
        assert image.isfinite().all()
        assert log_det.isfinite().all()
        assert log_det_back.isfinite().all()
    image, _ = bijection(bijection.inverse(x)[0])  # images are resolved, however steep the map
    scale = x.abs().amax(1, keepdim=True) + moved.abs().max() + abs(b)
    assert ((image - x).abs() <= 1e-11 * scale).all()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("along", [-100.0, -1e3, -1e5])
def test_planar_stays_a_bijection_far_beyond_its_constraint(along, dtype):
    """softplus underflows to 0 there, at which the slope in the bend would be 0 as well."""
    bijection = planar([along, 0.0], [1.0, 0.0], 0.0).to(dtype)
    x = torch.tensor([[0.0, 1.0], [1e-3, 0.0], [2.0, 2.0]], dtype=dtype)
    for direction in (bijection.forward, bijection.inverse):
        image, log_det = direction(x)
        assert image.isfinite().all()
        assert log_det.isfinite().all()


def test_planar_start_is_the_identity():
    x = torch.tensor([[1.0, 2.0]]).double()
    z, log_det = planar([0.0, 0.0], [1.0, -3.0], 0.5)(x)
    torch.testing.assert_close(z, x)
    torch.testing.assert_close(log_det, torch.zeros(1).double())


@pytest.mark.parametrize("s", [1e-9, 1e-3, 0.5, 1.0, 2.0, 1e3])
@pytest.mark.parametrize("log_alpha", [-7.0, 0.0, 7.0])
@pytest.mark.parametrize("d", [1, 3])
def test_radial_inverse_to_float64_accuracy(s, log_alpha, d):
    bijection = radial([0.0] * d, log_alpha, raw_s_of(s))
    direction = torch.ones(d).double() / math.sqrt(d)
    z = torch.cat([TARGETS, -TARGETS])[:, None] * direction
    x, log_det = bijection.inverse(z)
    again, log_det_back = bijection(x)
    torch.testing.assert_close(again, z, rtol=1e-12, atol=0)
    torch.testing.assert_close(log_det_back, -log_det, rtol=0, atol=1e-9)


@bounded
@given(
    st.lists(st.floats(-100, 100), min_size=2, max_size=2),
    st.floats(-1e3, 1e3),
    st.floats(-30, 1e3),
)
def test_radial_is_invertible_for_all_parameters(centre, log_alpha, raw_s):
    bijection = radial(centre, log_alpha, raw_s)
    x = torch.tensor([[0.0, 0.0], [1, -2], [-1e6, 10], [1e-9, 0]]).double()
    x = torch.cat([x, torch.tensor([centre]).double()])
    for direction in (bijection.forward, bijection.inverse):
        image, log_det = direction(x)
        assert image.isfinite().all()
        assert log_det.isfinite().all()
    again, _ = bijection(bijection.inverse(x)[0])
    torch.testing.assert_close(again, x, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("raw_s", [-100.0, -1e3])
def test_radial_stays_a_bijection_far_beyond_its_constraint(raw_s, dtype):
    bijection = radial([0.0, 0.0], 0.0, raw_s).to(dtype)
    x = torch.tensor([[0.0, 0.0], [1e-3, 0.0], [2.0, 2.0]], dtype=dtype)
    for direction in (bijection.forward, bijection.inverse):
        image, log_det = direction(x)
        assert image.isfinite().all()
        assert log_det.isfinite().all()


@pytest.mark.parametrize("s", [0.2, 5.0])
def test_radial_moves_radii_as_the_paper_says(s):
    """Eq. 14 with β = α (s − 1)."""
    centre, alpha = torch.tensor([1.0, -1.0]).double(), 0.7
    x = torch.tensor([[2.0, 3.0], [-1.0, 0.5]]).double()
    r = (x - centre).norm(dim=1, keepdim=True)
    expected = x + alpha * (s - 1) / (alpha + r) * (x - centre)
    z, _ = radial(centre.tolist(), math.log(alpha), raw_s_of(s))(x)
    torch.testing.assert_close(z, expected)


def test_planar_moves_points_as_the_paper_says():
    """Eq. 10, with û of appendix A.1."""
    u, w, b = (torch.tensor(t).double() for t in ([-2.0, 1.0], [1.0, 0.5], [0.3]))
    along = u @ w
    m = math.log1p((math.e - 1) * math.exp(along)) - 1
    u_hat = u + (m - along) * w / (w @ w)
    x = torch.tensor([[2.0, 3.0], [-1.0, 0.5]]).double()
    bend = (x @ w + b).tanh()[:, None]
    z, log_det = planar(u, w, 0.3)(x)
    torch.testing.assert_close(z, x + u_hat * bend)
    torch.testing.assert_close(log_det, (1 + m * (1 - bend[:, 0] ** 2)).log())
