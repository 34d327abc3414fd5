"""Links, one column at a time."""

import copy

import numpy as np
import torch

from skflow.flows.any_order.links import Links, column_of
from skflow.flows.bijections import Bounded, Chain, Standardize
from tests.flows.any_order.examples import tensor

LOW, HIGH = tensor([0.0, -np.inf, 0.0]), tensor([1.0, np.inf, np.inf])
X = tensor([[0.25, -3.0, 7.0], [0.9, 0.5, 1e-3], [0.5, 40.0, 1.0]])


def bijections():
    center, scale = tensor([0.0, 0.0, 1.0]), tensor([1.0, 1.0, 0.5])
    bounded = Bounded(LOW, HIGH, center, scale, tensor([np.inf, np.inf, 5.0]))
    return [bounded, Standardize(tensor([0.5, 2.0, 3.0]), tensor([2.0, 1.0, 4.0]))]


def test_columns_are_mapped_as_by_the_joint_map():
    z, log_det = Chain(bijections())(X)
    links = Links(bijections(), 3)
    images = [links.column(j)(column_of(X, j)) for j in range(3)]
    np.testing.assert_allclose(torch.cat([u for u, _ in images], 1), z, rtol=1e-14)
    np.testing.assert_allclose(sum(slope for _, slope in images), log_det, rtol=1e-14)
    back = [links.column(j).inverse(column_of(z, j))[0] for j in range(3)]
    np.testing.assert_allclose(torch.cat(back, 1), X, rtol=1e-12)


def test_maps_of_columns_follow_the_links():
    """They are kept, but not beyond a change of the buffers."""
    links = Links(bijections(), 3)
    before = links.column(1)(column_of(X, 1))[0]
    links.load_state_dict(
        {k: v + (k == "bijections.1.loc") for k, v in links.state_dict().items()}
    )
    np.testing.assert_allclose(links.column(1)(column_of(X, 1))[0], before - 1)
    copied = copy.deepcopy(links)
    links.float()
    assert links.column(0)(column_of(X.float(), 0))[0].dtype == torch.float32
    assert copied.column(0)(column_of(X, 0))[0].dtype == torch.float64
