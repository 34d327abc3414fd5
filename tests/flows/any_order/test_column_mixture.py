"""Mixtures of one column's distributions: quantiles, means and modes."""

import math

import numpy as np
import pytest
import torch

from skflow.data.support import Support
from skflow.flows.any_order.any_order_density import AnyOrderDensity
from skflow.flows.any_order.column_mixture import ColumnMixture
from skflow.flows.any_order.links import Links
from skflow.flows.bijections import Regress
from tests.flows.any_order.examples import (
    MIXED,
    NAN,
    columns_of,
    elliptical,
    net_part,
    rows_of,
    tensor,
)

LEVELS = tensor([1e-6, 0.05, 0.3, 0.5, 0.77, 0.95, 1 - 1e-6]).unsqueeze(1)
DENSITY = AnyOrderDensity(
    columns_of(*MIXED), [net_part(MIXED, n_orders=1), elliptical(MIXED)], tensor([0.7, 0.3])
)


def conditionals():
    x = rows_of(MIXED, 5, seed=9)
    x[1:, ::2] = NAN
    x[2] = NAN
    return {
        j: DENSITY.conditionals(torch.where(torch.arange(8) == j, NAN, x), [j])[j]
        for j in range(8)
    }


COLUMNS = conditionals()


@pytest.mark.parametrize("j", range(len(MIXED)))
def test_quantiles_are_the_smallest_values_at_which_a_level_is_reached(j):
    column = COLUMNS[j]
    levels = LEVELS.expand(-1, 5)
    quantiles = column.quantile(levels)
    assert bool(DENSITY.columns.contains(_rows(quantiles.reshape(-1), j)).all())
    assert bool((column.cdf(quantiles) >= levels - 1e-9).all())
    below = quantiles - (MIXED[j].step or 1e-7 * (1 + quantiles.abs()))
    assert bool((column.cdf(below) <= levels + 1e-6 * (MIXED[j].step is None)).all())
    assert bool((quantiles.diff(dim=0) >= 0).all())


def _rows(values, j):
    x = torch.full((len(values), len(MIXED)), torch.nan).double()
    x[:, j] = values
    return x


def test_atoms_are_quantiles_exactly():
    for j in (1, 2):
        for atom in MIXED[j].states:
            column = COLUMNS[j]
            at = column.cdf(tensor([atom] * 5))
            probability = column.state_probabilities[:, 1 + MIXED[j].states.index(atom)]
            np.testing.assert_array_equal(column.quantile(at - probability / 2), np.full(5, atom))


# not where parts have tails of other weights than the mixture, nor where means are directions
@pytest.mark.parametrize("j", [0, 1, 2, 3, 5, 6])
def test_means_lie_between_the_parts_and_weigh_them(j):
    column = COLUMNS[j]
    each = torch.stack(
        [ColumnMixture(torch.zeros(1, 5).double(), (part,)).mean() for part in column.parts]
    )
    expected = (each * column.log_weights.exp()).sum(0)
    np.testing.assert_allclose(column.mean(), expected, rtol=1e-9)
    assert float(column.log_weights.logsumexp(0).abs().max()) < 1e-9


def test_modes():
    for j in (1, 5):
        states = (NAN, *MIXED[j].states)
        expected = [states[k] for k in COLUMNS[j].state_probabilities.argmax(1)]
        if j == 5:
            probabilities = COLUMNS[j].state_probabilities[:, 1:4]
            expected = [MIXED[j].states[k] for k in probabilities.argmax(1)]
        np.testing.assert_array_equal(COLUMNS[j].mode(), expected)


def test_log_prob_is_that_of_the_density():
    x = rows_of(MIXED, 5, seed=11)
    for j in range(len(MIXED)):
        given = torch.arange(8).expand(5, -1) != j
        column = DENSITY.conditionals(torch.where(given, x, NAN), [j])[j]
        found = column.log_prob(
            lambda part, j=j: part.columns.split_column(x[:, [j]], j, part.links)
        )
        np.testing.assert_allclose(found, DENSITY.log_prob_given(x, given), rtol=1e-9)


def test_quantiles_of_wide_lattices_and_far_tails():
    supports = (Support("lattice", step=1, low=0, high=10**6), Support())
    part = elliptical(supports, df=1.5)
    part.loc = part.loc + 3
    density = AnyOrderDensity(part.columns, [part], tensor([1.0]))
    x = torch.full((1, 2), torch.nan).double()
    for j, column in density.conditionals(x, [0, 1]).items():
        quantiles = column.quantile(tensor([[1e-12], [1 - 1e-12]]))
        assert math.isfinite(float(quantiles.sum()))
        assert bool(
            density.columns.contains(torch.where(torch.arange(2) == j, quantiles, NAN)).all()
        )


def test_a_context_moves_the_column_and_is_seen_by_the_network():
    part = net_part((MIXED[0], MIXED[0]), n_orders=1, n_context=2)
    part.links = Links([Regress(tensor([[3.0, 0.0], [0.0, -2.0]]), tensor([1.0, 0.0]))], 2)
    density = AnyOrderDensity(part.columns, [part], tensor([1.0]))
    context = torch.from_numpy(np.random.default_rng(0).normal(size=(4, 2)))
    x = tensor([[0.5, NAN]] * 4)
    column = density.conditionals(x, [1], context)[1]
    levels = LEVELS.expand(-1, 4)
    quantiles = column.quantile(levels)
    np.testing.assert_allclose(column.cdf(quantiles), levels, rtol=1e-6)
    for k in range(4):
        one = slice(k, k + 1)
        alone = density.conditionals(x[one], [1], context[one])[1]
        np.testing.assert_allclose(alone.quantile(LEVELS)[:, 0], quantiles[:, k], rtol=1e-6)
        np.testing.assert_allclose(alone.mean(), column.mean()[one], rtol=1e-9)
    assert float((column.mean()[1:] - column.mean()[0]).abs().min()) > 1e-3
