"""Mixtures of densities."""

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
    components = [
        normal_at([-30.0, 0.0], 1.0),
        normal_at([0.0, 5.0], 0.5),
        normal_at([30.0, 1.0], 2.0),
    ]
    return Mixture(components, torch.tensor(weights, dtype=torch.float64))


class Shifted(nn.Module):
    """A component whose samples and density are those of its context, shifted."""

    def __init__(self, shift):
        super().__init__()
        self.shift = shift

    def log_prob(self, x, context=None):
        return -(x - context - self.shift).abs().sum(-1)

    def sample(self, n, generator, context=None):
        assert len(context) == n
        return context + self.shift


class Unused(nn.Module):
    def log_prob(self, x, context=None):
        raise AssertionError("a component of weight 0 was evaluated")

    sample = log_prob


def test_log_prob_is_that_of_the_sum():
    weights = [0.2, 0.5, 0.3]
    mixture = three_normals(weights)
    x = torch.from_numpy(20 * np.random.default_rng(0).standard_normal((40, 2)))
    terms = np.stack([component.log_prob(x).numpy() for component in mixture.components])
    expected = logsumexp(terms, axis=0, b=np.array(weights)[:, None])
    np.testing.assert_allclose(mixture.log_prob(x), expected, rtol=1e-12)


def test_log_prob_does_not_underflow_far_out():
    x = torch.tensor([[1e6, 0.0], [0.0, -1e6]]).double()
    log_p = three_normals([0.2, 0.5, 0.3]).log_prob(x)
    assert log_p.isfinite().all()
    assert log_p[0] == pytest.approx(-0.5 * ((1e6 - 30) / 2) ** 2, rel=1e-6)


def test_components_of_weight_zero_are_neither_evaluated_nor_sampled():
    mixture = Mixture([normal_at([1.0], 1.0), Unused()], torch.tensor([1.0, 0.0]))
    x = torch.zeros(3, 1).double()
    assert torch.equal(mixture.log_prob(x), mixture.components[0].log_prob(x))
    assert mixture.sample(1000, Generator().manual_seed(0)).shape == (1000, 1)


def test_a_mixture_is_the_mean_of_its_parts():
    shifts = [-3.0, 0.0, 1.0, 4.0, -1.0, 2.0]
    weights = torch.tensor([0.2, 0.2, 0.1, 0.1, 0.2, 0.2], dtype=torch.float64)
    mixture = Mixture([normal_at([shift], 1.0) for shift in shifts], weights)
    first, second = mixture.parts(2)
    torch.testing.assert_close(first.weights, 2 * weights[::2])
    assert [c.chain.bijections[0].loc.item() for c in second.components] == [0.0, 4.0, 2.0]
    x = torch.linspace(-6, 6, 50, dtype=torch.float64).unsqueeze(1)
    mean = (first.log_prob(x).exp() + second.log_prob(x).exp()) / 2
    torch.testing.assert_close(mixture.log_prob(x).exp(), mean)


def test_components_are_sampled_by_weight_and_in_random_order():
    samples = three_normals([0.2, 0.5, 0.3]).sample(20_000, Generator().manual_seed(0))
    label = (samples[:, 0] > -15).int() + (samples[:, 0] > 15).int()
    fractions = label.bincount() / len(label)
    np.testing.assert_allclose(fractions, [0.2, 0.5, 0.3], atol=0.015)
    first_half = label[:10_000].bincount() / 10_000
    np.testing.assert_allclose(first_half, [0.2, 0.5, 0.3], atol=0.02)


def test_samples_of_a_component_follow_its_density():
    samples = three_normals([0.2, 0.5, 0.3]).sample(20_000, Generator().manual_seed(1))
    last = samples[samples[:, 0] > 15]
    np.testing.assert_allclose(last.mean(0), [30, 1], atol=0.1)
    np.testing.assert_allclose(last.std(0), [2, 2], atol=0.1)


def test_rows_of_the_context_stay_with_their_samples():
    mixture = Mixture([Shifted(0.0), Shifted(1000.0)], torch.tensor([0.4, 0.6]))
    context = torch.arange(100.0)[:, None]
    samples = mixture.sample(100, Generator().manual_seed(0), context)
    assert torch.equal(samples % 1000, context)
    assert set((samples // 1000).flatten().tolist()) == {0.0, 1.0}
    at_context = mixture.log_prob(context, context)
    torch.testing.assert_close(at_context, torch.full((100,), 0.4).log())


def test_a_single_sample_is_one_row():
    assert three_normals([0.2, 0.5, 0.3]).sample(1, Generator().manual_seed(0)).shape == (1, 2)


def test_sample_leaves_the_global_generator_alone():
    before = torch.random.get_rng_state()
    one, two = (three_normals([0.2, 0.5, 0.3]).sample(9, Generator().manual_seed(3)) for _ in "ab")
    assert torch.equal(one, two)
    assert torch.equal(torch.random.get_rng_state(), before)


def test_gradients_with_respect_to_x():
    x = torch.from_numpy(np.random.default_rng(0).normal(size=(5, 2))).requires_grad_()
    assert torch.autograd.gradcheck(three_normals([0.2, 0.5, 0.3]).log_prob, x)
