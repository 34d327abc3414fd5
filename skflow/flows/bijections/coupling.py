"""Coupling: the map of some columns is conditioned on the others."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from skflow.flows.bijections.bijection import Bijection, with_context
from skflow.flows.bijections.transformer import Transformer

ScalarMap = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]


class Coupling(Bijection):
    """A scalar map of some columns, conditioned on the others (Dinh et al. 2015).

    The first k columns pass unchanged, and a network computes from them the parameters of a
    scalar map of the remaining d − k columns.

    Parameters
    ----------
    transformer : Transformer
        The scalar map.
    net : Module
        The conditioner: from the k unchanged columns and the context, (..., k + c, n), to the
        raw parameters of the transformer, (..., n_parameters * (d − k), n).
    n_conditioning : int
        The number k of columns that pass unchanged. With 0, for d = 1, the map does not depend
        on other columns.
    from_end : bool, default=False
        Whether the last k columns pass unchanged instead of the first.
    """

    def __init__(
        self,
        transformer: Transformer,
        net: nn.Module,
        n_conditioning: int,
        from_end: bool = False,
    ):
        super().__init__()
        self.transformer = transformer
        self.net = net
        self.n_conditioning = n_conditioning
        self.from_end = from_end

    def forward(self, x: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        return self._apply_map(self.transformer.forward, x, context)

    def inverse(self, z: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        return self._apply_map(self.transformer.inverse, z, context)

    def _apply_map(
        self, scalar_map: ScalarMap, x: Tensor, context: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        conditioning, mapped = self._split(x.mT.contiguous())
        raw = self.net(with_context(conditioning, context))
        raw = raw.unflatten(-2, (self.transformer.n_parameters, mapped.shape[-2]))
        mapped, log_slope = scalar_map(mapped, raw)
        columns = [mapped, conditioning] if self.from_end else [conditioning, mapped]
        return torch.cat(columns, dim=-2).mT, log_slope.sum(-2)

    def _split(self, columns: Tensor) -> tuple[Tensor, Tensor]:
        """The columns that pass unchanged, (..., k, n), and the others, (..., d − k, n)."""
        k, d = self.n_conditioning, columns.shape[-2]
        if self.from_end:
            mapped, conditioning = columns.split([d - k, k], dim=-2)
        else:
            conditioning, mapped = columns.split([k, d - k], dim=-2)
        return conditioning, mapped
