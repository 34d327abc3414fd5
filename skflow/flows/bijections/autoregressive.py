"""Autoregressive: the map of every column is conditioned on the columns before it."""

from collections.abc import Callable
from functools import reduce
from typing import Protocol

import torch
from torch import Tensor

from skflow.flows.bijections.bijection import Bijection, with_context
from skflow.flows.bijections.transformer import Transformer


class AutoregressiveConditioner(Protocol):
    """A network whose outputs for column j depend on the columns before j and the context."""

    def blockwise_forward(self, columns: Tensor, n_parameters: int) -> list[Tensor]:
        """Raw parameters of blocks of k columns, (..., n_parameters, k, n) each."""

    def incremental_forward(
        self, n_parameters: int, context: Tensor
    ) -> Callable[[list[Tensor]], Tensor]:
        """A function from the first columns to the raw parameters of the next one."""


class Autoregressive(Bijection):
    """Scalar map of every column, conditioned on the columns before it.

    z_j = t(x_j; net_j(x_1 … x_{j−1})) for a scalar map t (Papamakarios et al. 2017). `forward`
    is one pass of the network. `inverse` computes one column after another, but for each column
    only the hidden units and outputs that have just become computable, so that all columns
    together cost about one pass.

    Parameters
    ----------
    transformer : Transformer
        The scalar map t.
    net : Module with methods ``blockwise_forward`` and ``incremental_forward``
        The conditioner, for example a `MaskedMLP`: from all columns and the context,
        (..., d + c, n), to the raw parameters of the transformer, those of column j independent
        of the columns from j on.
    """

    sequential_inverse = True

    def __init__(self, transformer: Transformer, net: AutoregressiveConditioner):
        super().__init__()
        self.transformer = transformer
        self.net = net

    def forward(self, x: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        columns = x.mT.contiguous()
        raw = self.net.blockwise_forward(
            with_context(columns, context), self.transformer.n_parameters
        )
        blocks = columns.split([block.shape[-2] for block in raw], dim=-2)
        z, log_slopes = zip(*map(self.transformer.forward, blocks, raw), strict=True)
        log_det = reduce(torch.add, (log_slope.sum(-2) for log_slope in log_slopes))
        return torch.cat(z, dim=-2).mT, log_det

    def inverse(self, z: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        columns = z.mT.contiguous()
        next_raw = self.net.incremental_forward(
            self.transformer.n_parameters, with_context(columns[..., :0, :], context)
        )
        inverted: list[Tensor] = []
        log_det = z.new_zeros(z.shape[:-1])
        for column in columns.split(1, dim=-2):
            raw = next_raw(inverted)
            x, log_slope = self.transformer.inverse(column, raw.unsqueeze(-2))
            inverted.append(x)
            log_det = log_det + log_slope.squeeze(-2)
        return torch.cat(inverted, dim=-2).mT, log_det
