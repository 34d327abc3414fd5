"""StackedFlows: each flow's log p and gradient are those of the flow alone."""

import copy

import pytest
import torch
from torch import Generator

from skflow.flows.bijections import Chain
from skflow.flows.distributions.flow import Flow
from skflow.flows.distributions.normal_and_t import MultivariateT, StandardNormal
from skflow.flows.families import FAMILIES, build_bijections
from skflow.flows.layers import LayerConfig
from skflow.training.stacked_flows import StackedFlows

D = 3


def flows(family, n_members=3, n_context=0, base="t"):
    """Flows of one architecture in float64, with perturbed parameters that differ."""
    result = []
    for seed in range(n_members):
        generator = Generator().manual_seed(seed)
        sizes = LayerConfig(D, n_context, hidden_layer_sizes=(8, 8), n_bins=4)
        chain = Chain(build_bijections(family, 2, sizes, generator))
        flow = Flow(chain, MultivariateT(D, 3.0 + seed) if base == "t" else StandardNormal(D))
        for p in flow.parameters():
            p.data += 0.2 * torch.randn(p.shape, generator=generator)
        result.append(flow.double())
    return result


def columns(n_members=3, n=20, d=D, seed=9):
    generator = Generator().manual_seed(seed)
    return 1.5 * torch.randn(n_members, d, n, generator=generator, dtype=torch.float64)


def stack(flows):
    return StackedFlows([copy.deepcopy(flow) for flow in flows])


@pytest.mark.parametrize("n_context", [0, 2])
@pytest.mark.parametrize("family", FAMILIES)
def test_log_prob_and_gradient_are_each_flows_own(family, n_context):
    alone = flows(family, n_context=n_context)
    stacked, x = stack(alone), columns()
    context = columns(d=n_context, seed=5) if n_context else None
    log_prob = stacked.log_prob(x, context)
    gradients = stacked.backward(-log_prob.mean(-1))
    assert gradients is stacked.params.grad
    for k, flow in enumerate(alone):
        own = flow.log_prob(x[k].T, None if context is None else context[k].T)
        torch.testing.assert_close(log_prob[k], own, rtol=1e-9, atol=1e-9)
        (-own.mean()).backward()
        for name, gradient in stacked.state_dict(stacked.params.grad, k).items():
            expected = flow.get_parameter(name).grad
            expected = torch.zeros_like(gradient) if expected is None else expected
            torch.testing.assert_close(gradient, expected, rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("family", ["nsf_ar", "planar"])
def test_state_dict_restores_every_flow(family):
    alone = flows(family)
    stacked = stack(alone)
    for k, flow in enumerate(alone):
        state = stacked.state_dict(stacked.params, k)
        assert state.keys() == dict(flow.named_parameters()).keys()
        assert all(torch.equal(state[name], p) for name, p in flow.named_parameters())
        copied = copy.deepcopy(alone[0])
        copied.load_state_dict(state)
        x = columns()[0].T
        torch.testing.assert_close(copied.log_prob(x), flow.log_prob(x))


def test_state_dict_is_a_copy():
    stacked = stack(flows("maf"))
    state = stacked.state_dict(stacked.params, 1)
    kept = {name: value.clone() for name, value in state.items()}
    with torch.no_grad():
        stacked.params += 1
    assert all(torch.equal(state[name], kept[name]) for name in state)


def test_a_single_member():
    (flow,) = flows("nsf", 1)
    x = columns(1)
    torch.testing.assert_close(stack([flow]).log_prob(x, None)[0], flow.log_prob(x[0].T))


def test_parameters_are_views_of_the_matrix():
    stacked, x = stack(flows("realnvp")), columns()
    before = stacked.log_prob(x, None)
    with torch.no_grad():
        stacked.params[1] += 0.1
    after = stacked.log_prob(x, None)
    assert torch.equal(after[[0, 2]], before[[0, 2]])
    assert not torch.allclose(after[1], before[1])


def test_gradients_do_not_depend_on_other_members_rows():
    stacked, x = stack(flows("nsf_ar")), columns()
    other = x.clone()
    other[1] += 1
    gradients = [stacked.backward(-stacked.log_prob(t, None).sum(-1)).clone() for t in (x, other)]
    assert torch.equal(gradients[0][[0, 2]], gradients[1][[0, 2]])
    assert not torch.equal(gradients[0][1], gradients[1][1])


@pytest.mark.parametrize("family", ["flow_matching", "flow_matching_ot"])
@pytest.mark.parametrize("n_context", [0, 2])
def test_regression_losses_do_not_depend_on_other_members_rows(family, n_context):
    stacked, x = stack(flows(family, n_context=n_context, base="normal")), columns()
    context = columns(d=n_context, seed=5) if n_context else None
    weights = columns(d=1, seed=7)[:, 0].exp()
    assert stacked.by_regression
    other = x.clone()
    other[1] += 1
    gradients, losses = [], []
    for rows in (x, other):
        loss = stacked.loss(rows, weights, context, Generator().manual_seed(0))
        losses.append(loss)
        gradients.append(stacked.backward(loss).clone())
    assert losses[0].shape == (3,)
    for one, two in (losses, gradients):
        assert torch.equal(one[[0, 2]], two[[0, 2]])
        assert not torch.equal(one[1], two[1])


def test_without_a_regression_the_loss_is_the_negative_log_likelihood():
    stacked, x = stack(flows("cnf")), columns()
    weights = columns(d=1, seed=7)[:, 0].exp()
    loss = stacked.loss(x, weights, None, Generator())
    assert not stacked.by_regression
    torch.testing.assert_close(loss, -(weights * stacked.log_prob(x, None)).mean(-1))


def test_a_non_finite_loss_does_not_spread_to_other_members():
    stacked, x = stack(flows("nsf_ar")), columns()
    clean = stacked.backward(-stacked.log_prob(x, None).mean(-1)).clone()
    x[1, 0, 3] = torch.inf
    gradients = stacked.backward(-stacked.log_prob(x, None).mean(-1))
    assert torch.equal(gradients[[0, 2]], clean[[0, 2]])
    assert not gradients[1].isfinite().all()


def test_backward_does_not_accumulate():
    stacked, x = stack(flows("maf")), columns()
    once = stacked.backward(-stacked.log_prob(x, None).mean(-1)).clone()
    again = stacked.backward(-stacked.log_prob(x, None).mean(-1))
    assert torch.equal(once, again)


def test_decay_mask_marks_weight_matrices_only():
    stacked = stack(flows("nsf"))
    mask = stacked.decay_mask.expand_as(stacked.params).clone()
    for name, decay in stacked.state_dict(mask, 0).items():
        assert (decay == float(name.endswith(".weight"))).all()
    assert 0 < stacked.decay_mask.mean() < 1


def test_normal_base():
    alone = flows("planar", base="normal")
    x = columns()
    torch.testing.assert_close(stack(alone).log_prob(x, None)[2], alone[2].log_prob(x[2].T))
