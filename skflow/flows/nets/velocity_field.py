"""The network behind a continuous flow: a velocity, and the exact trace of its Jacobian."""

import itertools
import math
from collections.abc import Callable, Sequence

import torch
from torch import Generator, Tensor, nn
from torch.nn import functional

from skflow.flows.matmul import add_matmul
from skflow.flows.nets.mlp import (
    ACTIVATIONS,
    Dense,
    Dropout,
    initial_bias,
    initial_weight,
)

# velocities (..., d, n) and divergences (..., n) from columns (..., d, n) and one time
Field = Callable[[Tensor, float], tuple[Tensor, Tensor]]

_ROOT_2PI = math.sqrt(2 * math.pi)
_OUTPUT_GAIN = 0.25  # as for other networks: Adam moves all weights of an output at once
_REACH = 8.0  # where the drive of the first layer ends
_FREQUENCIES = 3  # of the waves by which a layer tells the time


class VelocityField(nn.Module):
    """v(y, t): a residual multilayer perceptron whose output starts at zero.

    Time and context enter every hidden layer, beside the units below. What drives the units
    of the first layer is bent to end at ± 8: far from the data the velocity stops growing,
    so rows out there are moved by a bounded amount and keep their volume.

    Parameters
    ----------
    n_columns, n_context : int
    hidden_layer_sizes : sequence of int
        A layer as wide as the one before it adds to it.
    activation : str
        A key of ``ACTIVATIONS``.
    dropout : float
        Share of the hidden units dropped in training, drawn from `generator`.
    generator : Generator
        Draws the initial weights, and later what is dropped.
    """

    hidden: Sequence["ConditionedLayer"]

    def __init__(
        self,
        n_columns: int,
        n_context: int,
        hidden_layer_sizes: Sequence[int],
        activation: str,
        dropout: float,
        generator: Generator,
    ):
        super().__init__()
        sizes = [n_columns, *hidden_layer_sizes]
        layers = [
            ConditionedLayer(n_in, n_out, n_context, activation, generator)
            for n_in, n_out in itertools.pairwise(sizes)
        ]
        layers[0].reach, layers[0].residual = _REACH, False
        self.hidden = nn.ModuleList(layers)  # type: ignore[assignment]
        zeros = torch.zeros(n_columns, sizes[-1])
        self.output = Dense(zeros, torch.zeros(n_columns), gain=_OUTPUT_GAIN)
        self.dropout = Dropout(dropout, generator)

    def forward(self, columns: Tensor, time: Tensor, context: Tensor | None = None) -> Tensor:
        """Velocities of columns (..., d, n) at times (..., n) between 0 and 1."""
        waves, units = _waves(time.unsqueeze(-2)), columns
        for layer in self.hidden:
            value = self.dropout(layer(units, layer.at(waves) + layer.given(context)))
            units = units + value if layer.residual else value
        return self.output(units)

    def field(self, columns: Tensor, context: Tensor | None = None) -> Field:
        """Velocity and divergence as a function of columns and one time for all rows.

        What does not change along a path is computed once: the context's part, products of
        weights, and what is dropped.
        """
        given = [layer.given(context) for layer in self.hidden]
        kept = [self._kept(layer, columns) for layer in self.hidden]
        trace = self._trace()

        def velocity(columns: Tensor, time: float) -> tuple[Tensor, Tensor]:
            waves, units, slopes = _waves(columns.new_full((1, 1), time)), columns, []
            for layer, part, share in zip(self.hidden, given, kept, strict=True):
                value, slope = layer.value_and_slope(units, layer.at(waves) + part)
                value = value if share is None else value * share
                slopes.append(slope if share is None else slope * share)
                units = units + value if layer.residual else value
            return self.output(units), trace(slopes)

        return velocity

    def _kept(self, layer: "ConditionedLayer", columns: Tensor) -> Tensor | None:
        """The units that are not dropped, one draw for a whole path."""
        if not self.training or not self.dropout.rate:
            return None
        n_units = layer.weight.shape[-2]
        return self.dropout(columns.new_ones(*columns.shape[:-2], n_units, columns.shape[-1]))

    def _trace(self) -> Callable[[list[Tensor]], Tensor]:
        """The trace of the Jacobian, from the slopes s of the hidden layers.

        With a layer W and the output V it is tr(V diag(s) W) = s · diag(W V). A second layer U
        adds tr(V diag(s₂) U diag(s₁) W) = s₂ᵀ (U ∘ (W V)ᵀ) s₁. As W, V and U are the same for
        all rows, that is as much work as the velocity, however many columns there are. Through
        more layers goes one tangent for each column.
        """
        first, *rest = self.hidden
        if len(rest) > 1:
            return self._trace_by_tangents
        around = self.output.gain * (first.weight @ self.output.weight)
        direct = around.diagonal(dim1=-2, dim2=-1).unsqueeze(-1)
        if not rest:
            return lambda slopes: (direct * slopes[0]).sum(-2)
        through = rest[0].weight * around.mT

        def trace(slopes: list[Tensor]) -> Tensor:
            each = (through @ slopes[0]) * slopes[1]
            return (each + direct * slopes[0] if rest[0].residual else each).sum(-2)

        return trace

    def _trace_by_tangents(self, slopes: list[Tensor]) -> Tensor:
        first, *rest = self.hidden
        tangents = slopes[0].unsqueeze(-3) * first.weight.mT.unsqueeze(-1)  # (..., d, units, n)
        for layer, slope in zip(rest, slopes[1:], strict=True):
            moved = slope.unsqueeze(-3) * (layer.weight.unsqueeze(-3) @ tangents)
            tangents = tangents + moved if layer.residual else moved
        return self.output.gain * (self.output.weight.unsqueeze(-1) * tangents).sum((-3, -2))


class ConditionedLayer(nn.Module):
    """Units driven by those below, the time and the context."""

    def __init__(
        self, n_in: int, n_out: int, n_context: int, activation: str, generator: Generator
    ):
        super().__init__()
        self.activation = activation
        self.residual = n_in == n_out
        self.reach: float | None = None  # where its drive ends
        self.weight = nn.Parameter(initial_weight(n_out, n_in, generator))
        self.time_weight = nn.Parameter(initial_weight(n_out, 2 * _FREQUENCIES, generator))
        self.context_weight: nn.Parameter | None = None
        if n_context:
            self.context_weight = nn.Parameter(initial_weight(n_out, n_context, generator))
        self.bias = nn.Parameter(initial_bias(n_out, n_in, generator))

    def at(self, waves: Tensor) -> Tensor:
        """The time's part of the drive."""
        return self.time_weight @ waves

    def given(self, context: Tensor | None) -> Tensor:
        """The context's part of the drive, and the bias."""
        if context is None or self.context_weight is None:
            return self.bias.unsqueeze(-1)
        return add_matmul(self.bias.unsqueeze(-1), self.context_weight, context.mT)

    def forward(self, units: Tensor, steering: Tensor) -> Tensor:
        drive = self.weight @ units + steering
        if self.reach is not None:
            drive = self.reach * (drive / self.reach).tanh()
        return ACTIVATIONS[self.activation](drive)

    def value_and_slope(self, units: Tensor, steering: Tensor) -> tuple[Tensor, Tensor]:
        """The layer's units, and their derivatives with respect to weight @ units."""
        drive = self.weight @ units + steering
        if self.reach is None:
            return WITH_SLOPE[self.activation](drive)
        share = (drive / self.reach).tanh()
        value, slope = WITH_SLOPE[self.activation](self.reach * share)
        return value, slope * (1 - share.square())


def _elu(x: Tensor) -> tuple[Tensor, Tensor]:
    value = functional.elu(x)
    return value, value.clamp_max(0) + 1


def _gelu(x: Tensor) -> tuple[Tensor, Tensor]:
    share = torch.special.ndtr(x)
    return x * share, share + x * (-0.5 * x.square()).exp() / _ROOT_2PI


def _relu(x: Tensor) -> tuple[Tensor, Tensor]:
    return functional.relu(x), (x > 0).to(x)


def _silu(x: Tensor) -> tuple[Tensor, Tensor]:
    share = x.sigmoid()
    value = x * share
    return value, torch.addcmul(share, value, 1 - share)


def _tanh(x: Tensor) -> tuple[Tensor, Tensor]:
    value = x.tanh()
    return value, 1 - value.square()


# activations and their derivatives, which share most of their work
WITH_SLOPE: dict[str, Callable[[Tensor], tuple[Tensor, Tensor]]] = {
    "elu": _elu,
    "gelu": _gelu,
    "relu": _relu,
    "silu": _silu,
    "tanh": _tanh,
}


def _waves(time: Tensor) -> Tensor:
    """Cosines and sines of the time, (..., 1, n) to (..., 2 frequencies, n)."""
    k = torch.arange(1, _FREQUENCIES + 1, dtype=time.dtype, device=time.device)
    phase = math.pi / 2 * k.unsqueeze(-1) * time
    return torch.cat([phase.cos(), phase.sin()], dim=-2)
