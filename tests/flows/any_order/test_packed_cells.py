"""Packing cells for training, and taking them apart again."""

import numpy as np
import torch

from skflow.flows.any_order.packed_cells import pack, unpack
from tests.flows.any_order.examples import MIXED, columns_of, links_of, rows_of


def test_a_round_trip():
    columns = columns_of(*MIXED)
    cells = columns.split(rows_of(MIXED, 30, holes=0.3), links_of(columns, *MIXED))
    rows, log_det = pack(cells)
    packed = unpack(rows.T, columns)
    own = cells.columns
    np.testing.assert_array_equal(packed.observed.T, cells.observed)
    has_continuum = torch.tensor(columns.has_continuum)
    np.testing.assert_array_equal(
        packed.on_continuum.T & has_continuum, cells.on_continuum & has_continuum
    )
    for j, column in enumerate(own):
        np.testing.assert_array_equal(packed.u[j], column.u)
        seen = cells.observed[:, j]
        np.testing.assert_array_equal(packed.state[j][seen], column.state[seen])
    np.testing.assert_allclose(log_det, sum(column.log_slope for column in own), rtol=1e-12)
    for k, j in enumerate(np.flatnonzero(columns.is_lattice)):
        for name in ("open_below", "open_above", "log_width"):
            expected = getattr(own[j].interval, name)
            np.testing.assert_array_equal(getattr(packed.intervals, name)[k], expected)
        for name, is_open in (("low", "open_below"), ("high", "open_above")):
            closed = ~getattr(own[j].interval, is_open)
            expected = getattr(own[j].interval, name)[closed]
            np.testing.assert_array_equal(getattr(packed.intervals, name)[k][closed], expected)
        assert bool((packed.intervals.low[k] < packed.intervals.high[k]).all())
    for k, j in enumerate(np.flatnonzero(columns.is_circular)):
        u, log_slope = own[j].other_turn
        np.testing.assert_array_equal(packed.other_turn[0][k], u)
        np.testing.assert_array_equal(packed.other_turn[1][k], log_slope - own[j].log_slope)


def test_without_lattices_and_angles():
    columns = columns_of(*MIXED[:2])
    x = rows_of(MIXED[:2], 5, holes=0.3)
    rows, _ = pack(columns.split(x, links_of(columns, *MIXED[:2])))
    packed = unpack(rows.T, columns)
    assert rows.shape == (5, 4)
    assert packed.intervals is None
    assert packed.other_turn is None
