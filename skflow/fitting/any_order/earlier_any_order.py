"""An earlier any-order fit, from which a fit with ``warm_start=True`` continues."""

import copy
from dataclasses import dataclass

import torch
from torch import Tensor

from skflow.fitting.any_order.net_member import NetMember
from skflow.fitting.defaults import FitConfig
from skflow.fitting.warm_start import check_same_flows
from skflow.flows.any_order.any_order_density import AnyOrderDensity
from skflow.flows.any_order.any_order_spec import AnyOrderSpec
from skflow.flows.any_order.columns import Columns
from skflow.flows.any_order.net_part import NetPart
from skflow.flows.bijections import Bijection, Chain


@dataclass(frozen=True)
class EarlierAnyOrder:
    """A fitted any-order density to continue from, and its specification."""

    density: AnyOrderDensity
    spec: AnyOrderSpec

    @property
    def columns(self) -> Columns:
        """What the columns consist of, on the CPU."""
        return copy.deepcopy(self.density.columns).cpu().double()

    @property
    def orders(self) -> Tensor:
        """The orders that the density is evaluated in."""
        return self._parts[0].orders.cpu()

    @property
    def context_transform(self) -> Chain:
        """The bijections that the context goes through."""
        return copy.deepcopy(self.density.context_transform).cpu().double()

    def bijections(self, n: int) -> list[Bijection]:
        """The first n links, which all parts share."""
        links = copy.deepcopy(self._parts[0].links).cpu().double()
        return list(links.bijections[:n])

    def members(self, config: FitConfig, n_members: int) -> list[NetMember]:
        """Copies of the trained networks, ready to be trained further.

        Raises
        ------
        ValueError
            If they are not `n_members` networks of the specification that is configured.
        """
        check_same_flows(self.spec.flow, len(self._parts), config.flow, n_members)
        parts = [copy.deepcopy(part).cpu().double() for part in self._parts]
        return [NetMember(part.requires_grad_(True), config.training.noise) for part in parts]

    @property
    def _parts(self) -> list[NetPart]:
        return [part for part in self.density.components if isinstance(part, NetPart)]


def check_same_columns_of(earlier: Columns, now: Columns) -> None:
    """Raise a ValueError unless columns have the supports that they had in an earlier fit."""
    for name in ("levels", "continuous", "low", "high", "step", "origin", "period"):
        if not torch.equal(
            getattr(earlier, name).nan_to_num(0.5), getattr(now, name).nan_to_num(0.5)
        ):
            raise ValueError(
                "warm_start=True continues an earlier fit, in which the columns had other "
                "supports. Declare the same supports, or use warm_start=False."
            )
