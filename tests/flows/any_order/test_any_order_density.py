"""Mixtures of parts: conditionals, weights, draws and rows outside the support."""

import math

import numpy as np
import pytest
import torch
from scipy import stats
from torch import Generator

from skflow.flows.any_order.any_order_density import AnyOrderDensity
from tests.flows.any_order.examples import (
    CATEGORY,
    MIXED,
    NAN,
    RAIN,
    REAL,
    columns_of,
    elliptical,
    net_part,
    plain_links,
    rows_of,
    tensor,
)

DENSITY = AnyOrderDensity(
    columns_of(*MIXED), [net_part(MIXED, n_orders=1), elliptical(MIXED)], tensor([0.6, 0.4])
)


def test_the_weighted_mean_of_its_parts():
    x = rows_of(MIXED, 30, holes=0.3)
    nothing = torch.zeros_like(x, dtype=torch.bool)
    each = torch.stack([part.log_probs(x, nothing).rest for part in DENSITY.components])
    expected = (each.exp() * tensor([[0.6], [0.4]])).sum(0).log()
    np.testing.assert_allclose(DENSITY.log_prob(x), expected, rtol=1e-9, atol=1e-12)


def test_conditional_times_marginal_is_the_joint():
    """Where no cell is given after others in the chain: parts with one order, given its start."""
    x = rows_of(MIXED, 30, holes=0.2)
    given = torch.arange(8) < 3
    log_marginal = DENSITY.log_prob(torch.where(given, x, NAN))
    log_rest = DENSITY.log_prob_given(x, given.expand_as(x))
    np.testing.assert_allclose(log_marginal + log_rest, DENSITY.log_prob(x), rtol=1e-9)


def test_rows_outside_the_support_and_empty_rows():
    x = rows_of(MIXED, 4)
    x[0, 1], x[1, 5], x[2] = -1.0, 3.0, NAN
    log_prob = DENSITY.log_prob(x)
    assert log_prob[:2].tolist() == [-math.inf, -math.inf]
    assert float(log_prob[2]) == 0
    assert math.isfinite(float(log_prob[3]))


def test_parts_are_weighed_by_what_is_observed():
    """Two t far apart: a cell tells which one a row is of."""
    parts = [elliptical((REAL, REAL), m=1, links=plain_links(2)) for _ in range(2)]
    for part, loc in zip(parts, (-50.0, 50.0), strict=True):
        part.loc = tensor([[loc, loc]])
        part.scatter = torch.eye(2).double().unsqueeze(0)
    density = AnyOrderDensity(parts[0].columns, parts, tensor([0.5, 0.5]))
    x = tensor([[-50.0, NAN]] * 50 + [[50.0, NAN]] * 50)
    drawn = density.complete(x, Generator().manual_seed(0))
    np.testing.assert_array_equal(drawn[:, 0], x[:, 0])
    latent = density.columns.split(drawn, parts[0].links).columns[1].u
    np.testing.assert_array_equal(latent > 0, x[:, 0] > 0)
    mean = density.conditionals(x, [1])[1].mean()
    np.testing.assert_allclose(mean, 2 * 50 * x[:, 0].sign() + 1, atol=0.05)


def test_draws_follow_the_density():
    drawn = DENSITY.sample(3000, Generator().manual_seed(0))
    assert not bool(drawn.isnan().any())
    assert bool(DENSITY.columns.contains(drawn).all())
    nothing = torch.full((1, 8), torch.nan).double()
    counts = torch.stack([(drawn[:, 5] == level).sum() for level in tensor([1.0, 2.0, 5.0])])
    probabilities = DENSITY.conditionals(nothing, [5])[5].state_probabilities[0, 1:]
    # exact up to the dependence of marginals on orders, which is 0 for the first column
    assert DENSITY.components[0].orders[0, 0] == 0
    assert stats.kstest(_levels(DENSITY, drawn[:, 0], 0), "uniform").pvalue > 0.01
    assert counts.sum() == 3000
    assert bool((probabilities > 0).all())


def _levels(density, values, j):
    column = density.conditionals(torch.full((1, 8), torch.nan).double(), [j])[j]
    return column.repeat(len(values)).cdf(values).numpy()


def test_draws_by_their_seed():
    first, again, other = (DENSITY.sample(20, Generator().manual_seed(k)) for k in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert not torch.equal(first, other)
    assert DENSITY.sample(0, Generator()).shape == (0, 8)


def test_networks_in_single_precision():
    x = rows_of(MIXED, 40, holes=0.2)
    single = DENSITY.with_base_dtype(torch.float32)
    assert single.components[0].net.net.output.weight.dtype == torch.float32
    assert DENSITY.components[0].net.net.output.weight.dtype == torch.float64
    found = single.log_prob(x)
    assert found.dtype == torch.float64
    np.testing.assert_allclose(found, DENSITY.log_prob(x), rtol=1e-4, atol=1e-3)
    assert single.sample(5, Generator().manual_seed(0)).dtype == torch.float64


def test_no_rows():
    x = torch.zeros(0, 8).double()
    assert DENSITY.log_prob(x).shape == (0,)
    assert DENSITY.complete(x, Generator()).shape == (0, 8)


def test_parts_are_densities_whose_mean_it_is():
    parts = [net_part(MIXED, seed=k) for k in range(2)] + [
        elliptical(MIXED, seed=k) for k in (2, 3)
    ]
    density = AnyOrderDensity(columns_of(*MIXED), parts, tensor([0.3, 0.3, 0.2, 0.2]))
    x = rows_of(MIXED, 20, holes=0.2)
    each = torch.stack([part.log_prob(x) for part in density.parts(2)])
    np.testing.assert_allclose(
        each.exp().mean(0).log(), density.log_prob(x), rtol=1e-9, atol=1e-12
    )


@pytest.mark.parametrize("supports", [(CATEGORY,), (RAIN,), (CATEGORY, CATEGORY)], ids=len)
def test_few_columns(supports):
    density = AnyOrderDensity(
        columns_of(*supports), [net_part(supports, n_orders=1)], tensor([1.0])
    )
    drawn = density.sample(200, Generator().manual_seed(0))
    assert bool(density.log_prob(drawn).isfinite().all())
