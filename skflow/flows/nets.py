"""Conditioner networks: from what a layer may look at to the parameters of its map.

Networks work on columns: (..., features, n) in and out, one row of the data a column. The
weight stands on the left, so the parameters of a map come out along a leading axis, each of
them contiguous over the rows: what makes splines fast.
"""

import itertools
import math
from collections.abc import Callable, Sequence

import torch
from torch import Generator, Tensor, nn
from torch.nn import functional

from skflow.flows.products import add_product

ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "elu": functional.elu,
    "gelu": functional.gelu,
    "relu": functional.relu,
    "silu": functional.silu,
    "tanh": torch.tanh,
}

# steps of Adam move all weights of an output at once, by as much as the units are many
_OUTPUT_GAIN = 0.25
_REACH = 5.0  # inputs beyond ± this steer as ± this: far outliers cannot steer wildly


class Constant(nn.Module):
    """A conditioner with nothing to look at: its output is a parameter."""

    def __init__(self, initial: Tensor):
        super().__init__()
        self.value = nn.Parameter(initial)

    def forward(self, columns: Tensor) -> Tensor:
        return self.value.unsqueeze(-1).expand(*self.value.shape, columns.shape[-1])

    def sweep(self, n_parameters: int, context: Tensor) -> Callable[[list[Tensor]], Tensor]:
        """As `MaskedMLP.sweep`, for the one column that has none before it."""
        return lambda known: self(context)


class MLP(nn.Module):
    """A residual multilayer perceptron whose output starts at zero.

    Parameters
    ----------
    n_inputs, n_outputs : int
    hidden_layer_sizes : sequence of int
        A layer as wide as the one before it adds to it.
    activation : str
        A key of ``ACTIVATIONS``.
    dropout : float
        Share of the hidden units dropped in training, drawn from `generator`.
    generator : Generator
        Draws the initial weights, and later what is dropped.
    """

    hidden: Sequence["Dense"]

    def __init__(
        self,
        n_inputs: int,
        n_outputs: int,
        hidden_layer_sizes: Sequence[int],
        activation: str,
        dropout: float,
        generator: Generator,
    ):
        super().__init__()
        sizes = [n_inputs, *hidden_layer_sizes]
        layers = [
            Dense(initial_weight(n_out, n_in, generator), initial_bias(n_out, n_in, generator))
            for n_in, n_out in itertools.pairwise(sizes)
        ]
        self.hidden = nn.ModuleList(layers)  # type: ignore[assignment]
        zeros = torch.zeros(n_outputs, sizes[-1])
        self.output = Dense(zeros, torch.zeros(n_outputs), gain=_OUTPUT_GAIN)
        self.activation = activation
        self.dropout = Dropout(dropout, generator)

    def forward(self, columns: Tensor) -> Tensor:
        units = functional.hardtanh(columns, -_REACH, _REACH)
        for layer in self.hidden:
            units = self._residual(units, layer(units), first=layer is self.hidden[0])
        return self.output(units)

    def _residual(self, before: Tensor, drive: Tensor, first: bool) -> Tensor:
        units = self.dropout(ACTIVATIONS[self.activation](drive))
        return units if first or before.shape != units.shape else before + units


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
        seen = _Growing(context.clamp(-_REACH, _REACH), weights[0].shape[-1])
        units = [_Growing(context[..., :0, :], layer.bias.shape[-1]) for layer in self.hidden]

        def next_column(known: list[Tensor]) -> Tensor:
            j = len(known)
            if known:
                seen.add(known[-1].clamp(-_REACH, _REACH))
            below = seen.rows
            for k, layer in enumerate(self.hidden):
                start, stop = (self._reach[k][j - 1] if j else 0), self._reach[k][j]
                if stop > start:
                    weight = weights[k][..., start:stop, : below.shape[-2]]
                    bias = layer.bias[..., start:stop, None]
                    drive = add_product(bias, weight, below, layer.gain)
                    residual = k > 0 and layer.weight.shape[-1] == layer.weight.shape[-2]
                    before = below[..., start:stop, :] if residual else drive
                    units[k].add(self._residual(before, drive, first=not residual))
                below = units[k].rows
            weight = output[..., j, : below.shape[-2]]
            return add_product(output_bias[..., j, None], weight, below, self.output.gain)

        return next_column


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


class Dense(nn.Module):
    """gain · weight @ columns + bias, the weight masked where a mask is set."""

    def __init__(self, weight: Tensor, bias: Tensor, gain: float = 1.0):
        super().__init__()
        self.gain = gain
        self.weight = nn.Parameter(weight)
        self.bias = nn.Parameter(bias)
        self._mask: Tensor | None
        self.register_buffer("_mask", None, persistent=False)

    def mask(self, allowed: Tensor) -> None:
        """Use only the weights that are allowed, (out, in)."""
        self._mask = allowed.to(self.weight.dtype)

    def masked_weight(self) -> Tensor:
        return self.weight if self._mask is None else self.weight * self._mask

    def forward(self, columns: Tensor) -> Tensor:
        return add_product(self.bias.unsqueeze(-1), self.masked_weight(), columns, self.gain)


class Dropout(nn.Module):
    """Dropout that draws from its own generator, so that torch's global state stays untouched.

    One random byte a unit: the rate is rounded to 256ths. Bytes come eight at a time.
    """

    def __init__(self, rate: float, generator: Generator):
        super().__init__()
        self.rate = rate
        self.generator = generator

    def forward(self, units: Tensor) -> Tensor:
        n_dropped = min(round(256 * self.rate), 255)  # of the 256 values of a byte
        if not self.training or n_dropped == 0:
            return units
        words = torch.empty(-(-units.numel() // 8), dtype=torch.int64)
        draws = words.random_(-(2**63), None, generator=self.generator).view(torch.uint8)
        draws = draws[: units.numel()].view(units.shape).to(units)
        # arithmetic, as comparing bytes is several times slower
        kept = draws.sub_(n_dropped - 1).clamp_(0, 1)
        return units * kept.mul_(256 / (256 - n_dropped))


def _degrees(size: int, n_columns: int, n_context: int) -> Tensor:
    """Ascending degrees spread over 0 … d − 1, or 1 … d − 1 where degree 0 would see nothing."""
    lowest = 0 if n_context or n_columns == 1 else 1
    if size < n_columns - lowest:  # too few for every degree: spread from the lowest to the top
        return torch.linspace(lowest, n_columns - 1, size).round().long()
    return lowest + torch.arange(size) * (n_columns - lowest) // size


def initial_weight(n_out: int, n_in: int, generator: Generator) -> Tensor:
    """Initial weights that keep the size of the units from layer to layer (He et al. 2015)."""
    bound = math.sqrt(6 / max(n_in, 1))
    return torch.rand(n_out, n_in, generator=generator) * (2 * bound) - bound


def initial_bias(n_out: int, n_in: int, generator: Generator) -> Tensor:
    return initial_weight(n_out, n_in, generator)[:, 0] if n_in else torch.zeros(n_out)
