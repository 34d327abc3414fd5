"""Autoregressive: every column is steered by those before it."""

from collections.abc import Callable
from typing import Protocol

import torch
from torch import Tensor

from skflow.flows.bijections.bijection import Bijection, with_context
from skflow.flows.bijections.transformer import Transformer


class Sweeping(Protocol):
    """A conditioner that can also be asked column by column."""

    def __call__(self, columns: Tensor) -> Tensor:
        """Raw parameters of all columns."""

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
    net : Module with a method ``sweep``
        From all columns and the context, (..., d + c, n), to the transformer's raw
        parameters, (..., n_parameters * d, n), those of column j free of columns j and later.
    """

    inverse_by_column = True

    def __init__(self, transformer: Transformer, net: Sweeping):
        super().__init__()
        self.transformer = transformer
        self.net = net

    def forward(self, x: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        columns = x.mT.contiguous()
        raw = self.net(with_context(columns, context))
        raw = raw.unflatten(-2, (self.transformer.n_parameters, columns.shape[-2]))
        z, log_slope = self.transformer.forward(columns, raw)
        return z.mT, log_slope.sum(-2)

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
