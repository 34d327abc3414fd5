"""Parts with networks of random weights: normalised whatever the network says."""

import numpy as np
import pytest
import torch
from scipy import stats
from torch import Generator

from skflow.flows.any_order.elliptical import Elliptical
from tests.flows.any_order.examples import (
    CATEGORY,
    COUNT,
    FLAG,
    MIXED,
    NAN,
    RAIN,
    SHARE,
    net_part,
    rows_of,
    tensor,
    total_mass,
)

PART = net_part(MIXED)


@pytest.mark.parametrize("j", range(len(MIXED)))
def test_one_column_given_others_sums_to_one(j):
    x = rows_of(MIXED, 2, seed=3)
    for row in (x[0], torch.where(torch.arange(len(MIXED)) % 2 == 0, x[1], NAN)):
        assert total_mass(PART, MIXED, row, [j]) == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize("pair", [(SHARE, FLAG), (CATEGORY, COUNT), (RAIN, CATEGORY)], ids=str)
def test_two_columns_sum_to_one(pair):
    x = torch.full((2,), torch.nan).double()
    assert total_mass(net_part(pair), pair, x, [0, 1]) == pytest.approx(1, abs=1e-3)


def test_eight_flags_sum_to_one():
    part = net_part((FLAG,) * 8)
    states = torch.cartesian_prod(*[tensor([0.0, 1.0])] * 8)
    log_prob = part.log_probs(states, torch.zeros_like(states, dtype=torch.bool)).rest
    assert float(log_prob.exp().sum()) == pytest.approx(1, abs=1e-6)


def test_a_network_that_says_nothing_leaves_the_t():
    silent = net_part(MIXED, size=0.0)
    start = Elliptical(
        silent.columns,
        silent.links,
        silent.orders,
        tensor([0.0]),
        silent.loc,
        silent.scatter,
        silent.df,
        silent.log_states.unsqueeze(0),
    )
    x = rows_of(MIXED, 50, seed=4, holes=0.3)
    given = torch.from_numpy(np.random.default_rng(0).random(x.shape) < 0.3)
    for own, other in zip(silent.log_probs(x, given), start.log_probs(x, given), strict=True):
        np.testing.assert_allclose(own, other, rtol=1e-9, atol=1e-9)


def test_it_is_the_mean_over_its_orders():
    x = rows_of(MIXED, 20, holes=0.2)
    nothing = torch.zeros_like(x, dtype=torch.bool)
    both = PART.log_probs(x, nothing).rest.exp()
    each = []
    for order in PART.orders:
        part = net_part(MIXED)
        part.orders = order.unsqueeze(0)
        each.append(part.log_probs(x, nothing).rest.exp())
    assert float((each[0] - each[1]).abs().max()) > 0
    np.testing.assert_allclose(both, (each[0] + each[1]) / 2, rtol=1e-10)


def test_rows_do_not_see_each_other():
    x = rows_of(MIXED, 40, holes=0.4)
    nothing = torch.zeros_like(x, dtype=torch.bool)
    alone = [PART.log_probs(x[[k]], nothing[[k]]).rest for k in range(40)]
    np.testing.assert_allclose(PART.log_probs(x, nothing).rest, torch.cat(alone), rtol=1e-9)


@pytest.mark.parametrize("j", range(len(MIXED)))
def test_draws_follow_the_conditional_distribution(j):
    """Randomized levels of draws are uniform."""
    n = 1000
    x = rows_of(MIXED, 1, seed=5).repeat(n, 1)
    x[:, j] = NAN
    knowledge, _ = PART.know(x)
    column = knowledge.column(j)
    draws = column.sample(Generator().manual_seed(j))
    step = MIXED[j].step or 0.0
    below = column.cdf(draws - (step / 2 if step else 1e-9))
    upto = column.cdf(draws)
    v = torch.rand(n, generator=Generator().manual_seed(1), dtype=torch.float64)
    assert stats.kstest(torch.lerp(below, upto, v).numpy(), "uniform").pvalue > 0.01


def test_completed_rows_keep_their_cells_and_follow_the_joint():
    """Draws of all columns: each is uniform, given those drawn before it."""
    n = 1000
    x = torch.full((n, len(MIXED)), torch.nan).double()
    x[:, 2] = 0.3
    drawn = PART.complete(x, Generator().manual_seed(3))
    assert bool((drawn[:, 2] == 0.3).all())
    assert bool(PART.columns.contains(drawn).all())
    rank = torch.rand(n, generator=Generator().manual_seed(1), dtype=torch.float64)
    order = PART.orders[0].tolist()
    part = net_part(MIXED, n_orders=1)
    drawn = part.complete(x, Generator().manual_seed(3))
    for place, j in enumerate(order):
        if j == 2:
            continue
        known = torch.where(
            torch.isin(torch.arange(8), torch.tensor([2, *order[:place]])), drawn, NAN
        )
        column = part.know(known)[0].column(j)
        step = MIXED[j].step or 0.0
        below = column.cdf(drawn[:, j] - (step / 2 if step else 1e-9))
        levels = torch.lerp(below, column.cdf(drawn[:, j]), rank)
        assert stats.kstest(levels.numpy(), "uniform").pvalue > 0.005, j
