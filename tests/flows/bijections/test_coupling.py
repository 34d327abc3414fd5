"""Coupling layers: which columns pass unchanged, and which condition which."""

import pytest
import torch

from skflow.flows.bijections import Affine, Coupling


class Sums(torch.nn.Module):
    """A conditioner whose outputs are the sum of its inputs, and its negative."""

    def forward(self, columns):
        total = columns.sum(-2, keepdim=True)
        return torch.cat([total, -total], dim=-2)


def layer(from_end):
    return Coupling(Affine(), Sums(), n_conditioning=2, from_end=from_end)


X = torch.tensor([[1.0, 2.0, 3.0], [-1.0, 0.5, 2.0]], dtype=torch.float64)


@pytest.mark.parametrize("from_end", [False, True])
def test_maps_one_column_given_the_sum_of_the_others(from_end):
    z, log_det = layer(from_end)(X)
    unchanged = slice(1, 3) if from_end else slice(0, 2)
    mapped = 0 if from_end else 2
    total = X[:, unchanged].sum(1)
    log_scale = -total / (1 + total.abs() / 7)
    assert torch.equal(z[:, unchanged], X[:, unchanged])
    torch.testing.assert_close(z[:, mapped], X[:, mapped] * log_scale.exp() + total)
    torch.testing.assert_close(log_det, log_scale)


def test_the_context_is_an_input_of_the_conditioner():
    context = torch.tensor([[4.0], [0.0]], dtype=torch.float64)
    _, log_det = layer(False)(X, context)
    total = X[:, :2].sum(1) + context[:, 0]
    torch.testing.assert_close(log_det, -total / (1 + total.abs() / 7))
