"""The masked network of autoregressive layers: outputs for a column see those before it."""

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import torch
from torch import Generator, Tensor
from torch.autograd.function import once_differentiable

from skflow.flows.nets.matmul import add_matmul, matmul
from skflow.flows.nets.mlp import MLP, REACH

_MAX_COLUMNS = 16  # of a block


class _Block(NamedTuple):
    """Consecutive columns, and the first units of the last hidden layer, all that they see."""

    columns: slice
    n_columns: int  # in all
    units: slice

    def outputs(self, matrix: Tensor) -> Tensor:
        """Of a matrix with a row for every output: (..., parameters, columns, anything)."""
        return matrix.unflatten(-2, (-1, self.n_columns))[..., self.columns, :]

    def weights(self, matrix: Tensor) -> Tensor:
        """Of a matrix of weights: (..., parameters, columns, units)."""
        return self.outputs(matrix)[..., self.units]


class MaskedMLP(MLP):
    """An MLP whose outputs for column j see the columns before j, and the context, only.

    Masked autoencoder (Germain et al. 2015): every hidden unit has a degree, the number of
    leading columns that it sees. Units are sorted by degree, so that every weight matrix is
    block triangular and `sweep` can go through the columns in slices.

    Parameters
    ----------
    n_columns, n_context : int
        The inputs are the columns followed by the context.
    n_parameters : int
        Outputs a column; output (p, j) is row p * n_columns + j.
    hidden_layer_sizes, activation, dropout, generator
        As in `MLP`.
    """

    def __init__(
        self,
        n_columns: int,
        n_context: int,
        n_parameters: int,
        hidden_layer_sizes: Sequence[int],
        activation: str,
        dropout: float,
        generator: Generator,
    ):
        n_inputs = n_columns + n_context
        super().__init__(
            n_inputs, n_parameters * n_columns, hidden_layer_sizes, activation, dropout, generator
        )
        self.n_columns = n_columns
        columns = torch.arange(n_columns)
        degrees = [_degrees(size, n_columns, n_context) for size in hidden_layer_sizes]
        seen = torch.cat([columns + 1, torch.zeros(n_context, dtype=torch.long)])
        for layer, degree in zip(self.hidden, degrees, strict=True):
            layer.mask(degree[:, None] >= seen)
            seen = degree
        self.output.mask(columns.repeat(n_parameters)[:, None] >= seen)
        # how many units of each hidden layer column j can make use of
        self._reach = [[int((d <= j).sum()) for j in range(n_columns)] for d in degrees]
        n_blocks = -(-n_columns // _MAX_COLUMNS)
        ends = [k * n_columns // n_blocks for k in range(n_blocks + 1)]
        self._blocks = [
            _Block(slice(start, stop), n_columns, slice(self._reach[-1][stop - 1]))
            for start, stop in pairwise(ends)
        ]

    def by_blocks(self, columns: Tensor, n_parameters: int) -> list[Tensor]:
        """The output for consecutive columns, each (..., n_parameters, k, n).

        Of many columns, the first ones see few units, and a part of the table stays in the
        cache while it is mapped: blocks leave out what masks would set to zero, up to half of
        the arithmetic. Elsewhere than on a CPU, and compiled, there is one block: what counts
        there is how few operations there are.
        """
        in_blocks = columns.is_cpu and not torch.compiler.is_compiling()
        if len(self._blocks) == 1 or not in_blocks:
            return [self(columns).unflatten(-2, (n_parameters, self.n_columns))]
        output = self.output
        raw = _ByBlocks.apply(
            self._units(columns),
            output.weight,
            output.bias,
            output.allowed,
            self._blocks,
            output.gain,
        )
        return [block.unflatten(-2, (n_parameters, -1)) for block in raw]

    def sweep(self, n_parameters: int, context: Tensor) -> Callable[[list[Tensor]], Tensor]:
        """A function to be called once for each column, in order.

        Given the columns before it, each (..., 1, n), it returns the raw parameters of the
        next, (..., n_parameters, n); only units that were not computable before are computed.
        """
        first, *rest = [layer.masked_weight() for layer in self.hidden]
        of_columns, of_context = first.tensor_split([self.n_columns], dim=-1)
        weights = [torch.cat([of_context, of_columns], dim=-1), *rest]
        output = self.output.masked_weight().unflatten(-2, (n_parameters, self.n_columns))
        output_bias = self.output.bias.unflatten(-1, (n_parameters, self.n_columns))
        seen = _Growing(context.clamp(-REACH, REACH), weights[0].shape[-1])
        units = [_Growing(context[..., :0, :], layer.bias.shape[-1]) for layer in self.hidden]

        def next_column(known: list[Tensor]) -> Tensor:
            j = len(known)
            if known:
                seen.add(known[-1].clamp(-REACH, REACH))
            below = seen.rows
            for k, layer in enumerate(self.hidden):
                start, stop = (self._reach[k][j - 1] if j else 0), self._reach[k][j]
                if stop > start:
                    weight = weights[k][..., start:stop, : below.shape[-2]]
                    bias = layer.bias[..., start:stop, None]
                    drive = add_matmul(bias, weight, below, layer.gain)
                    residual = k > 0 and layer.weight.shape[-1] == layer.weight.shape[-2]
                    before = below[..., start:stop, :] if residual else drive
                    units[k].add(self._residual(before, drive, first=not residual))
                below = units[k].rows
            weight = output[..., j, : below.shape[-2]]
            return add_matmul(output_bias[..., j, None], weight, below, self.output.gain)

        return next_column


class _ByBlocks(torch.autograd.Function):
    """A masked dense layer, block by block of columns, from the units that each block sees.

    One function for all blocks, so that they fill one gradient instead of adding up several.
    """

    @staticmethod
    def forward(
        ctx: Any,
        units: Tensor,
        weight: Tensor,
        bias: Tensor,
        allowed: Tensor,
        blocks: list[_Block],
        gain: float,
    ) -> tuple[Tensor, ...]:
        weights, raw = [], []
        for block in blocks:
            weights.append((block.weights(weight) * block.weights(allowed)).flatten(-3, -2))
            shift = block.outputs(bias.unsqueeze(-1)).flatten(-3, -2)
            raw.append(add_matmul(shift, weights[-1], units[..., block.units, :], gain))
        ctx.save_for_backward(units, weight, bias, allowed, *weights)
        ctx.blocks, ctx.gain = blocks, gain
        return tuple(raw)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *g_raw: Tensor) -> tuple[Tensor | None, ...]:
        units, weight, bias, allowed, *weights = ctx.saved_tensors
        g_units, g_weight = torch.zeros_like(units), torch.zeros_like(weight)
        g_bias = torch.empty_like(bias)
        for block, used, g in zip(ctx.blocks, weights, g_raw, strict=True):
            seen = units[..., block.units, :]
            g_units[..., block.units, :] += matmul(used.mT, g)
            of_weights = block.weights(g_weight)
            g_used = matmul(g, seen.mT).sum_to_size(used.shape).view(of_weights.shape)
            torch.mul(g_used, block.weights(allowed), out=of_weights)
            of_biases = block.outputs(g_bias.unsqueeze(-1))
            g_shift = g.sum(-1, keepdim=True).sum_to_size(*used.shape[:-1], 1)
            of_biases.copy_(g_shift.view(of_biases.shape))
        return g_units.mul_(ctx.gain), g_weight.mul_(ctx.gain), g_bias, None, None, None


class _Growing:
    """Rows (..., k, n) that more are added to; in one place, where no gradients are taken."""

    def __init__(self, rows: Tensor, most: int):
        self.rows = rows
        self._place = None if torch.is_grad_enabled() else _room_for(rows, most)

    def add(self, rows: Tensor) -> None:
        if self._place is None:
            self.rows = torch.cat([self.rows, rows], dim=-2)
            return
        start, stop = self.rows.shape[-2], self.rows.shape[-2] + rows.shape[-2]
        self._place[..., start:stop, :] = rows
        self.rows = self._place[..., :stop, :]


def _room_for(rows: Tensor, most: int) -> Tensor:
    place = rows.new_empty(*rows.shape[:-2], most, rows.shape[-1])
    place[..., : rows.shape[-2], :] = rows
    return place


def _degrees(size: int, n_columns: int, n_context: int) -> Tensor:
    """Ascending degrees spread over 0 … d − 1, or 1 … d − 1 where degree 0 would see nothing."""
    lowest = 0 if n_context or n_columns == 1 else 1
    if size < n_columns - lowest:  # too few for every degree: spread from the lowest to the top
        return torch.linspace(lowest, n_columns - 1, size).round().long()
    return lowest + torch.arange(size) * (n_columns - lowest) // size
