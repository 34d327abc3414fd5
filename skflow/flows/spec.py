"""Specifications of densities: what is needed to rebuild a module and load its arrays."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

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
    ParetoTails,
    Regress,
    Standardize,
    Whiten,
    YeoJohnson,
)
from skflow.flows.distributions.constrained_columns import ConstrainedDensity
from skflow.flows.distributions.distribution import Base, Density
from skflow.flows.distributions.flow import Flow
from skflow.flows.distributions.gaussian_mixture_and_kernels import (
    GaussianKernels,
    GaussianMixture,
)
from skflow.flows.distributions.mixture import Mixture
from skflow.flows.distributions.normal_and_t import BASES
from skflow.flows.families import build_bijections
from skflow.flows.layers import LayerConfig

# Bijections that are fitted to data and then fixed; their buffers are the arguments of their
# constructors. Files refer to them by these names.
FITTED_BIJECTIONS: dict[str, type[Bijection]] = {
    "arc": Arc,
    "bounded": Bounded,
    "interpolant": Interpolant,
    "pareto_tails": ParetoTails,
    "regress": Regress,
    "standardize": Standardize,
    "whiten": Whiten,
    "whiten_by_class": ClassWhiten,
    "yeo_johnson": YeoJohnson,
}
_CONTINUOUS = "continuous."  # prefix of names in a density of constrained columns
FITTED_BASES: dict[str, type[Density]] = {"gaussians": GaussianMixture, "kernels": GaussianKernels}


@dataclass(frozen=True)
class FlowSpec:
    """The learned bijections: a family, its number of transforms, and their sizes."""

    family: str | Callable
    n_transforms: int
    layers: LayerConfig

    def __str__(self) -> str:
        layers = self.layers
        family = self.family
        name = family if isinstance(family, str) else getattr(family, "__qualname__", "callable")
        return (
            f"{name}, {self.n_transforms} layers of {layers.hidden_layer_sizes} units, "
            f"{layers.n_bins} bins, {layers.n_features} columns, {layers.activation}, "
            f"dropout {layers.dropout:.3g}"
        )

    def build(self, base: Density, generator: Generator) -> Flow:
        """Build freshly initialized bijections over a base."""
        bijections = build_bijections(self.family, self.n_transforms, self.layers, generator)
        return Flow(Chain(bijections), base)


@dataclass(frozen=True)
class ComponentSpec:
    """A component of a mixture.

    Parameters
    ----------
    bijections : tuple of str
        Names of the fitted bijections, in order.
    learned : bool
        Whether the learned bijections of the FlowSpec follow.
    base : str
        Name of the base: "normal", "t", or a key of ``FITTED_BASES``.
    """

    bijections: tuple[str, ...]
    learned: bool
    base: str


@dataclass(frozen=True)
class DensitySpec:
    """A density: a mixture of components behind bijections that they share.

    Parameters
    ----------
    flow : FlowSpec
        The bijections that components have learned.
    input_transform : tuple of str
        Names of the fitted bijections that all components share.
    components : tuple of ComponentSpec
    context_transform : tuple of str
        Names of the fitted bijections that are applied to the context first.
    constrained : bool
        Whether columns have supports.
    """

    flow: FlowSpec
    input_transform: tuple[str, ...]
    components: tuple[ComponentSpec, ...]
    context_transform: tuple[str, ...] = ()
    constrained: bool = False

    @classmethod
    def from_record(cls, record: dict[str, Any]) -> "DensitySpec":
        """From the nested dict that `dataclasses.asdict` makes of a specification."""
        flow = record["flow"]
        return cls(
            FlowSpec(flow["family"], flow["n_transforms"], LayerConfig(**flow["layers"])),
            record["input_transform"],
            tuple(ComponentSpec(**component) for component in record["components"]),
            record["context_transform"],
            record["constrained"],
        )


def make_base(name: str, n_features: int, df: float = 10.0) -> Base:
    """Build a base density by its name, a key of ``BASES``."""
    return BASES[name](n_features, df)


def bijection_names(bijections: Iterable[Bijection]) -> tuple[str, ...]:
    """The names of fitted bijections; raises KeyError for learned ones."""
    names = {kind: name for name, kind in FITTED_BIJECTIONS.items()}
    return tuple(names[type(bijection)] for bijection in bijections)


def to_arrays(density: Density) -> dict[str, np.ndarray]:
    """All parameters and buffers by name; parameters, which are trained in float32, in float32."""
    learned = {name for name, _ in density.named_parameters()}
    return {
        name: (value.float() if name in learned else value).detach().cpu().numpy().copy()
        for name, value in density.state_dict().items()
    }


def from_arrays(spec: DensitySpec, arrays: dict[str, np.ndarray]) -> Flow | ConstrainedDensity:
    """Rebuild the module that `to_arrays` was given, in float64 on the CPU."""
    tensors = {name: torch.from_numpy(np.array(a)).double() for name, a in arrays.items()}
    density: Flow | ConstrainedDensity
    if spec.constrained:
        continuous = _build_mixture(spec, _with_prefix(_CONTINUOUS, tensors))
        supports = {name: t for name, t in tensors.items() if not name.startswith(_CONTINUOUS)}
        density = ConstrainedDensity(continuous, **supports)
    else:
        density = _build_mixture(spec, tensors)
    density = density.double()
    density.load_state_dict(tensors)
    return density.eval().requires_grad_(False)


def _build_mixture(spec: DensitySpec, tensors: dict[str, Tensor]) -> Flow:
    """Build the module, with the values of fitted bijections and bases only."""
    components = []
    for k, component in enumerate(spec.components):
        bijections = _fitted_bijections(
            component.bijections, f"base.components.{k}.chain.bijections", tensors
        )
        if component.base in FITTED_BASES:
            base = FITTED_BASES[component.base](
                **_with_prefix(f"base.components.{k}.base.", tensors)
            )
        else:
            base = make_base(component.base, spec.flow.layers.n_features)
        if component.learned:
            bijections.extend(spec.flow.build(base, Generator()).chain.bijections)
        components.append(Flow(Chain(bijections), base))
    input_transform = Chain(_fitted_bijections(spec.input_transform, "chain.bijections", tensors))
    context_transform = Chain(
        _fitted_bijections(spec.context_transform, "context_transform.bijections", tensors)
    )
    return Flow(input_transform, Mixture(components, tensors["base.weights"]), context_transform)


def _fitted_bijections(
    names: tuple[str, ...], prefix: str, tensors: dict[str, Tensor]
) -> list[Bijection]:
    return [
        FITTED_BIJECTIONS[name](**_with_prefix(f"{prefix}.{j}.", tensors))
        for j, name in enumerate(names)
    ]


def _with_prefix(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """The tensors whose names start with a prefix, by the remainder of their names."""
    return {
        name.removeprefix(prefix): tensor
        for name, tensor in tensors.items()
        if name.startswith(prefix)
    }
