"""Networks in float32 under maps in float64.

For draws: what the networks round moves a row by a millionth of its spread, and every map still
has the resolution of float64, so no two rows fall together. Networks are most of the work.
"""

import copy
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from skflow.flows.bijections import Chain
from skflow.flows.nets import MLP


class Rounded(nn.Module):
    """A conditioner that computes in float32, for layers that are only inverted."""

    net: Any

    def __init__(self, net: MLP):
        super().__init__()
        self.net = net.to(torch.float32)

    def forward(self, columns: Tensor) -> Tensor:
        return self.net(columns.float()).to(columns.dtype)

    def sweep(self, n_parameters: int, context: Tensor) -> Callable[[list[Tensor]], Tensor]:
        """As `MaskedMLP.sweep`."""
        next_column = self.net.sweep(n_parameters, context.float())
        rounded: list[Tensor] = []

        def next_in_own_precision(known: list[Tensor]) -> Tensor:
            rounded.extend(column.float() for column in known[len(rounded) :])
            return next_column(rounded).to(context.dtype)

        return next_in_own_precision


def with_rounded_nets(chain: Chain) -> Chain:
    """A copy of a chain, its networks in float32; the chain itself where it has none."""
    if not any(map(_has_net, chain.modules())):
        return chain
    chain = copy.deepcopy(chain)
    for part in filter(_has_net, list(chain.modules())):
        part.net = Rounded(part.net)  # type: ignore[arg-type]
    return chain


def _has_net(part: nn.Module) -> bool:
    return isinstance(getattr(part, "net", None), MLP)
