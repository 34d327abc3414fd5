"""Many samples are drawn with the networks in float32."""

import numpy as np
import pytest
import torch
from torch import Generator

from skflow.flows.bijections import Chain
from skflow.flows.distributions import flow as flow_module
from skflow.flows.distributions.flow import Flow
from skflow.flows.distributions.mixed_precision import with_float32_networks
from skflow.flows.distributions.normal_and_t import StandardNormal
from skflow.flows.families import build_bijections
from skflow.flows.layers import LayerConfig

MANY = 20_000  # more than one block
NAMES = ["planar", "radial", "realnvp", "maf", "nsf", "nsf_ar"]


def distant(family, n_features=3, n_context=2):
    """A flow far from the identity, in float64."""
    generator = Generator().manual_seed(0)
    bijections = build_bijections(family, 3, LayerConfig(n_features, n_context), generator)
    flow = Flow(Chain(bijections), StandardNormal(n_features)).double().requires_grad_(False)
    for parameter in flow.parameters():
        noise = torch.randn(parameter.shape, generator=generator, dtype=torch.float64)
        parameter.add_(0.2 * noise)
    return flow


def draw(flow, n, n_context=2):
    context = torch.linspace(-1, 1, n * n_context, dtype=torch.float64).view(n, n_context)
    return flow.sample(n, Generator().manual_seed(1), context)


@pytest.mark.parametrize("family", NAMES)
def test_samples_change_by_rounding_only(monkeypatch, family):
    flow = distant(family)
    rounded = draw(flow, MANY)
    monkeypatch.setattr(flow_module, "with_float32_networks", lambda chain: chain)
    exact = draw(flow, MANY)
    change = (rounded - exact).abs() / exact.std(0)
    assert rounded.dtype == torch.float64
    assert 0 < change.median() < 1e-6
    assert change.quantile(0.999) < 1e-4


@pytest.mark.parametrize("family", ["nsf", "nsf_ar"])
def test_no_two_samples_coincide(family):
    drawn = draw(distant(family), 8 * MANY)
    assert [len(column.unique()) for column in drawn.T] == [8 * MANY] * 3
    assert len(drawn.float()[:, 0].unique()) < 8 * MANY  # in float32 they would


def test_few_samples_are_exact(monkeypatch):
    flow = distant("nsf")
    few = draw(flow, 1000)
    monkeypatch.setattr(flow_module, "with_float32_networks", lambda chain: chain)
    assert torch.equal(draw(flow, 1000), few)


@pytest.mark.parametrize("family", NAMES)
def test_the_flow_itself_is_not_changed(family):
    flow = distant(family)
    before = {name: value.clone() for name, value in flow.state_dict().items()}
    draw(flow, MANY)
    after = flow.state_dict()
    assert list(after) == list(before)
    assert all(after[name].dtype == value.dtype for name, value in before.items())
    assert all(torch.equal(after[name], value) for name, value in before.items())


def test_networks_of_nested_chains_are_converted_too():
    chain = with_float32_networks(Chain([distant("nsf").chain]))
    weights = {p.dtype for name, p in chain.named_parameters() if ".net." in name}
    others = {p.dtype for name, p in chain.named_parameters() if ".net." not in name}
    assert (weights, others) == ({torch.float32}, {torch.float64})


def test_a_chain_without_networks_is_not_copied():
    chain = Chain(list(distant("planar", n_context=0).chain.bijections))
    assert with_float32_networks(chain) is chain


def test_a_chain_in_float32_is_not_copied():
    chain = distant("nsf").float().chain
    assert with_float32_networks(chain) is chain


def test_inputs_beyond_float32_are_clamped_as_in_float64():
    chain = Chain(list(distant("nsf", n_context=0).chain.bijections))
    far = torch.tensor([[1e200, 0.5, -1e200]], dtype=torch.float64)  # no float32
    rounded, exact = (c.inverse(far)[0].numpy() for c in (with_float32_networks(chain), chain))
    np.testing.assert_allclose(rounded, exact, rtol=1e-5)
