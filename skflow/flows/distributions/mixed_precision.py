"""Networks in float32 under maps in float64.

For draws. What the networks round moves a row by 1e-7 of its spread, one in a thousand by some
1e-6, the rare one in a steep place by 1e-3. The maps keep the resolution of float64, so no two
rows fall together. Networks are most of the work. `Flow.rounded` is another thing: it has all of
a density in another precision, for who asks for it.
"""

import copy
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from skflow.flows.bijections import Chain
from skflow.flows.nets.mlp import MLP


class Float32Conditioner(nn.Module):
    """A conditioner that computes in float32, for layers that are only inverted."""

    net: Any

    def __init__(self, net: MLP):
        super().__init__()
        self.net = net.to(torch.float32)

    def forward(self, columns: Tensor) -> Tensor:
        return self.net(columns.float()).to(columns.dtype)

    def incremental_forward(
        self, n_parameters: int, context: Tensor
    ) -> Callable[[list[Tensor]], Tensor]:
        """As `MaskedMLP.incremental_forward`, with inputs and outputs in the context's dtype."""
        next_column = self.net.incremental_forward(n_parameters, context.float())
        in_float32: list[Tensor] = []

        def next_column_cast(previous: list[Tensor]) -> Tensor:
            in_float32.extend(column.float() for column in previous[len(in_float32) :])
            return next_column(in_float32).to(context.dtype)

        return next_column_cast


def with_float32_networks(chain: Chain) -> Chain:
    """A copy of a chain, its networks in float32; the chain itself where they are, or are none."""
    if not any(map(_has_wider_net, chain.modules())):
        return chain
    chain = copy.deepcopy(chain)
    for part in filter(_has_wider_net, list(chain.modules())):
        part.net = Float32Conditioner(part.net)  # type: ignore[arg-type]
    return chain


def _has_wider_net(part: nn.Module) -> bool:
    net = getattr(part, "net", None)
    return isinstance(net, MLP) and net.output.bias.dtype != torch.float32
