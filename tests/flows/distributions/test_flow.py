"""The density of a chain of bijections over a base."""

import pytest
import torch
from torch import Generator

from skflow.flows.bijections import Bijection, Chain, Scale, Standardize
from skflow.flows.distributions.flow import Flow
from skflow.flows.distributions.normal_and_t import StandardNormal
from skflow.flows.families import build_bijections
from skflow.flows.layers import LayerConfig

LOC, SCALE = torch.tensor([1.0, -2.0]).double(), torch.tensor([3.0, 0.5]).double()


def normal_flow():
    return Flow(Chain([Standardize(LOC, SCALE)]), StandardNormal(2))


class ShiftByContext(Bijection):
    def forward(self, x, context=None):
        return x - context, x.new_zeros(x.shape[:-1])

    def inverse(self, z, context=None):
        return z + context, z.new_zeros(z.shape[:-1])


def test_log_prob_is_that_of_the_transformed_base():
    x = torch.randn(20, 2, generator=Generator().manual_seed(0), dtype=torch.float64)
    expected = torch.distributions.Normal(LOC, SCALE).log_prob(x).sum(-1)
    torch.testing.assert_close(normal_flow().log_prob(x), expected)


def test_samples_are_the_inverse_of_those_of_the_base():
    z = StandardNormal(2).sample(50, Generator().manual_seed(0))
    samples = normal_flow().sample(50, Generator().manual_seed(0))
    torch.testing.assert_close(samples, z * SCALE + LOC)


def test_the_context_is_transformed_first_and_its_log_det_does_not_count():
    standardize = Standardize(LOC, SCALE)
    flow = Flow(Chain([ShiftByContext()]), StandardNormal(2), Chain([standardize]))
    generator = Generator().manual_seed(0)
    x, context = torch.randn(2, 20, 2, generator=generator, dtype=torch.float64)
    shift = (context - LOC) / SCALE
    expected = StandardNormal(2).log_prob(x - shift)
    torch.testing.assert_close(flow.log_prob(x, context), expected)
    z = StandardNormal(2).sample(20, Generator().manual_seed(1))
    samples = flow.sample(20, Generator().manual_seed(1), context)
    torch.testing.assert_close(samples, z + shift, check_dtype=False)


@pytest.mark.parametrize("is_constrained", [False, True])
def test_a_density_is_the_mean_of_its_parts(quick, moons, is_constrained):
    X = moons.round() if is_constrained else moons
    estimator = quick(n_estimators=2, support="integer" if is_constrained else None, max_iter=3)
    density = estimator.fit(X).flow_
    x = torch.tensor(X[:20])
    parts = density.parts(2)
    assert not torch.equal(parts[0].log_prob(x), parts[1].log_prob(x))
    mean = sum(part.log_prob(x).exp() for part in parts) / 2
    torch.testing.assert_close(density.log_prob(x).exp(), mean)


def test_with_base_dtype_leaves_the_chain_and_the_flow_alone():
    inner = Flow(Chain([Scale(2)]), StandardNormal(2)).double()
    flow = Flow(Chain([Standardize(LOC, SCALE)]), inner)
    converted = flow.with_base_dtype(torch.float32)
    assert converted.chain is flow.chain
    assert converted.base.chain.bijections[0].log_scale.dtype == torch.float32
    assert inner.chain.bijections[0].log_scale.dtype == torch.float64


@pytest.mark.parametrize("family", ["flow_matching", "flow_matching_ot", "diffusion", "cnf"])
def test_regression_bijection_is_a_single_continuous_flow_with_a_path(family):
    flow = Flow(Chain(build_bijections(family, 1, LayerConfig(2), Generator())), StandardNormal(2))
    assert (flow.regression_bijection is None) == (family == "cnf")
    assert Flow(Chain([Scale(2)]), StandardNormal(2)).regression_bijection is None
    assert (
        Flow(Chain([*flow.chain.bijections, Scale(2)]), StandardNormal(2)).regression_bijection
        is None
    )


@pytest.mark.parametrize(("name", "rows"), [("maf", 16_384), ("realnvp", 2048)])
def test_samples_are_mapped_in_blocks(monkeypatch, name, rows):
    """Small blocks take twice as long for sequential inverses, and large ones for the others."""
    config = LayerConfig(32, hidden_layer_sizes=(16, 16))
    bijections = build_bijections(name, 1, config, Generator().manual_seed(0))
    flow, sizes = Flow(Chain(bijections), StandardNormal(32)), []
    inverse = flow.chain.inverse

    def record_size(z, context=None):
        sizes.append(len(z))
        return inverse(z, context)

    monkeypatch.setattr(flow.chain, "inverse", record_size)
    with torch.no_grad():
        flow.sample(20_000, Generator().manual_seed(1))
    assert sizes[0] == rows
    assert sum(sizes) == 20_000
