"""Learned layers for families of flows: bijections with their conditioner networks.

A layer is a function of a `LayerConfig` and a `torch.Generator`, which draws the initial weights,
that returns a `Bijection` at or near the identity. `planar` and `radial` are layers; `coupling`,
`autoregressive` and `continuous` return one.
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
    """The sizes and settings that layers are built from.

    Parameters
    ----------
    n_features : int
        Number of columns.
    n_context : int, default=0
        Number of columns of the context.
    hidden_layer_sizes : tuple of int, default=(64, 64)
        Sizes of the hidden layers of conditioner networks.
    n_bins : int, default=8
        Number of bins of a spline.
    activation : {"elu", "gelu", "relu", "silu", "tanh"}, default="silu"
        Activation function of conditioner networks.
    dropout : float, default=0.0
        Fraction of the hidden units that are dropped in training.

    Examples
    --------
    >>> from skflow.flows.layers import LayerConfig, coupling
    >>> import torch
    >>> layer = coupling("affine")(LayerConfig(n_features=3), torch.Generator())
    >>> type(layer).__name__
    'Coupling'
    """

    n_features: int
    n_context: int = 0
    hidden_layer_sizes: tuple[int, ...] = (64, 64)
    n_bins: int = 8
    activation: str = "silu"
    dropout: float = 0.0


Layer = Callable[[LayerConfig, Generator], Bijection]


def coupling(transformer: str, from_end: bool = False) -> Layer:
    """Return a coupling layer: half of the columns condition the map of the other half.

    Parameters
    ----------
    transformer : {"additive", "affine", "spline"}
        The scalar map.
    from_end : bool, default=False
        Whether the second half of the columns conditions the first, instead of the other way
        round.

    Returns
    -------
    layer : callable
        From a `LayerConfig` and a `torch.Generator` to a `Coupling`.
    """

    def build(config: LayerConfig, generator: Generator) -> Bijection:
        scalar_map = _transformer(transformer, config)
        n_conditioning = config.n_features // 2
        n_outputs = scalar_map.n_parameters * (config.n_features - n_conditioning)
        net = _net(
            n_conditioning + config.n_context,
            torch.zeros(n_outputs, dtype=torch.float32),
            config,
            generator,
        )
        return Coupling(scalar_map, net, n_conditioning, from_end)

    return build


def autoregressive(transformer: str) -> Layer:
    """Return an autoregressive layer: all columns before it condition the map of a column.

    Parameters
    ----------
    transformer : {"additive", "affine", "spline"}
        The scalar map.

    Returns
    -------
    layer : callable
        From a `LayerConfig` and a `torch.Generator` to an `Autoregressive`.
    """

    def build(config: LayerConfig, generator: Generator) -> Bijection:
        d, c = config.n_features, config.n_context
        scalar_map = _transformer(transformer, config)
        if d == 1 and c == 0:
            return Autoregressive(
                scalar_map, Constant(torch.zeros(scalar_map.n_parameters, dtype=torch.float32))
            )
        net = MaskedMLP(
            d,
            c,
            scalar_map.n_parameters,
            config.hidden_layer_sizes,
            config.activation,
            config.dropout,
            generator,
        )
        return Autoregressive(scalar_map, net)

    return build


def planar(config: LayerConfig, generator: Generator) -> Bijection:
    """Build a planar layer near the identity, along a random direction.

    Parameters
    ----------
    config : LayerConfig
        The sizes of the layer.
    generator : torch.Generator
        Draws the initial weights.

    Returns
    -------
    layer : Planar
        The layer.
    """
    d = config.n_features
    direction = torch.randn(d, generator=generator, dtype=torch.float32)
    shift = torch.randn(1, generator=generator, dtype=torch.float32)
    initial = torch.cat(
        [0.01 * torch.randn(d, generator=generator, dtype=torch.float32), direction, shift]
    )
    return Planar(d, _net(config.n_context, initial, config, generator))


def radial(config: LayerConfig, generator: Generator) -> Bijection:
    """Build a radial layer near the identity, around a random point.

    Parameters
    ----------
    config : LayerConfig
        The sizes of the layer.
    generator : torch.Generator
        Draws the initial weights.

    Returns
    -------
    layer : Radial
        The layer.
    """
    d = config.n_features
    center = torch.randn(d, generator=generator, dtype=torch.float32)
    log_alpha = torch.tensor([0.5 * math.log(d)], dtype=torch.float32)
    initial = torch.cat(
        [center, log_alpha, 0.01 * torch.randn(1, generator=generator, dtype=torch.float32)]
    )
    return Radial(d, _net(config.n_context, initial, config, generator))


def continuous(
    n_steps: int, path: ProbabilityPath | None = None, n_training_steps: int | None = None
) -> Layer:
    """Return a continuous flow, which is a whole chain by itself.

    Parameters
    ----------
    n_steps : int
        Number of steps of the solver.
    path : object with a method ``regression_target``, default=None
        Path from data to noise for training by regression, one of
        ``skflow.flows.probability_paths``. Without it, the flow is trained by maximum
        likelihood. The flow has to be the only bijection of its chain for training by
        regression.
    n_training_steps : int, default=None
        Number of steps of the solver in training, by default `n_steps`.

    Returns
    -------
    layer : callable
        From a `LayerConfig` and a `torch.Generator` to a continuous flow.
    """

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
    builders: dict[str, Callable[[], Transformer]] = {
        "additive": Additive,
        "affine": Affine,
        "spline": lambda: Spline(config.n_bins),
    }
    return builders[name]()


def _net(n_inputs: int, initial: Tensor, config: LayerConfig, generator: Generator) -> nn.Module:
    """A network with an initial output (n_outputs,), or that output alone without inputs."""
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
