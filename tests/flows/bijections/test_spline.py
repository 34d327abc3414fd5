"""The spline against a transcription of Durkan et al. (2019), and for all parameters."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from torch.nn.functional import softplus

from skflow.flows.bijections import Spline

BOUND = 4.0
MIN_FRACTION = 1e-3
N_BINS = [1, 2, 8, 32]
FEW_BINS = st.sampled_from([1, 2, 3, 8])


def knots_and_slopes(raw):
    """Knots and slopes of one value from its raw parameters (3 K − 1,), section 3.1."""
    k = (len(raw) + 1) // 3
    ends = []
    for logits in (raw[:k], raw[k : 2 * k]):
        sizes = 2 * BOUND * (MIN_FRACTION + (1 - MIN_FRACTION * k) * torch.softmax(logits, 0))
        ends.append(torch.cat([raw.new_tensor([-BOUND]), sizes.cumsum(0) - BOUND]))
    one = raw.new_ones(1)
    inner = MIN_FRACTION + softplus(raw[2 * k :] + math.log(math.expm1(1 - MIN_FRACTION)))
    return *ends, torch.cat([one, inner, one])


def bin_of(value, knots):
    k = 0
    while k < len(knots) - 2 and value >= knots[k + 1]:
        k += 1
    return k


def slope_at(xi, s, rise, fall):
    """Eq. 5."""
    return (
        s**2
        * (fall * xi**2 + 2 * s * xi * (1 - xi) + rise * (1 - xi) ** 2)
        / (s + (fall + rise - 2 * s) * xi * (1 - xi)) ** 2
    )


def transcribed_forward(x, raw):
    if abs(x) > BOUND:
        return x, torch.zeros_like(x)
    knots_x, knots_y, slopes = knots_and_slopes(raw)
    k = bin_of(x, knots_x)
    width, height = knots_x[k + 1] - knots_x[k], knots_y[k + 1] - knots_y[k]
    rise, fall, s = slopes[k], slopes[k + 1], height / width
    xi = (x - knots_x[k]) / width
    numerator = height * (s * xi**2 + rise * xi * (1 - xi))  # eq. 4
    z = knots_y[k] + numerator / (s + (fall + rise - 2 * s) * xi * (1 - xi))
    return z, slope_at(xi, s, rise, fall).log()


def transcribed_inverse(z, raw):
    if abs(z) > BOUND:
        return z, torch.zeros_like(z)
    knots_x, knots_y, slopes = knots_and_slopes(raw)
    k = bin_of(z, knots_y)
    width, height = knots_x[k + 1] - knots_x[k], knots_y[k + 1] - knots_y[k]
    rise, fall, s = slopes[k], slopes[k + 1], height / width
    up = z - knots_y[k]
    a = height * (s - rise) + up * (fall + rise - 2 * s)  # eqs. 6 to 8
    b = height * rise - up * (fall + rise - 2 * s)
    c = -s * up
    xi = 2 * c / (-b - (b**2 - 4 * a * c).sqrt())
    return knots_x[k] + xi * width, -slope_at(xi, s, rise, fall).log()


TRANSCRIBED = {"forward": transcribed_forward, "inverse": transcribed_inverse}


def random_problem(n_bins, d=2, n=30, seed=0):
    generator = torch.Generator().manual_seed(seed)

    def draw(*shape):
        return torch.randn(*shape, generator=generator, dtype=torch.float64)

    return 2.5 * draw(d, n), 1.5 * draw(3 * n_bins - 1, d, n), draw(d, n), draw(d, n)


@pytest.mark.parametrize("n_bins", N_BINS)
@pytest.mark.parametrize("direction", ["forward", "inverse"])
def test_values_slopes_and_gradients_equal_the_transcription(n_bins, direction):
    x, raw, grad_z, grad_slope = random_problem(n_bins)
    assert (x.abs() > BOUND).any()
    results = []
    for spline in (getattr(Spline(n_bins), direction), _value_by_value(TRANSCRIBED[direction])):
        x_leaf, raw_leaf = x.clone().requires_grad_(), raw.clone().requires_grad_()
        z, log_slope = spline(x_leaf, raw_leaf)
        gradients = torch.autograd.grad(
            (z * grad_z + log_slope * grad_slope).sum(), [x_leaf, raw_leaf]
        )
        results.append((z, log_slope, *gradients))
    for found, expected in zip(*results, strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-10)


def _value_by_value(scalar_map):
    def mapped(x, raw):
        pairs = [scalar_map(v, p) for v, p in zip(x.flatten(), raw.flatten(1).T, strict=True)]
        return tuple(torch.stack(parts).view_as(x) for parts in zip(*pairs, strict=True))

    return mapped


@pytest.mark.parametrize("n_bins", N_BINS)
def test_raw_parameters_zero_are_the_identity(n_bins):
    x = torch.linspace(-6, 6, 241, dtype=torch.float64)[None]
    raw = torch.zeros(3 * n_bins - 1, 1, 241, dtype=torch.float64)
    for spline_map in (Spline(n_bins).forward, Spline(n_bins).inverse):
        z, log_slope = spline_map(x, raw)
        torch.testing.assert_close(z, x, rtol=0, atol=1e-13)
        torch.testing.assert_close(log_slope, torch.zeros_like(x), rtol=0, atol=1e-13)


@pytest.mark.parametrize("bound", [1.0, 4.0, 10.0])
def test_identity_outside_the_bound(bound):
    x = bound * torch.tensor([[-1e15, -7.0, -1.001, 1.001, 7.0, 1e15]]).double()
    raw = random_problem(8, 1, 6)[1]
    for spline_map in (Spline(8, bound).forward, Spline(8, bound).inverse):
        z, log_slope = spline_map(x, raw)
        assert torch.equal(z, x)
        assert not log_slope.any()


@pytest.mark.parametrize("n_bins", N_BINS)
def test_density_has_no_jump_at_bounds_and_knots(n_bins):
    _, raw, *_ = random_problem(n_bins, 1, 1)
    knots, images, slopes = knots_and_slopes(raw[:, 0, 0])
    for x, expected in ((knots - 1e-10, images), (knots + 1e-10, images)):
        z, log_slope = Spline(n_bins).forward(x[None], raw.expand(-1, 1, len(x)))
        torch.testing.assert_close(z[0], expected, rtol=0, atol=1e-8)
        torch.testing.assert_close(log_slope[0], slopes.log(), rtol=0, atol=1e-5)


@pytest.mark.parametrize("n_bins", N_BINS)
def test_monotone(n_bins):
    x = torch.linspace(-5, 5, 4001, dtype=torch.float64)[None]
    for seed in range(5):
        raw = random_problem(n_bins, 1, 1, seed)[1].expand(-1, 1, 4001)
        for spline_map in (Spline(n_bins).forward, Spline(n_bins).inverse):
            assert (spline_map(x, raw)[0].diff() > 0).all()


def test_ensemble_members_on_a_leading_axis_map_as_each_alone():
    problems = [random_problem(4, seed=seed) for seed in range(3)]
    x, raw, grad_z, grad_slope = (torch.stack(t) for t in zip(*problems, strict=True))
    raw.requires_grad_()
    z, log_slope = Spline(4).forward(x, raw)
    (gradient,) = torch.autograd.grad((z * grad_z + log_slope * grad_slope).sum(), raw)
    for k, (x_k, raw_k, grad_z_k, grad_slope_k) in enumerate(problems):
        raw_k.requires_grad_()
        z_k, log_slope_k = Spline(4).forward(x_k, raw_k)
        loss = (z_k * grad_z_k + log_slope_k * grad_slope_k).sum()
        torch.testing.assert_close(z[k], z_k)
        torch.testing.assert_close(gradient[k], torch.autograd.grad(loss, raw_k)[0])


@st.composite
def any_spline_and_inputs(draw):
    """Raw parameters up to ±1e3, and inputs anywhere, at every knot and next to it."""
    n_bins = draw(FEW_BINS)
    size = draw(st.sampled_from([0.1, 1.0, 10.0, 1e3]))
    raw = draw(hnp.arrays(float, 3 * n_bins - 1, elements=st.floats(-size, size)))
    free = draw(hnp.arrays(float, 10, elements=st.floats(-5, 5) | st.floats(-1e15, 1e15)))
    raw = torch.from_numpy(raw)
    knots = torch.cat(knots_and_slopes(raw)[:2]).numpy()
    x = np.concatenate([free, knots, np.nextafter(knots, -9), np.nextafter(knots, 9)])
    return n_bins, raw[:, None, None].expand(-1, 1, len(x)), torch.from_numpy(x)[None]


@settings(deadline=None, derandomize=True, max_examples=200)
@given(any_spline_and_inputs())
def test_total_and_invertible_for_all_parameters(problem):
    n_bins, raw, x = problem
    spline = Spline(n_bins)
    raw, x = raw.clone().requires_grad_(), x.requires_grad_()
    z, log_slope = spline.forward(x, raw)
    back, log_slope_back = spline.inverse(z.detach(), raw)
    again, _ = spline.forward(back, raw)
    for outputs in ((z, log_slope), (back, log_slope_back)):
        gradients = torch.autograd.grad(sum(o.sum() for o in outputs), raw, retain_graph=True)
        assert all(t.isfinite().all() for t in (*outputs, *gradients))
    assert torch.autograd.grad(z.sum() + log_slope.sum(), x)[0].isfinite().all()
    inside = x.abs() <= BOUND
    assert torch.equal(back[~inside], x[~inside])
    # slopes range from 1e-9 to 2e3, which limits the accuracy of both directions
    torch.testing.assert_close(again, z, rtol=1e-12, atol=1e-6)
    tolerance = 1e-9 + 1e-13 * (-log_slope).exp()
    assert ((back - x).abs()[inside] <= tolerance[inside]).all()


@settings(deadline=None, derandomize=True, max_examples=50)
@given(any_spline_and_inputs())
def test_single_precision_stays_finite_and_close(problem):
    n_bins, raw, x = problem
    raw, x = raw.float().requires_grad_(), x.float().clamp(-5, 5)
    z, log_slope = Spline(n_bins).forward(x, raw)
    (gradient,) = torch.autograd.grad(z.sum() + log_slope.sum(), raw)
    back, log_slope_back = Spline(n_bins).inverse(z, raw)
    assert all(t.isfinite().all() for t in (z, log_slope, gradient, back, log_slope_back))
    again, _ = Spline(n_bins).forward(back, raw)
    torch.testing.assert_close(again, z, rtol=0, atol=0.1)
