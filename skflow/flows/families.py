"""Families of flows by name: from sizes to the links of a chain."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from torch import Generator

from skflow.flows.bijections import Bijection, LULinear, Reverse, Scale
from skflow.flows.bijections.continuous import Path
from skflow.flows.layers import (
    Layer,
    Sizes,
    autoregressive,
    continuous,
    coupling,
    planar,
    radial,
)
from skflow.flows.probability_paths import Coupled, Independent, by_noise, evenly

_STEPS = 4  # of the solver, for what other families call a layer


@dataclass(frozen=True)
class Training:
    """How training a family differs from the usual."""

    length: float = 1.0  # times as many steps
    memory: float = 0.98  # of the averaged weights
    check_every: int | None = None  # steps, where a likelihood is dear
    most_left_out: int | None = None  # rows that a check looks at


@dataclass(frozen=True)
class Family:
    """How a family is built, and sound defaults: its layers, and how fast it learns."""

    build: Callable[[int, Sizes, Generator], list[Bijection]]
    n_transforms: int
    n_transforms_least: int | None = None  # where more are not worth their time
    learning_rate: float = 2e-3  # for few rows; plenty bear five times as much
    base: str = "t"  # what "auto" is
    training: Training = Training()


def _mixed(layer: Layer) -> Callable[[int, Sizes, Generator], list[Bijection]]:
    """Layers with learned linear mixing before each."""

    def build(n_transforms: int, sizes: Sizes, generator: Generator) -> list[Bijection]:
        links: list[Bijection] = []
        for _ in range(n_transforms):
            links += [LULinear(sizes.n_features), layer(sizes, generator)]
        return links

    return build


def _autoregressive(transformer: str) -> Callable[[int, Sizes, Generator], list[Bijection]]:
    """Mixed autoregressive layers, every second one in the opposite order of the columns.

    Given a context, the first one is affine, so that what the context knows of location and
    scale has not to be said by splines, which end at their tails.
    """

    def build(n_transforms: int, sizes: Sizes, generator: Generator) -> list[Bijection]:
        links: list[Bijection] = []
        for k in range(n_transforms):
            first_of_context = k == 0 and sizes.n_context > 0
            layer = autoregressive("affine" if first_of_context else transformer)
            links += [LULinear(sizes.n_features), layer(sizes, generator), Reverse()]
        return links

    return build


def _coupled(transformer: str) -> Callable[[int, Sizes, Generator], list[Bijection]]:
    """Mixed coupling layers, steered from either end in turn."""

    def build(n_transforms: int, sizes: Sizes, generator: Generator) -> list[Bijection]:
        links: list[Bijection] = []
        for k in range(n_transforms):
            layer = coupling(transformer, from_end=k % 2 == 1)
            links += [LULinear(sizes.n_features), layer(sizes, generator)]
        return links

    return build


def _nice(n_transforms: int, sizes: Sizes, generator: Generator) -> list[Bijection]:
    """Volume-preserving layers and mixing, then one scaling layer."""
    links: list[Bijection] = []
    for k in range(n_transforms):
        layer = coupling("additive", from_end=k % 2 == 1)
        mixing = LULinear(sizes.n_features, volume_preserving=True)
        links += [mixing, layer(sizes, generator)]
    return [*links, Scale(sizes.n_features)]


def _continuous(
    path: Path | None, n_training_steps: int | None = None
) -> Callable[[int, Sizes, Generator], list[Bijection]]:
    """A continuous flow alone."""

    def build(n_transforms: int, sizes: Sizes, generator: Generator) -> list[Bijection]:
        layer = continuous(_STEPS * n_transforms, path, n_training_steps)
        return [layer(sizes, generator)]

    return build


def _regressed(path: Path, n_transforms: int) -> Family:
    """A continuous flow that learns its velocity from examples on a path."""
    training = Training(length=5, memory=0.99, check_every=100, most_left_out=512)
    return Family(_continuous(path), n_transforms, base="normal", training=training)


FAMILIES: dict[str, Family] = {
    "planar": Family(_mixed(planar), 24),
    "radial": Family(_mixed(radial), 24),
    "nice": Family(_nice, 8),
    "realnvp": Family(_coupled("affine"), 8),
    "maf": Family(_autoregressive("affine"), 5),
    "nsf": Family(_coupled("spline"), 6),
    "nsf_ar": Family(_autoregressive("spline"), 3, 2, learning_rate=4e-3),
    "flow_matching": _regressed(Independent(evenly), 4),
    "flow_matching_ot": _regressed(Coupled(), 2),  # straighter paths take fewer steps
    "diffusion": _regressed(Independent(by_noise), 4),
    "cnf": Family(
        _continuous(None, n_training_steps=3),
        4,
        training=Training(length=0.5, check_every=25, most_left_out=512),
    ),
}


def family_of(flow: str | Callable[[int, int, Generator], Iterable[Bijection]]) -> Family:
    """A family by its name, or that of a user's callable."""
    return Family(_own(flow), 1) if callable(flow) else FAMILIES[flow]


def links_of(
    family: str | Callable[[int, int, Generator], Iterable[Bijection]],
    n_transforms: int,
    sizes: Sizes,
    generator: Generator,
) -> list[Bijection]:
    """The trainable links of a family, or those that a user's callable makes."""
    return family_of(family).build(n_transforms, sizes, generator)


def _own(
    function: Callable[[int, int, Generator], Iterable[Bijection]],
) -> Callable[[int, Sizes, Generator], list[Bijection]]:
    def build(n_transforms: int, sizes: Sizes, generator: Generator) -> list[Bijection]:
        chain = function(sizes.n_features, sizes.n_context, generator)
        return [chain] if isinstance(chain, Bijection) else list(chain)

    return build
