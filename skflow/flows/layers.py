"""Learned layers: bijections with their conditioner networks, built from a `LayerConfig`.

Each builder returns or is a function of a `LayerConfig` and a `torch.Generator`, from which
the initial weights are drawn, and returns a `Bijection` at or near the identity. Families
(`skflow.flows.families`) chain these layers.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Generator, Tensor, nn

from skflow.flows.bijections import (
    Additive,
    Affine,
    Autoregressive,
    Bijection,
    Continuous,
    Coupling,
    Planar,
    Radial,
    Spline,
    Transformer,
)
from skflow.flows.bijections.continuous import ProbabilityPath
from skflow.flows.nets.masked_mlp import MaskedMLP
from skflow.flows.nets.mlp import MLP, Constant
from skflow.flows.nets.velocity_field import VelocityField


@dataclass(frozen=True)
class LayerConfig:
    """What a layer has to know to be built."""

    n_features: int
    n_context: int = 0
    hidden_layer_sizes: tuple[int, ...] = (64, 64)
    n_bins: int = 8
    activation: str = "silu"
    dropout: float = 0.0


Layer = Callable[[LayerConfig, Generator], Bijection]


def coupling(transformer: str, from_end: bool = False) -> Layer:
    """A coupling layer: half of the columns steer the other half."""

    def build(config: LayerConfig, generator: Generator) -> Bijection:
        scalar = _transformer(transformer, config)
        steering = config.n_features // 2
        n_outputs = scalar.n_parameters * (config.n_features - steering)
        net = _net(steering + config.n_context, torch.zeros(n_outputs), config, generator)
        return Coupling(scalar, net, steering, from_end)

    return build


def autoregressive(transformer: str) -> Layer:
    """An autoregressive layer: each column is steered by those before it."""

    def build(config: LayerConfig, generator: Generator) -> Bijection:
        d, c = config.n_features, config.n_context
        scalar = _transformer(transformer, config)
        if d == 1 and c == 0:
            return Autoregressive(scalar, Constant(torch.zeros(scalar.n_parameters)))
        net = MaskedMLP(
            d,
            c,
            scalar.n_parameters,
            config.hidden_layer_sizes,
            config.activation,
            config.dropout,
            generator,
        )
        return Autoregressive(scalar, net)

    return build


def planar(config: LayerConfig, generator: Generator) -> Bijection:
    """A planar layer near the identity, bending along a random direction."""
    d = config.n_features
    direction = torch.randn(d, generator=generator)
    shift = torch.randn(1, generator=generator)
    initial = torch.cat([0.01 * torch.randn(d, generator=generator), direction, shift])
    return Planar(d, _net(config.n_context, initial, config, generator))


def radial(config: LayerConfig, generator: Generator) -> Bijection:
    """A radial layer near the identity, around a random point."""
    d = config.n_features
    centre = torch.randn(d, generator=generator)
    log_alpha = torch.tensor([0.5 * math.log(d)])
    initial = torch.cat([centre, log_alpha, 0.01 * torch.randn(1, generator=generator)])
    return Radial(d, _net(config.n_context, initial, config, generator))


def continuous(
    n_steps: int, path: ProbabilityPath | None = None, n_training_steps: int | None = None
) -> Layer:
    """A continuous flow, which is the whole of a chain; trained by regression given a path."""

    def build(config: LayerConfig, generator: Generator) -> Bijection:
        net = VelocityField(
            config.n_features,
            config.n_context,
            config.hidden_layer_sizes,
            config.activation,
            config.dropout,
            generator,
        )
        return Continuous(net, n_steps, path, n_training_steps)

    return build


def _transformer(name: str, config: LayerConfig) -> Transformer:
    makers: dict[str, Callable[[], Transformer]] = {
        "additive": Additive,
        "affine": Affine,
        "spline": lambda: Spline(config.n_bins),
    }
    return makers[name]()


def _net(n_inputs: int, initial: Tensor, config: LayerConfig, generator: Generator) -> nn.Module:
    """A network around an initial output, or that output alone where there is no input."""
    if n_inputs == 0:
        return Constant(initial)
    net = MLP(
        n_inputs,
        len(initial),
        config.hidden_layer_sizes,
        config.activation,
        config.dropout,
        generator,
    )
    with torch.no_grad():
        net.output.bias.copy_(initial)
    return net
