"""The masked network of autoregressive layers: outputs for a column depend on those before it."""

from collections.abc import Callable, Sequence
from itertools import pairwise

import torch
from torch import Generator, Tensor

from skflow.flows.fused import ColumnBlock, blockwise_dense
from skflow.flows.matmul import add_matmul
from skflow.flows.nets.mlp import INPUT_BOUND, MLP

_MAX_BLOCK_COLUMNS = 16


class MaskedMLP(MLP):
    """An MLP whose outputs for column j depend on the columns before j and the context only.

    Masked autoencoder (Germain et al. 2015): every hidden unit has a degree, the number of
    leading columns that it depends on. Units are sorted by degree, so that every weight matrix
    is block triangular and the outputs of one column after another can be computed from slices
    of it.

    Parameters
    ----------
    n_columns, n_context : int
        The inputs are the columns followed by the context.
    n_parameters : int
        Number of outputs per column; output (p, j) is row p * n_columns + j.
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
        input_degrees = torch.cat([columns + 1, torch.zeros(n_context, dtype=torch.long)])
        for layer, degree in zip(self.hidden, degrees, strict=True):
            layer.set_mask(degree[:, None] >= input_degrees)
            input_degrees = degree
        self.output.set_mask(columns.repeat(n_parameters)[:, None] >= input_degrees)
        # for each hidden layer and column j, the number of units of degree ≤ j, which come first
        self._n_units = [[int((d <= j).sum()) for j in range(n_columns)] for d in degrees]
        n_blocks = -(-n_columns // _MAX_BLOCK_COLUMNS)
        ends = [k * n_columns // n_blocks for k in range(n_blocks + 1)]
        self._blocks = [
            ColumnBlock(slice(start, stop), n_columns, slice(self._n_units[-1][stop - 1]))
            for start, stop in pairwise(ends)
        ]

    def blockwise_forward(self, columns: Tensor, n_parameters: int) -> list[Tensor]:
        """The outputs of `forward`, in blocks of consecutive columns.

        With many columns, the first ones depend on few units, and a block of the outputs stays
        in the cache while it is used. Blocks leave out what the mask would set to zero, up to
        half of the arithmetic. There is a single block on other devices than the CPU and under
        torch.compile, where the number of operations decides.

        Parameters
        ----------
        columns : Tensor of shape (..., n_columns + n_context, n)
        n_parameters : int

        Returns
        -------
        blocks : list of Tensor of shape (..., n_parameters, k, n)
        """
        use_blocks = columns.is_cpu and not torch.compiler.is_compiling()
        if len(self._blocks) == 1 or not use_blocks:
            return [self(columns).unflatten(-2, (n_parameters, self.n_columns))]
        output = self.output
        units = self.last_hidden_layer(columns)
        assert output.mask is not None
        outputs = blockwise_dense(
            units, output.weight, output.bias, output.mask, self._blocks, output.gain
        )
        return [block.unflatten(-2, (n_parameters, -1)) for block in outputs]

    def incremental_forward(
        self, n_parameters: int, context: Tensor
    ) -> Callable[[list[Tensor]], Tensor]:
        """The outputs of `forward` one column after another, without repeating any work.

        Parameters
        ----------
        n_parameters : int
        context : Tensor of shape (..., n_context, n)

        Returns
        -------
        next_column : callable
            To be called once for each column, in order, with the list of the columns before it,
            each (..., 1, n). Returns the outputs for the column, (..., n_parameters, n).
        """
        first, *rest = [layer.masked_weight() for layer in self.hidden]
        column_weight, context_weight = first.tensor_split([self.n_columns], dim=-1)
        weights = [torch.cat([context_weight, column_weight], dim=-1), *rest]
        output = self.output.masked_weight().unflatten(-2, (n_parameters, self.n_columns))
        output_bias = self.output.bias.unflatten(-1, (n_parameters, self.n_columns))
        inputs = _RowBuffer(context.clamp(-INPUT_BOUND, INPUT_BOUND), weights[0].shape[-1])
        units = [_RowBuffer(context[..., :0, :], layer.bias.shape[-1]) for layer in self.hidden]

        def next_column(previous: list[Tensor]) -> Tensor:
            j = len(previous)
            if previous:
                inputs.append(previous[-1].clamp(-INPUT_BOUND, INPUT_BOUND))
            below = inputs.rows
            for k in range(len(self.hidden)):
                self._append_units(k, j, weights[k], below, units[k])
                below = units[k].rows
            weight = output[..., j, : below.shape[-2]]
            return add_matmul(output_bias[..., j, None], weight, below, self.output.gain)

        return next_column

    def _append_units(
        self, k: int, j: int, weight: Tensor, below: Tensor, units: "_RowBuffer"
    ) -> None:
        """Compute the units of hidden layer k that column j is the first to depend on."""
        layer = self.hidden[k]
        start, stop = (self._n_units[k][j - 1] if j else 0), self._n_units[k][j]
        if stop > start:
            weight = weight[..., start:stop, : below.shape[-2]]
            bias = layer.bias[..., start:stop, None]
            pre_activation = add_matmul(bias, weight, below, layer.gain)
            residual = k > 0 and layer.weight.shape[-1] == layer.weight.shape[-2]
            previous = below[..., start:stop, :] if residual else None
            units.append(self._activate(pre_activation, previous))


class _RowBuffer:
    """Rows (..., k, n) to append to: preallocated in inference, concatenated under autograd."""

    def __init__(self, rows: Tensor, max_rows: int):
        self.rows = rows
        self._storage = None if torch.is_grad_enabled() else _preallocate(rows, max_rows)

    def append(self, rows: Tensor) -> None:
        if self._storage is None:
            self.rows = torch.cat([self.rows, rows], dim=-2)
            return
        start, stop = self.rows.shape[-2], self.rows.shape[-2] + rows.shape[-2]
        self._storage[..., start:stop, :] = rows
        self.rows = self._storage[..., :stop, :]


def _preallocate(rows: Tensor, max_rows: int) -> Tensor:
    storage = rows.new_empty(*rows.shape[:-2], max_rows, rows.shape[-1])
    storage[..., : rows.shape[-2], :] = rows
    return storage


def _degrees(size: int, n_columns: int, n_context: int) -> Tensor:
    """Ascending degrees spread over 0 … d − 1, or 1 … d − 1 if degree 0 would have no input."""
    lowest = 0 if n_context or n_columns == 1 else 1
    if size < n_columns - lowest:  # too few units for every degree: spread from lowest to d − 1
        return torch.linspace(lowest, n_columns - 1, size, dtype=torch.float32).round().long()
    return lowest + torch.arange(size) * (n_columns - lowest) // size
