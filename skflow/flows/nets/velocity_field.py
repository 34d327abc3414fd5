"""The network of a continuous flow: a velocity field, and the exact trace of its Jacobian."""

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

# from columns (..., d, n) and one time to velocities (..., d, n) and divergences (..., n)
Field = Callable[[Tensor, float], tuple[Tensor, Tensor]]

_ROOT_2PI = math.sqrt(2 * math.pi)
_OUTPUT_GAIN = 0.25  # as in mlp.py
_MAX_PRE_ACTIVATION = 8.0  # of the first layer
_N_FREQUENCIES = 3  # of the Fourier features of the time


class VelocityField(nn.Module):
    """v(y, t): a residual multilayer perceptron whose output is initially zero.

    Time and context are inputs of every hidden layer. The pre-activations of the first layer
    are softly bounded to ±8: far from the data the velocity is bounded and its divergence 0.

    Parameters
    ----------
    n_columns, n_context : int
    hidden_layer_sizes : sequence of int
        A layer of the same size as the one before it is residual.
    activation : str
        A key of ``ACTIVATIONS``.
    dropout : float
        Fraction of the hidden units that are dropped in training.
    generator : Generator
        Draws the initial weights, and the dropped units later.
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
        layers[0].max_pre_activation, layers[0].residual = _MAX_PRE_ACTIVATION, False
        self.hidden = nn.ModuleList(layers)  # type: ignore[assignment]
        zeros = torch.zeros(n_columns, sizes[-1], dtype=torch.float32)
        self.output = Dense(zeros, torch.zeros(n_columns, dtype=torch.float32), gain=_OUTPUT_GAIN)
        self.dropout = Dropout(dropout, generator)

    def forward(self, columns: Tensor, time: Tensor, context: Tensor | None = None) -> Tensor:
        """Velocities of columns (..., d, n) at times (..., n) between 0 and 1."""
        features, units = _time_features(time.unsqueeze(-2)), columns
        for layer in self.hidden:
            condition = layer.time_term(features) + layer.context_term(context)
            value = self.dropout(layer(units, condition))
            units = units + value if layer.residual else value
        return self.output(units)

    def field(self, columns: Tensor, context: Tensor | None = None) -> Field:
        """Velocity and divergence as a function of columns and one time for all rows.

        What is constant along a trajectory is computed once: the terms of the context, products
        of weights, and the dropout masks.

        Parameters
        ----------
        columns : Tensor of shape (..., d, n)
            For their shape, dtype and device.
        context : Tensor of shape (..., n, c), optional
        """
        context_terms = [layer.context_term(context) for layer in self.hidden]
        masks = [self._dropout_mask(layer, columns) for layer in self.hidden]
        trace = self._trace()

        def velocity(columns: Tensor, time: float) -> tuple[Tensor, Tensor]:
            features, units, slopes = _time_features(columns.new_full((1, 1), time)), columns, []
            for layer, context_term, mask in zip(self.hidden, context_terms, masks, strict=True):
                condition = layer.time_term(features) + context_term
                value, slope = layer.value_and_slope(units, condition)
                value = value if mask is None else value * mask
                slopes.append(slope if mask is None else slope * mask)
                units = units + value if layer.residual else value
            return self.output(units), trace(slopes)

        return velocity

    def _dropout_mask(self, layer: "ConditionedLayer", columns: Tensor) -> Tensor | None:
        """Factors (..., units, n) of the units, one draw for a whole trajectory."""
        if not self.training or not self.dropout.rate:
            return None
        n_units = layer.weight.shape[-2]
        return self.dropout(columns.new_ones(*columns.shape[:-2], n_units, columns.shape[-1]))

    def _trace(self) -> Callable[[list[Tensor]], Tensor]:
        """The trace of the Jacobian as a function of the slopes s of the hidden layers.

        For one layer W and the output V, it is tr(V diag(s) W) = s · diag(W V). A second layer U
        adds tr(V diag(s₂) U diag(s₁) W) = s₂ᵀ (U ∘ (W V)ᵀ) s₁. As W, V and U are the same for
        all rows, this takes as much work as the velocity, whatever the number of columns. With
        more layers, one tangent per column is propagated.
        """
        first, *rest = self.hidden
        if len(rest) > 1:
            return self._trace_by_tangents
        product = self.output.gain * (first.weight @ self.output.weight)  # W V
        diagonal = product.diagonal(dim1=-2, dim2=-1).unsqueeze(-1)
        if not rest:
            return lambda slopes: (diagonal * slopes[0]).sum(-2)
        bilinear = rest[0].weight * product.mT  # U ∘ (W V)ᵀ

        def trace(slopes: list[Tensor]) -> Tensor:
            terms = (bilinear @ slopes[0]) * slopes[1]
            return (terms + diagonal * slopes[0] if rest[0].residual else terms).sum(-2)

        return trace

    def _trace_by_tangents(self, slopes: list[Tensor]) -> Tensor:
        first, *rest = self.hidden
        tangents = slopes[0].unsqueeze(-3) * first.weight.mT.unsqueeze(-1)  # (..., d, units, n)
        for layer, slope in zip(rest, slopes[1:], strict=True):
            propagated = slope.unsqueeze(-3) * (layer.weight.unsqueeze(-3) @ tangents)
            tangents = tangents + propagated if layer.residual else propagated
        return self.output.gain * (self.output.weight.unsqueeze(-1) * tangents).sum((-3, -2))


class ConditionedLayer(nn.Module):
    """A hidden layer with time and context as additional inputs.

    Its pre-activation is the sum of weight @ units and a `condition` (..., n_out, n or 1), the
    sum of `time_term` and `context_term`.

    Parameters
    ----------
    n_in, n_out, n_context : int
    activation : str
    generator : Generator
        Draws the initial weights.
    """

    def __init__(
        self, n_in: int, n_out: int, n_context: int, activation: str, generator: Generator
    ):
        super().__init__()
        self.activation = activation
        self.residual = n_in == n_out
        self.max_pre_activation: float | None = None  # softly bounded to ± this
        self.weight = nn.Parameter(initial_weight(n_out, n_in, generator))
        self.time_weight = nn.Parameter(initial_weight(n_out, 2 * _N_FREQUENCIES, generator))
        self.context_weight: nn.Parameter | None = None
        if n_context:
            self.context_weight = nn.Parameter(initial_weight(n_out, n_context, generator))
        self.bias = nn.Parameter(initial_bias(n_out, n_in, generator))

    def time_term(self, features: Tensor) -> Tensor:
        return self.time_weight @ features

    def context_term(self, context: Tensor | None) -> Tensor:
        """The term of the context, including the bias."""
        if context is None or self.context_weight is None:
            return self.bias.unsqueeze(-1)
        return add_matmul(self.bias.unsqueeze(-1), self.context_weight, context.mT)

    def forward(self, units: Tensor, condition: Tensor) -> Tensor:
        pre_activation = self.weight @ units + condition
        bound = self.max_pre_activation
        if bound is not None:
            pre_activation = bound * (pre_activation / bound).tanh()
        return ACTIVATIONS[self.activation](pre_activation)

    def value_and_slope(self, units: Tensor, condition: Tensor) -> tuple[Tensor, Tensor]:
        """The layer's output, and its derivatives with respect to weight @ units."""
        pre_activation = self.weight @ units + condition
        bound = self.max_pre_activation
        if bound is None:
            return VALUE_AND_SLOPE[self.activation](pre_activation)
        tanh = (pre_activation / bound).tanh()
        value, slope = VALUE_AND_SLOPE[self.activation](bound * tanh)
        return value, slope * (1 - tanh.square())


def _elu(x: Tensor) -> tuple[Tensor, Tensor]:
    value = functional.elu(x)
    return value, value.clamp_max(0) + 1


def _gelu(x: Tensor) -> tuple[Tensor, Tensor]:
    cdf = torch.special.ndtr(x)
    return x * cdf, cdf + x * (-0.5 * x.square()).exp() / _ROOT_2PI


def _relu(x: Tensor) -> tuple[Tensor, Tensor]:
    return functional.relu(x), (x > 0).to(x)


def _silu(x: Tensor) -> tuple[Tensor, Tensor]:
    sigmoid = x.sigmoid()
    value = x * sigmoid
    return value, torch.addcmul(sigmoid, value, 1 - sigmoid)


def _tanh(x: Tensor) -> tuple[Tensor, Tensor]:
    value = x.tanh()
    return value, 1 - value.square()


# activations with their derivatives, which share most of the work
VALUE_AND_SLOPE: dict[str, Callable[[Tensor], tuple[Tensor, Tensor]]] = {
    "elu": _elu,
    "gelu": _gelu,
    "relu": _relu,
    "silu": _silu,
    "tanh": _tanh,
}


def _time_features(time: Tensor) -> Tensor:
    """Fourier features of the time, (..., 1, n) to (..., 2 n_frequencies, n)."""
    k = torch.arange(1, _N_FREQUENCIES + 1, dtype=time.dtype, device=time.device)
    phase = math.pi / 2 * k.unsqueeze(-1) * time
    return torch.cat([phase.cos(), phase.sin()], dim=-2)
