"""From supports to columns, links and completed samples."""

import math

import numpy as np
import pytest
import torch

from skflow.data.support import Support
from skflow.fitting.any_order.standardized_columns import (
    CompletedSamples,
    fit_bijections,
    fit_columns,
)
from skflow.flows.any_order.links import Links
from skflow.preprocessing.dataset import WeightedDataset
from tests.flows.any_order.examples import MIXED, NAN, columns_of, rows_of


def ones(x):
    return torch.ones(len(x), dtype=torch.float64)


def test_columns_follow_from_supports_alone():
    """Whatever the rows are, but for where circles are cut."""
    first, second = (columns_of(*MIXED, seed=seed) for seed in (0, 1))
    for name, buffer in first.named_buffers():
        if name != "cut_point":
            np.testing.assert_array_equal(buffer, dict(second.named_buffers())[name])


def test_circles_are_cut_where_they_are_emptiest():
    angles = np.r_[np.linspace(-1, 1, 200), NAN].reshape(-1, 1)
    columns = fit_columns(angles, np.ones(201), [Support("circular")])
    assert 1 < float(columns.cut_point) < 2 * math.pi - 1
    assert float(columns.turn) == pytest.approx(-math.pi)
    columns = fit_columns(angles + 1, np.ones(201), [Support("circular", period=4)])
    assert 2 < float(columns.cut_point) < 4
    assert float(columns.turn) == 0
    heavy = np.where(np.abs(angles[:, 0]) < 0.5, 0.0, 1.0)
    heavy[-1] = 1
    assert fit_columns(angles, heavy, [Support("circular")]).cut_point.isfinite()


def test_numbers_are_standardized_without_holes_and_states():
    supports = (Support(), Support(low=0, atoms=[0]))
    x = rows_of(supports, 400, holes=0.3)
    columns = fit_columns(x.numpy(), np.ones(400), supports)
    bijections = fit_bijections(columns, x, ones(x))
    cells = columns.split(x, Links(bijections, 2))
    for j in range(2):
        u = cells.columns[j].u[cells.on_continuum[:, j]]
        assert float(u.mean()) == pytest.approx(0, abs=1e-9)
        assert float(u.std(correction=0)) == pytest.approx(1, rel=1e-9)


@pytest.mark.parametrize("n_seen", [0, 1])
@pytest.mark.parametrize("support", MIXED, ids=str)
def test_columns_with_hardly_any_cell(support, n_seen):
    x = rows_of((support, Support()), 20)
    x[n_seen:, 0] = NAN
    columns = fit_columns(x.numpy(), np.ones(20), (support, Support()))
    bijections = fit_bijections(columns, x, ones(x))
    cells = columns.split(rows_of((support, Support()), 20, seed=1), Links(bijections, 2))
    assert bool(cells.columns[0].u.isfinite().all())
    assert bool(cells.columns[0].log_slope.isfinite().all())


def test_completed_samples():
    x = rows_of(MIXED, 200, holes=0.3)
    columns = fit_columns(x.numpy(), np.ones(200), MIXED)
    bijections = fit_bijections(columns, x, ones(x))
    data = WeightedDataset(x, ones(x))
    completed = CompletedSamples.of(data, columns, bijections, np.random.default_rng(0)).data
    cells = columns.split(x, Links(bijections, 8))
    assert bool(completed.x.isfinite().all())
    for j in (0, 1, 2, 7):
        seen = cells.on_continuum[:, j]
        np.testing.assert_array_equal(completed.x[seen, j], cells.columns[j].u[seen])
        np.testing.assert_array_equal(
            completed.bin_bounds[:, :, j], completed.x[:, j].expand(2, -1)
        )
    for j in (3, 4):
        low, high = completed.bin_bounds[:, :, j]
        assert bool((low < completed.x[:, j]).all() and (completed.x[:, j] < high).all())
        seen = cells.on_continuum[:, j]
        np.testing.assert_allclose(
            ((low + high) / 2)[seen], cells.columns[j].u[seen], rtol=1e-9, atol=1e-9
        )
    slopes = sum(column.log_slope for column in cells.columns)
    np.testing.assert_allclose(completed.log_det, slopes, rtol=1e-9)
