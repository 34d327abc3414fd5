"""The record of a fitted density: enough to build its module anew and load its arrays."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Generator, Tensor

from skflow.flows.bijections import (
    Arc,
    Bijection,
    Bounded,
    Chain,
    ClassWhiten,
    Interpolant,
    Regress,
    Standardize,
    Whiten,
    YeoJohnson,
)
from skflow.flows.distributions.constrained import Supported
from skflow.flows.distributions.distribution import Base, Density
from skflow.flows.distributions.flow import Flow
from skflow.flows.distributions.gaussian_mixture import Gaussians, Kernels
from skflow.flows.distributions.mixture import Mixture
from skflow.flows.distributions.normal_and_t import MultivariateT, StandardNormal
from skflow.flows.families import links_of
from skflow.flows.layers import Sizes

# links that are fitted from data and then fixed; their buffers are their constructors' arguments
FIXED_LINKS: dict[str, type[Bijection]] = {
    "arc": Arc,
    "bounded": Bounded,
    "interpolant": Interpolant,
    "regress": Regress,
    "standardize": Standardize,
    "whiten": Whiten,
    "whiten_by_class": ClassWhiten,
    "yeo_johnson": YeoJohnson,
}
_REALS = "reals."  # of the names in a density of columns with supports
FIXED_BASES: dict[str, type[Density]] = {"gaussians": Gaussians, "kernels": Kernels}


@dataclass(frozen=True)
class Design:
    """The learned links: a family, how many of its layers, and their sizes."""

    family: str | Callable
    n_transforms: int
    sizes: Sizes

    def __str__(self) -> str:
        sizes = self.sizes
        family = self.family
        name = family if isinstance(family, str) else getattr(family, "__qualname__", "callable")
        return (
            f"{name}, {self.n_transforms} layers of {sizes.hidden_layer_sizes} units, "
            f"{sizes.n_bins} bins, {sizes.n_features} columns, {sizes.activation}, "
            f"dropout {sizes.dropout:.3g}"
        )

    def build(self, base: Density, generator: Generator) -> Flow:
        """Freshly initialised links over a base."""
        links = links_of(self.family, self.n_transforms, self.sizes, generator)
        return Flow(Chain(links), base)


@dataclass(frozen=True)
class Part:
    """One part of a mixture: fixed links, learned ones or none, and a base by name."""

    links: tuple[str, ...]
    learned: bool
    base: str


@dataclass(frozen=True)
class Blueprint:
    """A density: links shared by all parts, the parts, and the design of what they learned.

    `context` names the links that the context goes through first; `supported` says whether the
    columns have supports.
    """

    design: Design
    units: tuple[str, ...]
    parts: tuple[Part, ...]
    context: tuple[str, ...] = ()
    supported: bool = False


def make_base(name: str, n_features: int, df: float = 10.0) -> Base:
    """A base density by name, "normal" or "t"."""
    return StandardNormal(n_features) if name == "normal" else MultivariateT(n_features, df)


def names_of(links: Iterable[Bijection]) -> tuple[str, ...]:
    """The names of fixed links."""
    names = {kind: name for name, kind in FIXED_LINKS.items()}
    return tuple(names[type(link)] for link in links)


def to_arrays(density: Density) -> dict[str, np.ndarray]:
    """All parameters and buffers; those trained in float32 are kept in float32."""
    learned = {name for name, _ in density.named_parameters()}
    return {
        name: (value.float() if name in learned else value).detach().cpu().numpy().copy()
        for name, value in density.state_dict().items()
    }


def from_arrays(blueprint: Blueprint, arrays: dict[str, np.ndarray]) -> Flow | Supported:
    """The module that `to_arrays` was given, in float64 on the CPU."""
    tensors = {name: torch.from_numpy(np.array(a)).double() for name, a in arrays.items()}
    density: Flow | Supported
    if blueprint.supported:
        reals = _mixture_from(blueprint, _below(_REALS, tensors))
        own = {name: t for name, t in tensors.items() if not name.startswith(_REALS)}
        density = Supported(reals, **own)
    else:
        density = _mixture_from(blueprint, tensors)
    density = density.double()
    density.load_state_dict(tensors)
    return density.eval().requires_grad_(False)


def _mixture_from(blueprint: Blueprint, tensors: dict[str, Tensor]) -> Flow:
    parts = []
    for k, part in enumerate(blueprint.parts):
        links = _fixed_links(part.links, f"base.parts.{k}.chain.links", tensors)
        if part.base in FIXED_BASES:
            base = FIXED_BASES[part.base](**_below(f"base.parts.{k}.base.", tensors))
        else:
            base = make_base(part.base, blueprint.design.sizes.n_features)
        if part.learned:
            links.extend(blueprint.design.build(base, Generator()).chain.links)
        parts.append(Flow(Chain(links), base))
    units = Chain(_fixed_links(blueprint.units, "chain.links", tensors))
    given = Chain(_fixed_links(blueprint.context, "given.links", tensors))
    return Flow(units, Mixture(parts, tensors["base.weights"]), given)


def _fixed_links(
    names: tuple[str, ...], prefix: str, tensors: dict[str, Tensor]
) -> list[Bijection]:
    return [FIXED_LINKS[name](**_below(f"{prefix}.{j}.", tensors)) for j, name in enumerate(names)]


def _below(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """The tensors whose names start with a prefix, by the rest of their names."""
    return {
        name.removeprefix(prefix): tensor
        for name, tensor in tensors.items()
        if name.startswith(prefix)
    }
