"""The blockwise output layer against the masked layer in one product."""

import pytest
import torch

from skflow.flows.fused import ColumnBlock, blockwise_dense
from skflow.flows.matmul import add_matmul

N_PARAMETERS, N_COLUMNS, N_UNITS, N_ROWS, GAIN = 3, 5, 7, 11, 0.25
BLOCKS = [
    ColumnBlock(slice(0, 2), N_COLUMNS, slice(2)),
    ColumnBlock(slice(2, 3), N_COLUMNS, slice(4)),
    ColumnBlock(slice(3, 5), N_COLUMNS, slice(7)),
]
UNITS_OF_COLUMNS = torch.tensor([0, 2, 4, 5, 7])  # no more than those of their blocks


def normal(*shape, seed):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


def problem(leading=(), members=()):
    mask = torch.arange(N_UNITS) < UNITS_OF_COLUMNS.repeat(N_PARAMETERS)[:, None]
    n_outputs = N_PARAMETERS * N_COLUMNS
    units = normal(*leading, N_UNITS, N_ROWS, seed=0)
    weight = normal(*members, n_outputs, N_UNITS, seed=1)
    bias = normal(*members, n_outputs, seed=2)
    return [t.requires_grad_() for t in (units, weight, bias)], mask.double()


def plain(units, weight, bias, mask):
    return add_matmul(bias.unsqueeze(-1), weight * mask, units, GAIN)


def blockwise(units, weight, bias, mask):
    """The blocks put together again as outputs of one layer."""
    blocks = blockwise_dense(units, weight, bias, mask, BLOCKS, GAIN)
    by_column = [block.unflatten(-2, (N_PARAMETERS, -1)) for block in blocks]
    return torch.cat(by_column, dim=-2).flatten(-3, -2)


@pytest.mark.parametrize(("leading", "members"), [((), ()), ((4,), (4,)), ((4,), ())])
def test_values_and_gradients_equal_those_of_the_plain_layer(leading, members):
    leaves, mask = problem(leading, members)
    found, expected = (form(*leaves, mask) for form in (blockwise, plain))
    torch.testing.assert_close(found, expected, rtol=1e-13, atol=1e-13)
    g_outputs = normal(*expected.shape, seed=3)
    gradients, expected_gradients = (
        torch.autograd.grad((out * g_outputs).sum(), leaves) for out in (found, expected)
    )
    torch.testing.assert_close(gradients, expected_gradients, rtol=1e-12, atol=1e-12)


def test_gradcheck():
    leaves, mask = problem()
    assert torch.autograd.gradcheck(lambda *leaves: blockwise(*leaves, mask), leaves)


def test_masked_weights_have_no_gradient():
    (units, weight, bias), mask = problem()
    blockwise(units, weight, bias, mask).square().sum().backward()
    assert not weight.grad[mask == 0].any()
    assert weight.grad[mask == 1].all()


def test_has_no_second_derivative():
    (units, weight, bias), mask = problem()
    outputs = blockwise(units, weight, bias, mask)
    (gradient,) = torch.autograd.grad(outputs.square().sum(), units, create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        gradient.sum().backward()
