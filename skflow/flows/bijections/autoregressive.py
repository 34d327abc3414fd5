"""Autoregressive: every column is steered by those before it."""

from collections.abc import Callable
from functools import reduce
from typing import Protocol

import torch
from torch import Tensor

from skflow.flows.bijections.bijection import Bijection, with_context
from skflow.flows.bijections.transformer import Transformer


class AutoregressiveConditioner(Protocol):
    """A conditioner that can be asked for some columns at a time, or for one after another."""

    def by_blocks(self, columns: Tensor, n_parameters: int) -> list[Tensor]:
        """Raw parameters of consecutive columns, (..., n_parameters, k, n) each."""

    def sweep(self, n_parameters: int, context: Tensor) -> Callable[[list[Tensor]], Tensor]:
        """A function from the columns known so far to the raw parameters of the next."""


class Autoregressive(Bijection):
    """z_j = t(x_j; net_j(x_1 … x_{j−1})) for a scalar map t (Papamakarios et al. 2017).

    Data to latent is one pass of the network. Latent to data goes column by column, but each
    column computes only the hidden units and outputs that have just become computable, so
    that all columns together cost the arithmetic of about one pass.

    Parameters
    ----------
    transformer : Transformer
        The scalar map that is steered.
    net : Module with methods ``by_blocks`` and ``sweep``
        From all columns and the context, (..., d + c, n), to the transformer's raw
        parameters, those of column j free of columns j and later.
    """

    inverse_by_column = True

    def __init__(self, transformer: Transformer, net: AutoregressiveConditioner):
        super().__init__()
        self.transformer = transformer
        self.net = net

    def forward(self, x: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        columns = x.mT.contiguous()
        raw = self.net.by_blocks(with_context(columns, context), self.transformer.n_parameters)
        blocks = columns.split([block.shape[-2] for block in raw], dim=-2)
        z, log_slopes = zip(*map(self.transformer.forward, blocks, raw), strict=True)
        log_det = reduce(torch.add, (log_slope.sum(-2) for log_slope in log_slopes))
        return torch.cat(z, dim=-2).mT, log_det

    def inverse(self, z: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        columns = z.mT.contiguous()
        sweep = self.net.sweep(
            self.transformer.n_parameters, with_context(columns[..., :0, :], context)
        )
        known: list[Tensor] = []
        total = z.new_zeros(z.shape[:-1])
        for column in columns.split(1, dim=-2):
            raw = sweep(known)
            x, log_slope = self.transformer.inverse(column, raw.unsqueeze(-2))
            known.append(x)
            total = total + log_slope.squeeze(-2)
        return torch.cat(known, dim=-2).mT, total
