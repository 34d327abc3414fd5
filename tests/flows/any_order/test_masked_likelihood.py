"""The training loss, against the density that is trained and exact means over orders."""

import itertools

import numpy as np
import pytest
import torch
from torch import Generator

from skflow.data.support import Support
from skflow.flows.any_order.belief import Belief, EllipticalStart, patterns_of
from skflow.flows.any_order.masked_likelihood import MaskedLikelihood, conditional_t
from skflow.flows.any_order.packed_cells import pack
from skflow.training.stacked_flows import StackedFlows
from tests.flows.any_order.examples import (
    CATEGORY,
    MIXED,
    REAL,
    SHARE,
    net_part,
    rows_of,
    scatters,
    tensor,
)


def masked(part, focus=0.0, rows_per_pattern=1):
    start = part.loc, part.scatter, part.df, part.log_states
    return MaskedLikelihood(
        part.net, part.columns, *start, part.orders, focus, rows_per_pattern, 0.0
    )


def stacked(*parts, **options):
    """Several members, with the parameters of the first one rewired."""
    modules = [masked(part, **options) for part in parts]
    return StackedFlows([module.requires_grad_(True) for module in modules])


def test_conditionals_are_those_one_by_one():
    members, d, n = 2, 4, 30
    rng = np.random.default_rng(0)
    loc, scatter = torch.from_numpy(rng.normal(size=(members, 1, d))), scatters(members, d, 1)
    df = tensor([3.0, 40.0])
    u = torch.from_numpy(rng.normal(size=(members, d, n)))
    known = torch.from_numpy(rng.random((members, d, n)) < 0.5)
    found = conditional_t(loc, scatter.unsqueeze(1), df, u, known)
    for k in range(members):
        start = EllipticalStart(loc[k], scatter[k : k + 1], df[k])
        belief = Belief(start, *patterns_of(known[k].T))
        for j in range(d):
            belief.observe(j, u[k, j], known[k, j])
        np.testing.assert_allclose(found[2][k, 0], belief.df)
        for j in range(d):
            hidden = ~known[k, j]
            for own, other in zip(found, belief.marginal(j), strict=False):
                np.testing.assert_allclose(own[k, j][hidden], other[0][hidden], rtol=1e-9)


@pytest.mark.parametrize("holes", [0.0, 0.3])
def test_log_prob_is_that_of_the_part_in_the_same_order(holes):
    part = net_part(MIXED, n_orders=2)
    x = rows_of(MIXED, 40, holes=holes)
    rows, log_det = pack(part.columns.split(x, part.links))
    module = masked(part)
    single = StackedFlows([module.requires_grad_(True)])
    with torch.no_grad():
        found = single.log_prob(rows.T.unsqueeze(0), None)[0]
    nothing = torch.zeros_like(x, dtype=torch.bool)
    for k in range(2):
        chain = net_part(MIXED, n_orders=2)
        chain.orders = part.orders[[k]]
        expected = chain.log_probs(x, nothing).rest
        np.testing.assert_allclose((found + log_det)[k::2], expected[k::2], rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("size", [1, 7])
@pytest.mark.parametrize("hole", [False, True])
def test_the_loss_is_the_mean_over_all_orders(hole, size):
    """In expectation; a missing cell is neither known nor a target."""
    supports = (REAL, CATEGORY, SHARE)
    part = net_part(supports)
    x = rows_of(supports, 1, seed=2)
    if hole:
        x[0, 2] = torch.nan
    part.orders = torch.tensor(list(itertools.permutations(range(3))))
    nothing = torch.zeros_like(x, dtype=torch.bool)
    each = []
    for order in itertools.permutations(range(3)):
        part.orders = torch.tensor([order])
        each.append(float(part.log_probs(x, nothing).rest))
    rows, log_det = pack(part.columns.split(x, part.links))
    n = 350 * size
    member = stacked(part, rows_per_pattern=size)
    with torch.no_grad():
        losses = [
            float(member.loss(rows.T.repeat(1, n).unsqueeze(0), torch.ones(1, n), None, g))
            for g in map(Generator().manual_seed, range(20))
        ]
    found, error = np.mean(losses), np.std(losses, ddof=1) / 20**0.5
    assert found == pytest.approx(float(log_det) - np.mean(each), abs=4 * error)
    assert error < 0.1


def test_members_are_independent():
    """Each has the loss that it has alone, with its own start and weights."""
    parts = [net_part(MIXED, seed=k) for k in range(2)]
    x = [rows_of(MIXED, 30, seed=k, holes=0.2) for k in range(2)]
    packed = [pack(p.columns.split(own, p.links))[0].T for p, own in zip(parts, x, strict=True)]
    alone = []
    for k in range(2):
        single = stacked(net_part(MIXED, seed=k))
        with torch.no_grad():
            alone.append(single.log_prob(packed[k].unsqueeze(0), None)[0])
    with torch.no_grad():
        both = stacked(*parts).log_prob(torch.stack(packed), None)
    np.testing.assert_allclose(both, torch.stack(alone), rtol=1e-6, atol=1e-6)


def test_gradients_are_finite_for_all_kinds_of_cells():
    supports = (*MIXED, Support("lattice", step=1, low=0, high=10**6))
    part = net_part(supports)
    member = stacked(part)
    x = rows_of(supports, 64, holes=0.3)
    rows, _ = pack(part.columns.split(x, part.links))
    loss = member.loss(rows.T.unsqueeze(0), torch.ones(1, 64), None, Generator().manual_seed(0))
    gradient = member.backward(loss)
    assert bool(gradient.isfinite().all())
    assert int((gradient != 0).sum()) > 0.8 * gradient.numel()
