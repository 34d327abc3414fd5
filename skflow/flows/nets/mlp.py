"""Conditioner networks: from columns and context to the raw parameters of a bijection.

Networks work columns-first: inputs and outputs are (..., features, n), one column per row of the
data. Weights are multiplied from the left, so each raw parameter is contiguous over the rows,
which is what makes splines fast.
"""

import itertools
import math
from collections.abc import Callable, Sequence

import torch
from torch import Generator, Tensor, nn
from torch.nn import functional

from skflow.flows.matmul import add_matmul

ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "elu": functional.elu,
    "gelu": functional.gelu,
    "relu": functional.relu,
    "silu": functional.silu,
    "tanh": torch.tanh,
}

# A step of Adam changes all weights of an output at once, so the output changes by a multiple of
# the number of units.
_OUTPUT_GAIN = 0.25
INPUT_BOUND = 5.0  # inputs are clamped to ± this, which bounds the influence of outliers


class Constant(nn.Module):
    """A conditioner without inputs: its output is a parameter.

    Parameters
    ----------
    initial : Tensor of shape (n_outputs,)
    """

    def __init__(self, initial: Tensor):
        super().__init__()
        self.value = nn.Parameter(initial)

    def forward(self, columns: Tensor) -> Tensor:
        """Repeat the parameter for every row, (..., 0, n) to (..., n_outputs, n)."""
        return self.value.unsqueeze(-1).expand(*self.value.shape, columns.shape[-1])

    def blockwise_forward(self, columns: Tensor, n_parameters: int) -> list[Tensor]:
        """As `MaskedMLP.blockwise_forward`."""
        return [self(columns).unflatten(-2, (n_parameters, -1))]

    def incremental_forward(
        self, n_parameters: int, context: Tensor
    ) -> Callable[[list[Tensor]], Tensor]:
        """As `MaskedMLP.incremental_forward`, for a single column."""
        return lambda previous: self(context)


class MLP(nn.Module):
    """A residual multilayer perceptron whose output is initially zero.

    Parameters
    ----------
    n_inputs, n_outputs : int
    hidden_layer_sizes : sequence of int
        A layer of the same size as the one before it is residual.
    activation : str
        A key of ``ACTIVATIONS``.
    dropout : float
        Fraction of the hidden units that are dropped in training.
    generator : Generator
        Draws the initial weights, and the dropped units later.
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
        zeros = torch.zeros(n_outputs, sizes[-1], dtype=torch.float32)
        self.output = Dense(zeros, torch.zeros(n_outputs, dtype=torch.float32), gain=_OUTPUT_GAIN)
        self.activation = activation
        self.dropout = Dropout(dropout, generator)

    def forward(self, columns: Tensor) -> Tensor:
        """Outputs (..., n_outputs, n) of inputs (..., n_inputs, n)."""
        return self.output(self.last_hidden_layer(columns))

    def last_hidden_layer(self, columns: Tensor) -> Tensor:
        """Units (..., n_units, n) of inputs (..., n_inputs, n)."""
        units = functional.hardtanh(columns, -INPUT_BOUND, INPUT_BOUND)
        for layer in self.hidden:
            residual = layer is not self.hidden[0]
            units = self._activate(layer(units), units if residual else None)
        return units

    def _activate(self, pre_activation: Tensor, previous: Tensor | None) -> Tensor:
        """Units of a layer, added to the previous layer's if those have the same shape."""
        units = self.dropout(ACTIVATIONS[self.activation](pre_activation))
        if previous is None or previous.shape != units.shape:
            return units
        return previous + units


class Dense(nn.Module):
    """gain · weight @ columns + bias, with an optional mask of the weight.

    Parameters
    ----------
    weight : Tensor of shape (n_outputs, n_inputs)
    bias : Tensor of shape (n_outputs,)
    gain : float
    """

    def __init__(self, weight: Tensor, bias: Tensor, gain: float = 1.0):
        super().__init__()
        self.gain = gain
        self.weight = nn.Parameter(weight)
        self.bias = nn.Parameter(bias)
        self.mask: Tensor | None  # 1 for the weights in use, 0 for the others
        self.register_buffer("mask", None, persistent=False)

    def set_mask(self, mask: Tensor) -> None:
        """Use only the weights where the mask (n_outputs, n_inputs) is true."""
        self.mask = mask.to(self.weight.dtype)

    def rows(self, units: Tensor, index: Tensor) -> Tensor:
        """Some of the outputs only, those of the given indices."""
        weight, bias = self.masked_weight()[..., index, :], self.bias[..., index]
        return add_matmul(bias.unsqueeze(-1), weight, units, self.gain)

    def masked_weight(self) -> Tensor:
        return self.weight if self.mask is None else self.weight * self.mask

    def forward(self, columns: Tensor) -> Tensor:
        return add_matmul(self.bias.unsqueeze(-1), self.masked_weight(), columns, self.gain)


class Dropout(nn.Module):
    """Dropout with a generator of its own, which leaves torch's global state untouched.

    Every unit takes one random byte, so the rate is rounded to a multiple of 1/256. Bytes are
    drawn eight at a time.

    Parameters
    ----------
    rate : float
        Fraction of the units that are dropped in training.
    generator : Generator
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
        # by arithmetic, as comparing bytes is several times slower
        keep = draws.sub_(n_dropped - 1).clamp_(0, 1)
        return units * keep.mul_(256 / (256 - n_dropped))


def initial_weight(n_out: int, n_in: int, generator: Generator) -> Tensor:
    """Weights (n_out, n_in) that preserve the scale of the units over layers (He et al. 2015)."""
    bound = math.sqrt(6 / max(n_in, 1))
    return torch.rand(n_out, n_in, generator=generator, dtype=torch.float32) * (2 * bound) - bound


def initial_bias(n_out: int, n_in: int, generator: Generator) -> Tensor:
    """Biases (n_out,) of the same distribution as the weights, 0 without inputs."""
    return (
        initial_weight(n_out, n_in, generator)[:, 0]
        if n_in
        else torch.zeros(n_out, dtype=torch.float32)
    )
