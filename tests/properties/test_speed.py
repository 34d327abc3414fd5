"""Ratios of run times: optimized code against straightforward implementations of the same.

Each bound lies between the measured ratio and the ratio if the optimized code does its work
twice; a comment gives both.
"""

import copy
import math
import time

import pytest
import torch
from torch import Generator
from torch.nn.functional import pad, softplus

from skflow.flows.bijections import Spline
from skflow.flows.layers import LayerConfig, autoregressive
from skflow.flows.spec import FlowSpec, make_base
from skflow.training.stacked_flows import StackedFlows

N_BINS, BOUND, MIN_SIZE = 8, 4.0, 1e-3


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def ratio(plain, fast, rounds=15):
    """Ratio of the run times, each the minimum over alternating rounds."""
    times = {plain: [], fast: []}
    for _ in range(rounds + 2):
        for function in times:
            start = time.perf_counter()
            function()
            times[function].append(time.perf_counter() - start)
    return min(times[plain][2:]) / min(times[fast][2:])


def plain_spline(x, raw):
    """Section 3.1 of Durkan et al. 2019, written for autograd, with the bins in the last axis."""
    widths, heights, slopes = raw.split([N_BINS, N_BINS, N_BINS - 1], dim=-1)
    knots = []
    for logits in (widths, heights):
        sizes = 2 * BOUND * (MIN_SIZE + (1 - MIN_SIZE * N_BINS) * logits.softmax(-1))
        knots.append(pad(sizes.cumsum(-1), (1, 0)) - BOUND)
    slopes = pad(
        softplus(slopes + math.log(math.expm1(1 - MIN_SIZE))) + MIN_SIZE, (1, 1), value=1.0
    )
    inside = x.abs() <= BOUND
    inner = x.clamp(-BOUND, BOUND)
    at = torch.searchsorted(knots[0][..., 1:-1].contiguous(), inner[..., None])
    low = [table.gather(-1, at).squeeze(-1) for table in (*knots, slopes)]
    high = [table.gather(-1, at + 1).squeeze(-1) for table in (*knots, slopes)]
    (left, bottom, rise), (right, top, fall) = low, high
    s = (top - bottom) / (right - left)
    t = (inner - left) / (right - left)
    q = s + (rise + fall - 2 * s) * t * (1 - t)
    z = bottom + (top - bottom) * (s * t**2 + rise * t * (1 - t)) / q
    slope = s**2 * (fall * t**2 + 2 * s * t * (1 - t) + rise * (1 - t) ** 2) / q**2
    return torch.where(inside, z, x), torch.where(inside, slope.log(), 0.0)


def gradients(function, x, raw):
    z, log_slope = function(x, raw)
    return z, log_slope, *torch.autograd.grad((z.square() - log_slope).sum(), (x, raw))


def test_splines_are_several_times_faster_than_a_plain_implementation():
    generator = Generator().manual_seed(0)
    x = 2 * torch.randn(16, 1024, generator=generator)
    raw = torch.randn(3 * N_BINS - 1, 16, 1024, generator=generator)
    x_last, raw_last = x.clone().requires_grad_(), raw.permute(1, 2, 0).clone().requires_grad_()
    x.requires_grad_()
    raw.requires_grad_()
    spline = Spline(N_BINS)
    found = gradients(spline.forward, x, raw)
    expected = gradients(plain_spline, x_last, raw_last)
    for ours, theirs in zip(found[:3], expected[:3], strict=True):
        torch.testing.assert_close(ours, theirs, atol=2e-3, rtol=1e-3)

    def plain():
        gradients(plain_spline, x_last, raw_last)

    cost = ratio(plain, lambda: gradients(spline.forward, x, raw))
    assert cost > 3.6  # 4.7 to 6.3; twice: 2.5 to 3.4


def test_autoregressive_sampling_costs_about_one_pass():
    layer = autoregressive("affine")(LayerConfig(32), Generator().manual_seed(0))
    z = torch.randn(2048, 32, generator=Generator().manual_seed(1))

    def column_by_column():
        x = torch.zeros_like(z)
        for j in range(32):
            shift_scale = layer.net(x.mT).unflatten(0, (2, 32))
            x[:, j] = layer.transformer.inverse(z.mT[j : j + 1], shift_scale[:, j : j + 1])[0][0]
        return x

    with torch.no_grad():
        torch.testing.assert_close(layer.inverse(z)[0], column_by_column())
        cost = ratio(column_by_column, lambda: layer.inverse(z), rounds=5)
    assert cost > 3.8  # 4.9 to 6.8; twice: 3.2 to 3.5


def test_stacked_ensemble_members_are_faster_than_one_by_one():
    generator = Generator().manual_seed(0)
    flows = [
        FlowSpec("nsf_ar", 2, LayerConfig(8)).build(make_base("t", 8), generator) for _ in range(5)
    ]
    together, alone = StackedFlows(copy.deepcopy(flows)), [StackedFlows([flow]) for flow in flows]
    rows = torch.randn(5, 8, 64, generator=generator)

    def step(members, rows):
        return members.backward(-members.log_prob(rows, None).mean(-1))

    def one_by_one():
        return torch.cat([step(m, rows[k : k + 1]) for k, m in enumerate(alone)])

    torch.testing.assert_close(step(together, rows), one_by_one())
    assert ratio(one_by_one, lambda: step(together, rows)) > 2.2  # 3.1 to 3.4; twice: 1.7
