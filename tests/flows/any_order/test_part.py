"""Chains of conditionals: what is given comes first, whatever the order."""

import numpy as np
import torch
from torch import Generator

from tests.flows.any_order.examples import (
    CATEGORY,
    COUNT,
    MIXED,
    NAN,
    RAIN,
    REAL,
    net_part,
    rows_of,
)

PART = net_part(MIXED, n_orders=1)


def log_probs(x, given):
    return PART.log_probs(x, given)


def test_given_cells_come_first():
    """The rest given them is the product of one-dimensional conditionals in the order."""
    x = rows_of(MIXED, 10)
    given = torch.from_numpy(np.random.default_rng(0).random(x.shape) < 0.5)
    expected = torch.zeros(10).double()
    known = torch.where(given, x, NAN)
    for j in PART.orders[0].tolist():
        conditional = PART.know(known)[0].column(j)
        cells = PART.columns.split_column(x[:, [j]], j, PART.links)
        expected += torch.where(given[:, j], 0.0, conditional.log_prob(cells))
        known[:, j] = x[:, j]
    np.testing.assert_allclose(log_probs(x, given).rest, expected, rtol=1e-9)


def test_all_or_nothing_given():
    x = rows_of(MIXED, 10, holes=0.3)
    every = torch.ones_like(x, dtype=torch.bool)
    all_given, none_given = log_probs(x, every), log_probs(x, ~every)
    np.testing.assert_array_equal(all_given.rest, np.zeros(10))
    np.testing.assert_array_equal(none_given.given, np.zeros(10))
    np.testing.assert_allclose(all_given.given, none_given.rest, rtol=1e-9)


def test_missing_cells_cannot_be_given():
    x = rows_of(MIXED, 10, holes=0.5)
    given = torch.from_numpy(np.random.default_rng(0).random(x.shape) < 0.5)
    for own, other in zip(log_probs(x, given), log_probs(x, given & ~x.isnan()), strict=True):
        np.testing.assert_array_equal(own, other)


def test_rows_without_holes_are_complete():
    x = rows_of(MIXED, 10)
    np.testing.assert_array_equal(PART.complete(x, Generator()), x)


def test_rows_are_not_written_to():
    x = rows_of(MIXED, 10, holes=0.5)
    before = x.clone()
    PART.complete(x, Generator().manual_seed(0))
    PART.log_probs(x, torch.ones_like(x, dtype=torch.bool))
    np.testing.assert_array_equal(x, before)


def test_rows_that_see_the_same_cells_share_their_algebra(monkeypatch):
    """Draws are those of rows by themselves, to rounding."""
    x = rows_of((RAIN, REAL, COUNT, CATEGORY), 60, holes=0.5)
    x[:, 0] = torch.where(x[:, 0].isnan(), 0.0, x[:, 0])
    part = net_part((RAIN, REAL, COUNT, CATEGORY))
    drawn = part.complete(x, Generator().manual_seed(0))
    monkeypatch.setattr(
        type(part), "_patterns", lambda *tables: (torch.arange(len(tables[-1])).unsqueeze(1),)
    )
    alone = part.complete(x, Generator().manual_seed(0))
    np.testing.assert_allclose(drawn, alone, rtol=1e-6)
