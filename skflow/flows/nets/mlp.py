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

from skflow.flows.nets.matmul import add_matmul

ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "elu": functional.elu,
    "gelu": functional.gelu,
    "relu": functional.relu,
    "silu": functional.silu,
    "tanh": torch.tanh,
}

# steps of Adam move all weights of an output at once, by as much as the units are many
_OUTPUT_GAIN = 0.25
REACH = 5.0  # inputs beyond ± this steer as ± this: far outliers cannot steer wildly


class Constant(nn.Module):
    """A conditioner with nothing to look at: its output is a parameter."""

    def __init__(self, initial: Tensor):
        super().__init__()
        self.value = nn.Parameter(initial)

    def forward(self, columns: Tensor) -> Tensor:
        return self.value.unsqueeze(-1).expand(*self.value.shape, columns.shape[-1])

    def by_blocks(self, columns: Tensor, n_parameters: int) -> list[Tensor]:
        """As `MaskedMLP.by_blocks`."""
        return [self(columns).unflatten(-2, (n_parameters, -1))]

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
        return self.output(self._units(columns))

    def _units(self, columns: Tensor) -> Tensor:
        """The last hidden layer."""
        units = functional.hardtanh(columns, -REACH, REACH)
        for layer in self.hidden:
            units = self._residual(units, layer(units), first=layer is self.hidden[0])
        return units

    def _residual(self, before: Tensor, drive: Tensor, first: bool) -> Tensor:
        units = self.dropout(ACTIVATIONS[self.activation](drive))
        return units if first or before.shape != units.shape else before + units


class Dense(nn.Module):
    """gain · weight @ columns + bias, the weight masked where a mask is set."""

    def __init__(self, weight: Tensor, bias: Tensor, gain: float = 1.0):
        super().__init__()
        self.gain = gain
        self.weight = nn.Parameter(weight)
        self.bias = nn.Parameter(bias)
        self.allowed: Tensor | None  # 1 for the weights in use, 0 for the others
        self.register_buffer("allowed", None, persistent=False)

    def mask(self, allowed: Tensor) -> None:
        """Use only the weights that are allowed, (out, in)."""
        self.allowed = allowed.to(self.weight.dtype)

    def masked_weight(self) -> Tensor:
        return self.weight if self.allowed is None else self.weight * self.allowed

    def forward(self, columns: Tensor) -> Tensor:
        return add_matmul(self.bias.unsqueeze(-1), self.masked_weight(), columns, self.gain)


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


def initial_weight(n_out: int, n_in: int, generator: Generator) -> Tensor:
    """Initial weights that keep the size of the units from layer to layer (He et al. 2015)."""
    bound = math.sqrt(6 / max(n_in, 1))
    return torch.rand(n_out, n_in, generator=generator) * (2 * bound) - bound


def initial_bias(n_out: int, n_in: int, generator: Generator) -> Tensor:
    return initial_weight(n_out, n_in, generator)[:, 0] if n_in else torch.zeros(n_out)
