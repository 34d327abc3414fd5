"""A masked dense layer, computed for blocks of consecutive columns."""

from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from skflow.flows.matmul import add_matmul, matmul


class ColumnBlock(NamedTuple):
    """Consecutive columns, and the leading hidden units that their outputs may depend on."""

    columns: slice
    n_columns: int  # of all blocks together
    units: slice

    def outputs(self, matrix: Tensor) -> Tensor:
        """The block's rows of (..., n_parameters * n_columns, m): (..., n_parameters, k, m)."""
        return matrix.unflatten(-2, (-1, self.n_columns))[..., self.columns, :]

    def weights(self, matrix: Tensor) -> Tensor:
        """The block of a weight matrix: (..., n_parameters, k, units)."""
        return self.outputs(matrix)[..., self.units]


def blockwise_dense(
    units: Tensor,
    weight: Tensor,
    bias: Tensor,
    mask: Tensor,
    blocks: list[ColumnBlock],
    gain: float,
) -> tuple[Tensor, ...]:
    """Return gain · (weight ∘ mask) units + bias, block by block.

    Parameters
    ----------
    units : Tensor of shape (..., n_units, n)
    weight : Tensor of shape (..., n_parameters * n_columns, n_units)
        With the leading axes of `units`, or none.
    bias : Tensor of shape (..., n_parameters * n_columns)
    mask : Tensor of shape (n_parameters * n_columns, n_units)
        1 for the weights in use and 0 for the others; the weights of a block's outputs from
        units other than the block's are not in use.
    blocks : list of ColumnBlock
        All columns, in order.
    gain : float

    Returns
    -------
    outputs : tuple of Tensor of shape (..., n_parameters * k, n)
        One per block of k columns.
    """
    return _BlockwiseDense.apply(units, weight, bias, mask, blocks, gain)


class _BlockwiseDense(torch.autograd.Function):
    """One function for all blocks, so that they share one gradient instead of adding several."""

    @staticmethod
    def forward(
        ctx: Any,
        units: Tensor,
        weight: Tensor,
        bias: Tensor,
        mask: Tensor,
        blocks: list[ColumnBlock],
        gain: float,
    ) -> tuple[Tensor, ...]:
        weights, outputs = [], []
        for block in blocks:
            weights.append((block.weights(weight) * block.weights(mask)).flatten(-3, -2))
            block_bias = block.outputs(bias.unsqueeze(-1)).flatten(-3, -2)
            outputs.append(add_matmul(block_bias, weights[-1], units[..., block.units, :], gain))
        ctx.save_for_backward(units, weight, bias, mask, *weights)
        ctx.blocks, ctx.gain = blocks, gain
        return tuple(outputs)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *g_outputs: Tensor) -> tuple[Tensor | None, ...]:
        units, weight, bias, mask, *weights = ctx.saved_tensors
        g_units, g_weight = torch.zeros_like(units), torch.zeros_like(weight)
        g_bias = torch.empty_like(bias)
        for block, masked, g in zip(ctx.blocks, weights, g_outputs, strict=True):
            block_units = units[..., block.units, :]
            g_units[..., block.units, :] += matmul(masked.mT, g)
            block_g_weight = block.weights(g_weight)
            g_masked = matmul(g, block_units.mT).sum_to_size(masked.shape)
            g_masked = g_masked.view(block_g_weight.shape)
            torch.mul(g_masked, block.weights(mask), out=block_g_weight)
            block_g_bias = block.outputs(g_bias.unsqueeze(-1))
            g_sum = g.sum(-1, keepdim=True).sum_to_size(*masked.shape[:-1], 1)
            block_g_bias.copy_(g_sum.view(block_g_bias.shape))
        return g_units.mul_(ctx.gain), g_weight.mul_(ctx.gain), g_bias, None, None, None
