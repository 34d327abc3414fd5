"""Columns: which values are states, numbers, points of lattices and angles."""

import math

import numpy as np
import pytest
import torch

from skflow.data.support import Support
from skflow.flows.any_order.columns import Columns
from skflow.flows.any_order.links import column_of
from tests.flows.any_order.examples import (
    ANGLE,
    CATEGORY,
    COUNT,
    FLAG,
    MIXED,
    NAN,
    RAIN,
    REAL,
    SHARE,
    TENTHS,
    columns_of,
    links_of,
    rows_of,
    tensor,
)

PERCENT = Support("lattice", step=1, low=0, high=100)


def test_what_columns_have():
    columns = columns_of(*MIXED)
    assert columns.has_continuum == [True, True, True, True, True, False, False, True]
    assert columns.n_atoms == [0, 1, 3, 0, 0, 3, 2, 0]
    assert columns.is_lattice == [j in (3, 4) for j in range(8)]
    assert columns.is_circular == [j == 7 for j in range(8)]
    assert columns.n_states == 4
    np.testing.assert_array_equal(columns.is_possible.sum(1), [1, 2, 4, 1, 1, 3, 2, 1])


@pytest.mark.parametrize(
    ("support", "inside", "outside"),
    [
        (REAL, [0.0, -1e300, 1e300], []),
        (RAIN, [0.0, -0.0, 1e-300, 5.0], [-1e-9]),
        (Support(low=0), [1e-300, 2.0], [0.0, -0.0, -1.0]),
        (SHARE, [0.0, 0.3, 0.5, 1.0], [-0.1, 1.1]),
        (CATEGORY, [1.0, 2.0, 5.0], [0.0, 3.0, 1.5]),
        (FLAG, [0.0, -0.0, 1.0], [0.5, 2.0, -1.0]),
        (COUNT, [0.0, 1.0, 1e6], [-1.0, 0.5, 1.001]),
        (TENTHS, [0.125, -0.125, 3.375], [0.0, 0.25]),
        (PERCENT, [0.0, 100.0], [-1.0, 101.0, 0.1]),
        (ANGLE, [0.0, -3.0, 7.0], []),
    ],
    ids=str,
)
def test_contains(support, inside, outside):
    columns = columns_of(support)
    assert bool(columns.contains(tensor([[v] for v in (*inside, NAN)])).all())
    if outside:
        assert not bool(columns.contains(tensor([[v] for v in outside])).any())


def test_states():
    columns = columns_of(SHARE, CATEGORY)
    x = tensor([[0.0, 5.0], [0.3, 1.0], [0.31, 2.0], [NAN, NAN], [-0.0, 2.0]])
    expected = [[1, 3], [2, 1], [0, 2], [0, 0], [1, 2]]
    np.testing.assert_array_equal(columns.states(x), expected)
    split = columns.split(x, links_of(columns, SHARE, CATEGORY))
    np.testing.assert_array_equal(torch.stack([c.state for c in split.columns], 1), expected)
    np.testing.assert_array_equal(split.observed, ~x.isnan())
    np.testing.assert_array_equal(split.on_continuum[:, 0], [False, False, True, False, False])


@pytest.mark.parametrize("j", [0, 1, 2, 7])
def test_numbers_and_latent_values_belong_together(j):
    columns = columns_of(*MIXED)
    links = links_of(columns, *MIXED)
    x = rows_of(MIXED, 50)[:, [j]]
    cells = columns.split_column(x, j, links)
    back = columns.value(j, cells.state, cells.u, links, None)
    np.testing.assert_allclose(back, x[:, 0], rtol=1e-9)
    step = 1e-6 * (x.abs() + 1e-3)
    near = columns.split_column(x + step, j, links).u - columns.split_column(x - step, j, links).u
    number = cells.state == 0
    slope = (near / (2 * step[:, 0])).log()
    np.testing.assert_allclose(cells.log_slope[number], slope[number], atol=1e-4)
    assert not bool(cells.log_slope[~number].any())
    assert not bool(cells.u[~number].any())


@pytest.mark.parametrize("support", [COUNT, TENTHS, PERCENT], ids=str)
def test_cells_of_lattices_tile_the_line(support):
    columns = columns_of(support)
    links = links_of(columns, support)
    points = support.lattice.points(np.arange(101))
    cells = columns.split_column(tensor(points).unsqueeze(1), 0, links)
    ends = cells.interval
    np.testing.assert_allclose(ends.high[:-1], ends.low[1:], rtol=1e-12)
    assert bool(ends.open_below[0]) == (support.low is not None)
    assert bool(ends.open_above[-1]) == (support.high is not None)
    assert not bool(ends.open_below[1:].any())
    assert not bool(ends.open_above[:-1].any())
    assert not bool(cells.log_slope.any())
    latent = torch.lerp(ends.low, ends.high, 0.5)
    back = columns.value(0, cells.state, latent, links, None)
    np.testing.assert_allclose(back, points, atol=1e-12)
    far = columns.value(0, cells.state[:2], tensor([-1e6, 1e6]), links, None)
    assert bool(columns.contains(far.unsqueeze(1)).all())


def test_values_beside_their_lattice_by_rounding():
    columns = columns_of(Support("lattice", step=0.1))
    x = tensor([[0.1 + 0.2], [0.3], [3 * 0.1]])
    cells = columns.split_column(x, 0, links_of(columns, REAL))
    assert float(cells.interval.low.max() - cells.interval.low.min()) < 1e-12
    assert bool(columns.contains(x).all())


@pytest.mark.parametrize(
    ("step", "origin"), [(0.1, 0.0), (1 / 3, 0.1), (0.25, 0.125), (1e-8, 0.0), (1e9 + 0.1, 0.0)]
)
def test_points_of_lattices_are_not_rounded(step, origin):
    """0.3 and not 0.30000000000000004."""
    support = Support("lattice", step=step, origin=origin)
    columns = columns_of(support)
    links = links_of(columns, REAL)
    points = support.lattice.points(np.arange(-50, 50))
    u = columns.split_column(tensor(points).unsqueeze(1), 0, links).u
    state = torch.zeros(100, dtype=torch.long)
    np.testing.assert_array_equal(columns.value(0, state, u, links, None), points)


@pytest.mark.parametrize("x", [-9.0, 0.0, 6.2, 30.0])
def test_angles_are_the_same_a_turn_on(x):
    columns = columns_of(ANGLE)
    links = links_of(columns, ANGLE)
    here, there = (
        columns.split_column(tensor([[value]]), 0, links) for value in (x, x + 2 * math.pi)
    )
    np.testing.assert_allclose(here.u, there.u, rtol=1e-9, atol=1e-9)
    for own, other in zip(here.other_turn, there.other_turn, strict=True):
        np.testing.assert_allclose(own, other, rtol=1e-9)


def test_an_angle_has_two_places_near_the_cut_and_one_elsewhere():
    columns = columns_of(ANGLE)
    links = links_of(columns, ANGLE)
    cut, period = float(columns.cut_point), ANGLE.period
    places = tensor([[cut + share * period] for share in (0.01, 0.24, 0.26, 0.74, 0.76, 0.99)])
    log_slope = columns.split_column(places, 0, links).other_turn[1]
    assert log_slope.isfinite().tolist() == [True, True, False, False, True, True]


def test_angles_are_drawn_in_the_turn_that_they_are_given_in():
    for low in (0.0, -math.pi):
        fields = dict(columns_of(ANGLE).named_buffers()) | {"turn": tensor([low])}
        columns = Columns(**fields)
        links = links_of(columns, ANGLE)
        u = torch.linspace(-50, 50, 101).double()
        x = columns.value(0, torch.zeros(101, dtype=torch.long), u, links, None)
        assert low <= float(x.min()) < float(x.max()) < low + 2 * math.pi


@pytest.mark.parametrize("support", [*MIXED, PERCENT], ids=str)
def test_a_value_stands_for_missing_ones(support):
    columns = columns_of(support)
    value = columns.some_value(0).reshape(1, 1)
    assert not columns.has_continuum[0] or bool(columns.contains(value))
    x = tensor([[NAN]])
    cells = columns.split_column(column_of(x, 0), 0, links_of(columns, support))
    assert float(cells.u) == float(cells.log_slope) == float(cells.state) == 0
