"""Families of flows by name: from sizes to the links of a chain."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from torch import Generator

from skflow.flows.bijections import Bijection, LULinear, Reverse, Scale
from skflow.flows.bijections.continuous import ProbabilityPath
from skflow.flows.layers import (
    Layer,
    LayerConfig,
    autoregressive,
    continuous,
    coupling,
    planar,
    radial,
)
from skflow.flows.probability_paths import (
    IndependentCoupling,
    OptimalTransportCoupling,
    log_uniform_noise_times,
    uniform_times,
)

_STEPS = 4  # of the solver, for what other families call a layer


@dataclass(frozen=True)
class TrainingOptions:
    """How training a family differs from the usual."""

    length: float = 1.0  # times as many steps
    ema_decay: float = 0.98  # of the averaged weights
    check_every: int | None = None  # steps, where a likelihood is dear
    max_held_out: int | None = None  # rows that a check looks at


@dataclass(frozen=True)
class Family:
    """How a family is built, and sound defaults: its layers, and how fast it learns."""

    build: Callable[[int, LayerConfig, Generator], list[Bijection]]
    n_transforms: int
    min_transforms: int | None = None  # where more are not worth their time
    learning_rate: float = 2e-3  # for few rows; plenty bear five times as much
    base: str = "t"  # what "auto" is
    training: TrainingOptions = TrainingOptions()


def _mixed(layer: Layer) -> Callable[[int, LayerConfig, Generator], list[Bijection]]:
    """Layers with learned linear mixing before each."""

    def build(n_transforms: int, config: LayerConfig, generator: Generator) -> list[Bijection]:
        bijections: list[Bijection] = []
        for _ in range(n_transforms):
            bijections += [LULinear(config.n_features), layer(config, generator)]
        return bijections

    return build


def _autoregressive(transformer: str) -> Callable[[int, LayerConfig, Generator], list[Bijection]]:
    """Mixed autoregressive layers, every second one in the opposite order of the columns.

    Given a context, the first one is affine, so that what the context knows of location and
    scale has not to be said by splines, which end at their tails.
    """

    def build(n_transforms: int, config: LayerConfig, generator: Generator) -> list[Bijection]:
        bijections: list[Bijection] = []
        for k in range(n_transforms):
            first_of_context = k == 0 and config.n_context > 0
            layer = autoregressive("affine" if first_of_context else transformer)
            bijections += [LULinear(config.n_features), layer(config, generator), Reverse()]
        return bijections

    return build


def _coupled(transformer: str) -> Callable[[int, LayerConfig, Generator], list[Bijection]]:
    """Mixed coupling layers, steered from either end in turn."""

    def build(n_transforms: int, config: LayerConfig, generator: Generator) -> list[Bijection]:
        bijections: list[Bijection] = []
        for k in range(n_transforms):
            layer = coupling(transformer, from_end=k % 2 == 1)
            bijections += [LULinear(config.n_features), layer(config, generator)]
        return bijections

    return build


def _nice(n_transforms: int, config: LayerConfig, generator: Generator) -> list[Bijection]:
    """Volume-preserving layers and mixing, then one scaling layer."""
    bijections: list[Bijection] = []
    for k in range(n_transforms):
        layer = coupling("additive", from_end=k % 2 == 1)
        mixing = LULinear(config.n_features, volume_preserving=True)
        bijections += [mixing, layer(config, generator)]
    return [*bijections, Scale(config.n_features)]


def _continuous(
    path: ProbabilityPath | None, n_training_steps: int | None = None
) -> Callable[[int, LayerConfig, Generator], list[Bijection]]:
    """A continuous flow alone."""

    def build(n_transforms: int, config: LayerConfig, generator: Generator) -> list[Bijection]:
        layer = continuous(_STEPS * n_transforms, path, n_training_steps)
        return [layer(config, generator)]

    return build


def _regressed(path: ProbabilityPath, n_transforms: int) -> Family:
    """A continuous flow that learns its velocity from examples on a path."""
    training = TrainingOptions(length=5, ema_decay=0.99, check_every=100, max_held_out=512)
    return Family(_continuous(path), n_transforms, base="normal", training=training)


FAMILIES: dict[str, Family] = {
    "planar": Family(_mixed(planar), 24),
    "radial": Family(_mixed(radial), 24),
    "nice": Family(_nice, 8),
    "realnvp": Family(_coupled("affine"), 8),
    "maf": Family(_autoregressive("affine"), 5),
    "nsf": Family(_coupled("spline"), 6),
    "nsf_ar": Family(_autoregressive("spline"), 3, 2, learning_rate=4e-3),
    "flow_matching": _regressed(IndependentCoupling(uniform_times), 4),
    "flow_matching_ot": _regressed(
        OptimalTransportCoupling(), 2
    ),  # straighter paths take fewer steps
    "diffusion": _regressed(IndependentCoupling(log_uniform_noise_times), 4),
    "cnf": Family(
        _continuous(None, n_training_steps=3),
        4,
        training=TrainingOptions(length=0.5, check_every=25, max_held_out=512),
    ),
}


def family_of(flow: str | Callable[[int, int, Generator], Iterable[Bijection]]) -> Family:
    """A family by its name, or that of a user's callable."""
    return Family(_own(flow), 1) if callable(flow) else FAMILIES[flow]


def build_bijections(
    family: str | Callable[[int, int, Generator], Iterable[Bijection]],
    n_transforms: int,
    config: LayerConfig,
    generator: Generator,
) -> list[Bijection]:
    """The trainable links of a family, or those that a user's callable makes."""
    return family_of(family).build(n_transforms, config, generator)


def _own(
    function: Callable[[int, int, Generator], Iterable[Bijection]],
) -> Callable[[int, LayerConfig, Generator], list[Bijection]]:
    def build(n_transforms: int, config: LayerConfig, generator: Generator) -> list[Bijection]:
        chain = function(config.n_features, config.n_context, generator)
        return [chain] if isinstance(chain, Bijection) else list(chain)

    return build
