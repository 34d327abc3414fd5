"""Families of flows: each builds, learns and samples, with and without context."""

import copy

import pytest
import torch
from torch import Generator

from skflow.flows.bijections import Chain, Reverse, Scale
from skflow.flows.distributions.flow import Flow
from skflow.flows.distributions.normal_and_t import MultivariateT, StandardNormal
from skflow.flows.families import FAMILIES, build_bijections, check_base
from skflow.flows.layers import LayerConfig

WIDTHS = [1, 2, 5]
CONTINUOUS = ("flow_matching", "flow_matching_ot", "diffusion", "cnf")


def build(family, d, n_context=0, n_transforms=None, base=None, dropout=0.0):
    n_transforms = n_transforms or (1 if family in CONTINUOUS else 2)
    config = LayerConfig(d, n_context, hidden_layer_sizes=(16, 16), n_bins=5, dropout=dropout)
    bijections = build_bijections(family, n_transforms, config, Generator().manual_seed(0))
    return Flow(Chain(bijections), base or StandardNormal(d))


def bimodal(n, d, n_context=0):
    """Two clusters on a diagonal, neither centered nor scaled, which the context tells apart."""
    generator = Generator().manual_seed(1)
    side = torch.randint(0, 2, (n, 1), generator=generator) * 2.0 - 1
    x = 0.5 + 1.5 * side + 0.5 * torch.randn(n, d, generator=generator)
    context = side + 0.5 * torch.randn(n, n_context, generator=generator) if n_context else None
    return x, context


@pytest.mark.parametrize("d", WIDTHS)
@pytest.mark.parametrize("n_context", [0, 2])
def test_learns_and_samples(family, d, n_context):
    flow, (x, context) = build(family, d, n_context), bimodal(256, d, n_context)
    optimizer = torch.optim.Adam(flow.parameters(), lr=0.02)
    losses = []
    for _ in range(30):
        optimizer.zero_grad()
        loss = -flow.log_prob(x, context).mean()
        loss.backward()
        assert all(p.grad.isfinite().all() for p in flow.parameters() if p.grad is not None)
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0] - 0.1
    samples = flow.sample(256, Generator().manual_seed(2), context)
    assert samples.shape == x.shape
    assert flow.log_prob(samples, context).isfinite().all()


@pytest.mark.parametrize("d", [2, 5])
@pytest.mark.parametrize("n_context", [0, 2])
def test_every_learned_bijection_has_a_gradient(family, d, n_context):
    flow, (x, context) = build(family, d, n_context), bimodal(64, d, n_context)
    flow.log_prob(x, context).mean().backward()
    for k, bijection in enumerate(flow.chain.bijections):
        if not isinstance(bijection, Reverse):
            assert any((p.grad != 0).any() for p in bijection.parameters()), (
                f"bijection {k}: {bijection}"
            )


@pytest.mark.parametrize("d", WIDTHS)
def test_context_changes_the_density(family, d):
    flow, (x, context) = build(family, d, 2), bimodal(20, d, 2)
    generator = Generator().manual_seed(0)
    with torch.no_grad():
        for p in flow.parameters():
            p += 0.3 * torch.randn(p.shape, generator=generator)
    change = flow.log_prob(x, context) - flow.log_prob(x, -context)
    assert (change.abs() > 1e-4).all(), f"{family} does not depend on its context"


def test_default_depth_is_initially_finite(family):
    flow = build(family, 3, n_transforms=FAMILIES[family].n_transforms)
    assert flow.log_prob(bimodal(50, 3)[0]).isfinite().all()


def test_one_seed_one_flow(family):
    one, two = build(family, 3), build(family, 3)
    assert all(map(torch.equal, one.parameters(), two.parameters()))


def test_global_generator_is_left_alone(family):
    before = torch.random.get_rng_state()
    flow = build(family, 2, dropout=0.5)
    flow.log_prob(bimodal(50, 2)[0])
    flow.sample(10, Generator().manual_seed(0))
    assert torch.equal(torch.random.get_rng_state(), before)


@pytest.mark.parametrize("n_context", [0, 2])
@pytest.mark.parametrize("d", [1, 3])
def test_trains_and_samples_on_another_device(family, n_context, d):
    """On torch's meta device, where a stray CPU tensor would raise."""
    flow = build(family, d, n_context, base=MultivariateT(d, 5.0), dropout=0.5)
    sampled_flow = copy.deepcopy(flow)  # bases draw on the CPU, and samples are moved
    sampled_flow.chain.to("meta")
    flow.to("meta")
    x = torch.empty(8, d, device="meta")
    context = torch.empty(8, n_context, device="meta") if n_context else None
    flow.log_prob(x, context).mean().backward()
    assert all(p.grad.device.type == "meta" for p in flow.parameters() if p.grad is not None)
    samples = sampled_flow.sample(8, Generator().manual_seed(0), context)
    assert (samples.device.type, samples.shape) == ("meta", x.shape)


@pytest.mark.parametrize("as_chain", [True, False])
def test_a_users_function_returns_the_bijections(as_chain):
    calls = []

    def own(n_features, n_context, generator):
        calls.append((n_features, n_context, generator.initial_seed()))
        bijections = (Scale(n_features), Reverse())
        return Chain(bijections) if as_chain else bijections

    bijections = build_bijections(own, 7, LayerConfig(3, 2), Generator().manual_seed(11))
    assert calls == [(3, 2, 11)]
    z, _ = Chain(bijections)(torch.tensor([[1.0, 2.0, 3.0]]))
    assert z.tolist() == [[3, 2, 1]]


@pytest.mark.parametrize(
    ("name", "d"), [("realnvp", 2), ("nsf", 2), ("maf", 2), ("maf", 3), ("nsf_ar", 3)]
)
def test_in_two_layers_every_column_conditions_another(name, d):
    """Even while the mixing between layers is the identity."""
    flow, generator = build(name, d).double(), Generator().manual_seed(0)
    with torch.no_grad():
        for key, p in flow.named_parameters():
            if "net" in key:
                p += 0.3 * torch.randn(p.shape, generator=generator, dtype=p.dtype)
    x = 0.1 * bimodal(1, d)[0][0].double()
    jacobian = torch.autograd.functional.jacobian(lambda v: flow.chain(v[None])[0][0], x)
    off_diagonal = jacobian - torch.diag(jacobian.diagonal())
    assert (off_diagonal != 0).any(0).all()


def test_nice_preserves_volume_but_for_its_scaling_layer():
    flow = build("nice", 4)
    generator = Generator().manual_seed(0)
    with torch.no_grad():
        for p in flow.parameters():
            p += 0.3 * torch.randn(p.shape, generator=generator)
    _, log_det = flow.chain(bimodal(20, 4)[0])
    expected = flow.chain.bijections[-1].log_scale.sum()
    torch.testing.assert_close(log_det, expected.expand(20))


def test_families_trained_by_regression_need_a_normal_base():
    normal_only = {name for name, family in FAMILIES.items() if family.bases == ("normal",)}
    assert normal_only == {"flow_matching", "flow_matching_ot", "diffusion"}
    for name in FAMILIES:
        check_base("auto", name)
        check_base("normal", name)
        if name in normal_only:
            with pytest.raises(ValueError, match=rf"flow='{name}'.*normal noise.*base='normal'"):
                check_base("t", name)
        else:
            check_base("t", name)


def test_a_users_function_takes_any_base():
    for base in ("auto", "t", "normal"):
        check_base(base, lambda n_features, n_context, generator: [Scale(n_features)])
