"""Bijections by name, each ready to be built from sizes and a generator.

A new bijection is its file in ``bijections/`` and its line in ``BIJECTIONS``; the tests of
``tests/flows/test_bijections.py`` go through the table.
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
    ClassWhiten,
    Continuous,
    Coupling,
    Interpolant,
    LULinear,
    Planar,
    Radial,
    Regress,
    Reverse,
    Scale,
    Spline,
    Standardize,
    Transformer,
    Whiten,
    YeoJohnson,
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


def _standardize(config: LayerConfig, generator: Generator) -> Bijection:
    shift, log_scale = torch.randn(2, config.n_features, generator=generator, dtype=torch.float64)
    return Standardize(shift, log_scale.exp())


def _whiten(config: LayerConfig, generator: Generator) -> Bijection:
    loc, factor = _ellipsoids(1, config.n_features, generator)
    return Whiten(loc[0], factor[0])


def _class_whiten(config: LayerConfig, generator: Generator) -> Bijection:
    return ClassWhiten(*_ellipsoids(max(config.n_context, 1), config.n_features, generator))


def _ellipsoids(n: int, d: int, generator: Generator) -> tuple[Tensor, Tensor]:
    """Random centres (n, d) and lower triangular factors (n, d, d)."""
    raw = torch.randn(n, d, d, generator=generator, dtype=torch.float64) / math.sqrt(d)
    factor = raw.tril(-1) + torch.diag_embed(raw.diagonal(dim1=-2, dim2=-1).exp())
    return torch.randn(n, d, generator=generator, dtype=torch.float64), factor


def _regress(config: LayerConfig, generator: Generator) -> Bijection:
    shape = config.n_features, config.n_context + 1
    drawn = torch.randn(shape, generator=generator, dtype=torch.float64)
    return Regress(drawn[:, 1:], drawn[:, 0])


def _yeo_johnson(config: LayerConfig, generator: Generator) -> Bijection:
    d = config.n_features
    lam = 1 + 1.5 * torch.randn(d, generator=generator, dtype=torch.float64)
    return YeoJohnson(lam, torch.full_like(lam, -4), torch.full_like(lam, 3))


def _interpolant(config: LayerConfig, generator: Generator) -> Bijection:
    steps = torch.rand(3, config.n_features, 6, generator=generator, dtype=torch.float64) + 0.1
    knots, values, slopes = steps[0].cumsum(-1), steps[1].cumsum(-1), steps[2]
    return Interpolant(knots - 2, values - 2, slopes)


BIJECTIONS: dict[str, Layer] = {
    "additive coupling": coupling("additive"),
    "affine coupling": coupling("affine"),
    "spline coupling": coupling("spline"),
    "spline coupling from the end": coupling("spline", from_end=True),
    "additive autoregressive": autoregressive("additive"),
    "affine autoregressive": autoregressive("affine"),
    "spline autoregressive": autoregressive("spline"),
    "planar": planar,
    "radial": radial,
    "continuous": continuous(n_steps=24),
    "linear": lambda config, generator: LULinear(config.n_features),
    "volume-preserving linear": lambda config, generator: LULinear(config.n_features, True),
    "scale": lambda config, generator: Scale(config.n_features),
    "reverse": lambda config, generator: Reverse(),
    "standardize": _standardize,
    "regress": _regress,
    "whiten": _whiten,
    "whiten by class": _class_whiten,
    "interpolant": _interpolant,
    "yeo-johnson": _yeo_johnson,
}


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
