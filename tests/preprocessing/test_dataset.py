"""Weighted data sets: subsets, transforms and means."""

import numpy as np
import pytest
import torch

from skflow.flows.bijections import Chain, Standardize
from skflow.preprocessing.dataset import WeightedDataset

X = np.array([[0.0, 1.0], [2.0, 3.0], [4.0, 5.0], [6.0, 7.0]])
WEIGHTS = np.array([0.5, 0.5, 1.0, 2.0])


def full_dataset():
    """A data set with all of its optional fields."""
    x = torch.from_numpy(X + 0.25)
    return WeightedDataset(
        x,
        torch.from_numpy(WEIGHTS),
        context=torch.arange(4.0, dtype=torch.float64).unsqueeze(1),
        log_det=torch.tensor([1.0, 2.0, 3.0, 4.0], dtype=torch.float64),
        bin_bounds=torch.stack([x - 0.5, x + 0.5]),
        observed=X,
        counts=2 * WEIGHTS,
    )


HALVE_AND_SHIFT = Chain(
    [Standardize(torch.tensor([1.0, 0.0]).double(), torch.tensor([2.0, 4.0]).double())]
)


@pytest.mark.parametrize(
    "index", [np.array([2, 0]), torch.tensor([2, 0]), np.array([2, 0]).tolist()], ids=type
)
def test_a_subset_takes_every_field_in_the_order_of_the_index(index):
    subset = full_dataset().take(index)
    assert len(subset) == 2
    assert subset.x.tolist() == [[4.25, 5.25], [0.25, 1.25]]
    assert subset.weights.tolist() == [1.0, 0.5]
    assert subset.context.tolist() == [[2.0], [0.0]]
    assert subset.log_det.tolist() == [3.0, 1.0]
    assert subset.bin_bounds[0].tolist() == [[3.75, 4.75], [-0.25, 0.75]]
    assert subset.bin_bounds[1].tolist() == [[4.75, 5.75], [0.75, 1.75]]
    assert subset.observed.tolist() == [[4.0, 5.0], [0.0, 1.0]]
    assert subset.counts.tolist() == [2.0, 1.0]


def test_a_subset_has_no_fields_that_the_data_set_has_not():
    subset = WeightedDataset.of(X, WEIGHTS).take(slice(1, 3))
    assert subset.observed.tolist() == [[2.0, 3.0], [4.0, 5.0]]
    assert (subset.context, subset.log_det, subset.bin_bounds) == (None, None, None)
    assert subset.counts is None
    assert subset.log_dets.tolist() == [0.0, 0.0]


def test_a_transform_maps_samples_and_bin_bounds_and_keeps_what_was_observed():
    data = full_dataset()
    transformed = data.transform(HALVE_AND_SHIFT)
    assert transformed.x.tolist()[1] == [(2.25 - 1) / 2, 3.25 / 4]
    assert transformed.bin_bounds[:, 1].tolist() == [[0.375, 2.75 / 4], [0.875, 3.75 / 4]]
    assert transformed.log_det.tolist() == pytest.approx([-np.log(8)] * 4)
    assert transformed.context is data.context
    assert transformed.observed is X
    assert transformed.counts is data.counts


def test_a_transform_of_the_context_leaves_the_samples_alone():
    data = full_dataset()
    double = Chain([Standardize(torch.zeros(1).double(), torch.full((1,), 0.5).double())])
    transformed = data.transform_context(double)
    assert transformed.context.tolist() == [[0.0], [2.0], [4.0], [6.0]]
    assert transformed.x is data.x
    assert transformed.log_det is data.log_det
    without_context = WeightedDataset.of(X, WEIGHTS)
    assert without_context.transform_context(double) is without_context


def test_means_are_weighted():
    values = torch.tensor([1.0, 2.0, 3.0, 4.0], dtype=torch.float64)
    data = full_dataset()
    assert data.mean(values) == pytest.approx((0.5 + 1 + 3 + 8) / 4)
    assert data.mean(values, torch.tensor([True, False, True, False])) == pytest.approx(3.5 / 1.5)
    assert data.mean(values, slice(2, None)) == pytest.approx(11 / 3)


def test_blocks_are_consecutive_and_cover_all_samples():
    blocks = list(full_dataset().blocks(3))
    assert [block.x[:, 0].tolist() for block in blocks] == [[0.25, 2.25, 4.25], [6.25]]
    assert blocks[1].bin_bounds.shape == (2, 1, 2)


def test_arrays_are_samples_weights_and_context():
    assert len(WeightedDataset.of(X, WEIGHTS).arrays) == 2
    x, weights, context = full_dataset().arrays
    np.testing.assert_array_equal(x, X + 0.25)
    np.testing.assert_array_equal(weights, WEIGHTS)
    np.testing.assert_array_equal(context[:, 0], np.arange(4))


def test_a_data_set_of_arrays_shares_their_memory():
    data = WeightedDataset.of(X, WEIGHTS, WEIGHTS[:, None])
    for tensor, array in ((data.x, X), (data.weights, WEIGHTS), (data.known_context, WEIGHTS)):
        assert np.shares_memory(tensor.numpy(), array)
