"""A weighted sum of densities."""

import numpy as np
import pytest
import torch
from scipy.special import logsumexp
from torch import Generator, nn

from skflow.flows.bijections import Chain, Standardize
from skflow.flows.distributions.flow import Flow
from skflow.flows.distributions.mixture import Mixture
from skflow.flows.distributions.normal_and_t import StandardNormal


def normal_at(loc, scale):
    loc = torch.tensor(loc).double()
    return Flow(Chain([Standardize(loc, torch.full_like(loc, scale))]), StandardNormal(len(loc)))


def three_normals(weights):
    parts = [normal_at([-30.0, 0.0], 1.0), normal_at([0.0, 5.0], 0.5), normal_at([30.0, 1.0], 2.0)]
    return Mixture(parts, torch.tensor(weights, dtype=torch.float64))


class Shifted(nn.Module):
    """A part whose rows and densities are those of its context, moved."""

    def __init__(self, shift):
        super().__init__()
        self.shift = shift

    def log_prob(self, x, context=None):
        return -(x - context - self.shift).abs().sum(-1)

    def sample(self, n, generator, context=None):
        assert len(context) == n
        return context + self.shift


class Unasked(nn.Module):
    def log_prob(self, x, context=None):
        raise AssertionError("a part of weight 0 was asked")

    sample = log_prob


def test_log_prob_is_that_of_the_sum():
    weights = [0.2, 0.5, 0.3]
    mixture = three_normals(weights)
    x = torch.from_numpy(20 * np.random.default_rng(0).standard_normal((40, 2)))
    terms = np.stack([part.log_prob(x).numpy() for part in mixture.components])
    expected = logsumexp(terms, axis=0, b=np.array(weights)[:, None])
    np.testing.assert_allclose(mixture.log_prob(x), expected, rtol=1e-12)


def test_far_out_no_part_underflows():
    x = torch.tensor([[1e6, 0.0], [0.0, -1e6]]).double()
    log_p = three_normals([0.2, 0.5, 0.3]).log_prob(x)
    assert log_p.isfinite().all()
    assert log_p[0] == pytest.approx(-0.5 * ((1e6 - 30) / 2) ** 2, rel=1e-6)


def test_parts_of_weight_zero_are_neither_asked_nor_drawn():
    mixture = Mixture([normal_at([1.0], 1.0), Unasked()], torch.tensor([1.0, 0.0]))
    x = torch.zeros(3, 1).double()
    assert torch.equal(mixture.log_prob(x), mixture.components[0].log_prob(x))
    assert mixture.sample(1000, Generator().manual_seed(0)).shape == (1000, 1)


def test_parts_are_drawn_by_weight_and_in_random_order():
    drawn = three_normals([0.2, 0.5, 0.3]).sample(20_000, Generator().manual_seed(0))
    part = (drawn[:, 0] > -15).int() + (drawn[:, 0] > 15).int()
    shares = part.bincount() / len(part)
    np.testing.assert_allclose(shares, [0.2, 0.5, 0.3], atol=0.015)
    first_half = part[:10_000].bincount() / 10_000
    np.testing.assert_allclose(first_half, [0.2, 0.5, 0.3], atol=0.02)


def test_rows_of_each_part_follow_that_part():
    drawn = three_normals([0.2, 0.5, 0.3]).sample(20_000, Generator().manual_seed(1))
    last = drawn[drawn[:, 0] > 15]
    np.testing.assert_allclose(last.mean(0), [30, 1], atol=0.1)
    np.testing.assert_allclose(last.std(0), [2, 2], atol=0.1)


def test_context_rows_stay_with_their_row():
    mixture = Mixture([Shifted(0.0), Shifted(1000.0)], torch.tensor([0.4, 0.6]))
    context = torch.arange(100.0)[:, None]
    drawn = mixture.sample(100, Generator().manual_seed(0), context)
    assert torch.equal(drawn % 1000, context)
    assert set((drawn // 1000).flatten().tolist()) == {0.0, 1.0}
    at_context = mixture.log_prob(context, context)
    torch.testing.assert_close(at_context, torch.full((100,), 0.4).log())


def test_one_row_is_one_row():
    assert three_normals([0.2, 0.5, 0.3]).sample(1, Generator().manual_seed(0)).shape == (1, 2)


def test_sample_leaves_the_global_generator_alone():
    before = torch.random.get_rng_state()
    one, two = (three_normals([0.2, 0.5, 0.3]).sample(9, Generator().manual_seed(3)) for _ in "ab")
    assert torch.equal(one, two)
    assert torch.equal(torch.random.get_rng_state(), before)


def test_gradients_with_respect_to_x():
    x = torch.from_numpy(np.random.default_rng(0).normal(size=(5, 2))).requires_grad_()
    assert torch.autograd.gradcheck(three_normals([0.2, 0.5, 0.3]).log_prob, x)
