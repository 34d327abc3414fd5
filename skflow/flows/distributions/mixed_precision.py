"""Conditioner networks in float32 for bijections in float64, to draw many samples faster.

Networks are most of the work of sampling. Their rounding moves a sample by 1e-7 of its standard
deviation, one in a thousand by about 1e-6, and rare ones, where the map is steep, by 1e-3. The
bijections keep the resolution of float64, so no two samples coincide. `Flow.with_base_dtype`, by
contrast, computes all of the base in another dtype, on request.
"""

import copy
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from skflow.flows.bijections import Chain
from skflow.flows.nets.mlp import MLP


class Float32Conditioner(nn.Module):
    """A conditioner that computes in float32 for inputs and outputs of any dtype.

    It serves `Bijection.inverse` only.

    Parameters
    ----------
    net : MLP
        Converted to float32 in place.
    """

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
    """A copy of a chain with networks in float32, or the chain itself if nothing would change."""
    if not any(map(_has_wider_net, chain.modules())):
        return chain
    chain = copy.deepcopy(chain)
    for module in filter(_has_wider_net, list(chain.modules())):
        module.net = Float32Conditioner(module.net)  # type: ignore[arg-type]
    return chain


def _has_wider_net(module: nn.Module) -> bool:
    net = getattr(module, "net", None)
    return isinstance(net, MLP) and net.output.bias.dtype != torch.float32
