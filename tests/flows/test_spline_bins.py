"""The bins of a spline against cumulative sums and a search."""

import pytest
import torch

from skflow.flows.spline_bins import MIN_FRACTION, MIN_SLOPE, bins_at, position_in

BOUND = 3.0


def problem(n_bins, d=2, n=40):
    generator = torch.Generator().manual_seed(0)
    x = 3 * torch.randn(d, n, generator=generator, dtype=torch.float64)
    raw = 2 * torch.randn(3 * n_bins - 1, d, n, generator=generator, dtype=torch.float64)
    return x, raw


def test_position_is_counted_from_the_lower_bound_and_clamped():
    x = torch.tensor([-4.0, -3.0, 0.0, 3.0, 3.5])
    position, inside = position_in(x, BOUND)
    assert position.tolist() == [0, 0, 3, 6, 6]
    assert inside.tolist() == [0, 1, 1, 1, 0]


@pytest.mark.parametrize("by_height", [False, True])
@pytest.mark.parametrize("n_bins", [1, 2, 8])
def test_a_bin_has_the_position_between_its_edges(n_bins, by_height):
    x, raw = problem(n_bins)
    position, _ = position_in(x, BOUND)
    bins = bins_at(position, raw, n_bins, BOUND, by_height)
    low, size = bins.edges[int(by_height)], bins.sizes[int(by_height)]
    assert (low <= position).all()
    assert (position <= low + size + 1e-12).all()


@pytest.mark.parametrize("n_bins", [1, 2, 8])
def test_sizes_edges_and_slopes_are_those_of_the_bin(n_bins):
    x, raw = problem(n_bins)
    position, _ = position_in(x, BOUND)
    bins = bins_at(position, raw, n_bins, BOUND)
    logits = raw[: 2 * n_bins].unflatten(0, (2, n_bins))
    sizes = 2 * BOUND * (MIN_FRACTION + (1 - n_bins * MIN_FRACTION) * logits.softmax(1))
    edges = torch.cat([torch.zeros_like(sizes[:, :1]), sizes.cumsum(1)], dim=1)
    ones = torch.ones_like(x)[None]
    unit = torch.tensor(1 - MIN_SLOPE, dtype=torch.float64).expm1().log()
    slopes = MIN_SLOPE + torch.nn.functional.softplus(raw[2 * n_bins :] + unit)
    slopes = torch.cat([ones, slopes, ones])
    for column in range(x.shape[0]):
        for row in range(x.shape[1]):
            at = (column, row)
            inner = edges[0, 1:-1, column, row]
            k = int((inner <= position[at]).sum())
            torch.testing.assert_close(bins.sizes[:, *at], sizes[:, k, *at])
            torch.testing.assert_close(bins.edges[:, *at], edges[:, k, *at])
            torch.testing.assert_close(bins.slopes[:, *at], slopes[k : k + 2, *at])
