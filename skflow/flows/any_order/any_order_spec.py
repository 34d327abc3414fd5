"""Specifications of any-order densities: what is needed to rebuild one from its arrays."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Generator, Tensor

from skflow.flows.any_order.any_order_density import AnyOrderDensity
from skflow.flows.any_order.columns import Columns
from skflow.flows.any_order.conditional_net import ConditionalNet
from skflow.flows.any_order.elliptical import Elliptical
from skflow.flows.any_order.links import Links
from skflow.flows.any_order.net_part import NetPart
from skflow.flows.any_order.part import Part
from skflow.flows.bijections import Chain
from skflow.flows.layers import LayerConfig
from skflow.flows.spec import FITTED_BIJECTIONS, FlowSpec, bijection_names

_OF_COLUMNS, _OF_LINKS, _OF_NET = "columns.", "links.bijections.", "net."


@dataclass(frozen=True)
class PartSpec:
    """A part: the names of its links, in order, and whether it has a network."""

    links: tuple[str, ...]
    learned: bool


@dataclass(frozen=True)
class AnyOrderSpec:
    """An any-order density.

    Parameters
    ----------
    flow : FlowSpec
        The networks.
    components : tuple of PartSpec
    context_transform : tuple of str
        Names of the fitted bijections that are applied to the context first.
    """

    flow: FlowSpec
    components: tuple[PartSpec, ...]
    context_transform: tuple[str, ...] = ()

    @classmethod
    def of(cls, density: AnyOrderDensity, flow: FlowSpec) -> "AnyOrderSpec":
        """The specification of a density."""
        return cls(
            flow,
            tuple(
                PartSpec(bijection_names(part.links.bijections), isinstance(part, NetPart))
                for part in density.components
            ),
            bijection_names(density.context_transform.bijections),
        )

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> "AnyOrderSpec":
        """From the nested dict that `dataclasses.asdict` makes of a specification."""
        flow = record["flow"]
        return cls(
            FlowSpec(flow["family"], flow["n_transforms"], LayerConfig(**flow["layers"])),
            tuple(PartSpec(**part) for part in record["components"]),
            record["context_transform"],
        )

    def build(self, arrays: Mapping[str, np.ndarray]) -> AnyOrderDensity:
        """The density whose arrays are given, in float64 on the CPU."""
        tensors = {name: _as_tensor(array) for name, array in arrays.items()}
        parts = [
            self._part(part, _under(f"components.{k}.", tensors))
            for k, part in enumerate(self.components)
        ]
        of_context = _bijections(self.context_transform, "context_transform.bijections.", tensors)
        columns = Columns(**_under(_OF_COLUMNS, tensors))
        density = AnyOrderDensity(columns, parts, tensors["weights"], Chain(of_context)).double()
        density.load_state_dict(tensors)
        return density.eval().requires_grad_(False)

    def _part(self, spec: PartSpec, tensors: dict[str, Tensor]) -> Part:
        columns = Columns(**_under(_OF_COLUMNS, tensors))
        links = Links(_bijections(spec.links, _OF_LINKS, tensors), len(columns))
        prefixes = (_OF_COLUMNS, _OF_LINKS, _OF_NET)
        own = {name: t for name, t in tensors.items() if not name.startswith(prefixes)}
        if not spec.learned:
            return Elliptical(columns, links, **own)
        net = ConditionalNet(columns, self.flow.layers, Generator())
        return NetPart(columns, links, net=net, **own)


def _as_tensor(array: np.ndarray) -> Tensor:
    """Numbers in float64, and the integers of orders as they are."""
    tensor = torch.from_numpy(np.array(array))
    return tensor.double() if tensor.is_floating_point() else tensor


def _bijections(names: tuple[str, ...], prefix: str, tensors: dict[str, Tensor]) -> list:
    return [
        FITTED_BIJECTIONS[name](**_under(f"{prefix}{k}.", tensors)) for k, name in enumerate(names)
    ]


def _under(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """The tensors whose names start with a prefix, by the remainder of their names."""
    return {
        name.removeprefix(prefix): tensor
        for name, tensor in tensors.items()
        if name.startswith(prefix)
    }
