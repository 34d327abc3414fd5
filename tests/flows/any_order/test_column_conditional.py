"""Distributions of one column: probabilities, distribution functions, draws and means."""

import numpy as np
import pytest
import torch
from torch import Generator

from skflow.flows.any_order.column_mixture import ColumnMixture
from tests.flows.any_order.examples import (
    MIXED,
    NAN,
    elliptical,
    net_part,
    points_of,
    rows_of,
    tensor,
)

N = 3
PARTS = {"t": elliptical(MIXED, m=3, df=8.0), "net": net_part(MIXED, df=8.0)}
INTERVALS = [(-0.7, 1.9), (0.05, 2.0), (0.2, 0.85), (1.0, 8.0), (-0.875, 2.125)]
INTERVALS += [(1.0, 5.0), (-1.0, 0.0), (0.5, 5.5)]


def conditional(part, j, n=1):
    """The distribution of column j given all others, some of them, and nothing."""
    x = rows_of(MIXED, N, seed=7).repeat_interleave(n, 0)
    x[:, j] = NAN
    x[n : 2 * n, : len(MIXED) // 2] = NAN
    x[2 * n :] = NAN
    return part.know(x)[0].column(j)


def probabilities(column, values):
    """exp(log_prob) of values (k,) in each row, (k, n)."""
    column = column.repeat(len(values))
    x = tensor(values).repeat_interleave(N).unsqueeze(1)
    cells = column.columns.split_column(x, column.j, column.links)
    return column.log_prob(cells).exp().view(len(values), N).numpy()


def nodes_between(support, low, high):
    """Values in (low, high] and weights, as states or points have them, or as an integral."""
    if support.is_discrete:
        points = points_of(support)[0]
        points = np.unique(points[(points > low) & (points <= high)])
        return points, np.ones(len(points))
    states = np.array([state for state in support.states if low < state <= high])
    nodes = np.linspace(low, high, 601)
    weights = np.full(601, nodes[1] - nodes[0])
    weights[[0, -1]] /= 2
    keep = ~np.isin(nodes, states)
    return np.r_[states, nodes[keep]], np.r_[np.ones(len(states)), weights[keep]]


@pytest.mark.parametrize("name", PARTS)
@pytest.mark.parametrize("j", range(len(MIXED)))
def test_the_cdf_sums_up_the_density(name, j):
    column = conditional(PARTS[name], j)
    low, high = INTERVALS[j]
    nodes, weights = nodes_between(MIXED[j], low, high)
    mass = weights @ probabilities(column, nodes)
    found = column.cdf(tensor([high] * N)) - column.cdf(tensor([low] * N))
    np.testing.assert_allclose(found, mass, rtol=2e-3, atol=2e-4)


@pytest.mark.parametrize("name", PARTS)
@pytest.mark.parametrize("j", range(len(MIXED)))
def test_the_cdf_rises_from_zero_to_one(name, j):
    column = conditional(PARTS[name], j)
    values = tensor(np.r_[-1e9, np.linspace(-10, 10, 401), 1e9])
    cdf = column.repeat(403).cdf(values.repeat_interleave(N)).view(403, N)
    assert float(cdf.diff(dim=0).min()) > -1e-12
    np.testing.assert_allclose(cdf[0], 0, atol=1e-9)
    np.testing.assert_allclose(cdf[-1], 1, atol=1e-9)


@pytest.mark.parametrize("j", range(len(MIXED)))
def test_the_mean_is_that_of_draws(j):
    n = 4000
    column, drawn = conditional(PARTS["net"], j), conditional(PARTS["net"], j, n)
    draws = drawn.sample(Generator().manual_seed(j)).view(N, n).numpy()
    error = draws.std(1) / n**0.5
    found = ColumnMixture(torch.zeros(1, N).double(), (column,)).mean().numpy()
    assert bool((np.abs(found - draws.mean(1)) < 4 * error + 1e-9).all()), (found, draws.mean(1))


def test_states_have_their_probabilities():
    for j in (1, 2, 5, 6):
        column = conditional(PARTS["t"], j)
        found = column.state_probabilities[:, 1 : 1 + len(MIXED[j].states)]
        np.testing.assert_allclose(found.T, probabilities(column, MIXED[j].states), rtol=1e-9)
        np.testing.assert_allclose(column.state_probabilities.sum(1), 1, rtol=1e-12)
    np.testing.assert_array_equal(conditional(PARTS["t"], 0).state_probabilities, np.ones((N, 1)))


def test_draws_do_not_depend_on_other_rows_of_a_generator_seed():
    """The same seed, the same draws; another seed, other draws."""
    column = conditional(PARTS["net"], 1, 50)
    first, again = (column.sample(Generator().manual_seed(0)) for _ in range(2))
    np.testing.assert_array_equal(first, again)
    assert not torch.equal(first, column.sample(Generator().manual_seed(1)))
