"""A network of an any-order density, in training as one of an ensemble."""

import copy
from dataclasses import dataclass

import torch
from torch import Generator, Tensor, nn

from skflow.fitting.any_order.parts import AnyOrderSamples, PartComponent
from skflow.fitting.defaults import FitConfig
from skflow.flows.any_order.conditional_net import ConditionalNet
from skflow.flows.any_order.elliptical import Elliptical
from skflow.flows.any_order.masked_likelihood import MaskedLikelihood
from skflow.flows.any_order.net_part import NetPart
from skflow.flows.any_order.packed_cells import pack
from skflow.preprocessing.dataset import WeightedDataset

_FOCUS = 0.5  # share of the rows that train the orders which the density is evaluated in
_COLUMNS_PER_SHARED_ROW = 8  # rows share sets of known cells where columns are many
_PREFIX = "net."


@dataclass(frozen=True)
class NetMember:
    """A network that corrects the start of its own split.

    `noise` is the standard deviation of what is added to known numbers in training.
    """

    part: NetPart
    noise: float = 0.0

    @classmethod
    def new(
        cls, start: PartComponent, orders: Tensor, config: FitConfig, generator: Generator
    ) -> "NetMember":
        """A network whose corrections are 0; `generator` draws its weights."""
        elliptical = start.part
        assert isinstance(elliptical, Elliptical)
        net = ConditionalNet(elliptical.columns, config.flow.layers, generator)
        return cls(
            NetPart(
                elliptical.columns,
                elliptical.links,
                orders,
                elliptical.loc,
                elliptical.scatter,
                elliptical.df,
                elliptical.log_states[0],
                net,
            ),
            config.training.noise,
        )

    def trainable(self, device: torch.device) -> nn.Module:
        """The loss of the network, which is a copy in float32; its start stays in float64."""
        part = self.part
        masked = MaskedLikelihood(
            copy.deepcopy(part.net).float(),
            part.columns,
            part.loc,
            part.scatter,
            part.df,
            part.log_states,
            part.orders,
            _FOCUS,
            max(1, len(part.columns) // _COLUMNS_PER_SHARED_ROW),
            self.noise,
        )
        return masked.to(device)

    def images(self, samples: AnyOrderSamples) -> tuple[Tensor, Tensor]:
        """Packed cells of samples, and the log-determinants of their links."""
        return self.packed(samples.data)

    def packed(self, data: WeightedDataset) -> tuple[Tensor, Tensor]:
        """As `images`, of a data set in the user's units."""
        part = self.part
        return pack(part.columns.split(data.x, part.links, data.context))

    def trained(self, parameters: dict[str, Tensor], config: FitConfig) -> PartComponent:
        """The part with trained weights."""
        weights = {name.removeprefix(_PREFIX): value for name, value in parameters.items()}
        self.part.net.load_state_dict(weights)
        return PartComponent(self.part.double().eval().requires_grad_(False))
