"""The radial map: its formula, and its inverse in closed form."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from skflow.flows.bijections import Radial
from skflow.flows.nets.mlp import Constant

TARGETS = torch.logspace(-12, 12, 97, dtype=torch.float64)


def radial(center, log_alpha, raw_s):
    raw = torch.tensor([*center, log_alpha, raw_s], dtype=torch.float64)
    return Radial(len(center), Constant(raw))


def raw_s_of(s):
    """The raw s with softplus(raw_s + log(e − 1)) = s."""
    return (math.log(math.expm1(s)) if s < 30 else s) - math.log(math.e - 1)


@pytest.mark.parametrize("s", [1e-9, 1e-3, 0.5, 1.0, 2.0, 1e3])
@pytest.mark.parametrize("log_alpha", [-7.0, 0.0, 7.0])
@pytest.mark.parametrize("d", [1, 3])
def test_inverse_to_float64_accuracy(s, log_alpha, d):
    bijection = radial([0.0] * d, log_alpha, raw_s_of(s))
    direction = torch.ones(d).double() / math.sqrt(d)
    z = torch.cat([TARGETS, -TARGETS])[:, None] * direction
    x, log_det = bijection.inverse(z)
    again, log_det_back = bijection(x)
    torch.testing.assert_close(again, z, rtol=1e-12, atol=0)
    torch.testing.assert_close(log_det_back, -log_det, rtol=0, atol=1e-9)


@settings(deadline=None, derandomize=True, max_examples=200)
@given(
    st.lists(st.floats(-100, 100), min_size=2, max_size=2),
    st.floats(-1e3, 1e3),
    st.floats(-30, 1e3),
)
def test_invertible_for_all_parameters(center, log_alpha, raw_s):
    bijection = radial(center, log_alpha, raw_s)
    x = torch.tensor([[0.0, 0.0], [1, -2], [-1e6, 10], [1e-9, 0]]).double()
    x = torch.cat([x, torch.tensor([center]).double()])
    for direction in (bijection.forward, bijection.inverse):
        image, log_det = direction(x)
        assert image.isfinite().all()
        assert log_det.isfinite().all()
    again, _ = bijection(bijection.inverse(x)[0])
    torch.testing.assert_close(again, x, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("raw_s", [-100.0, -1e3])
def test_stays_a_bijection_far_beyond_its_constraint(raw_s, dtype):
    bijection = radial([0.0, 0.0], 0.0, raw_s).to(dtype)
    x = torch.tensor([[0.0, 0.0], [1e-3, 0.0], [2.0, 2.0]], dtype=dtype)
    for direction in (bijection.forward, bijection.inverse):
        image, log_det = direction(x)
        assert image.isfinite().all()
        assert log_det.isfinite().all()


@pytest.mark.parametrize("s", [0.2, 5.0])
def test_formula_of_the_paper(s):
    """Eq. 14 with β = α (s − 1)."""
    center, alpha = torch.tensor([1.0, -1.0]).double(), 0.7
    x = torch.tensor([[2.0, 3.0], [-1.0, 0.5]]).double()
    r = (x - center).norm(dim=1, keepdim=True)
    expected = x + alpha * (s - 1) / (alpha + r) * (x - center)
    z, _ = radial(center.tolist(), math.log(alpha), raw_s_of(s))(x)
    torch.testing.assert_close(z, expected)
