"""Coupling: some columns steer the others."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from skflow.flows.bijections.bijection import Bijection, with_context
from skflow.flows.bijections.transformer import Transformer

ScalarMap = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]


class Coupling(Bijection):
    """The first columns pass unchanged and steer a scalar map of the rest (Dinh et al. 2015).

    Parameters
    ----------
    transformer : Transformer
        The scalar map that is steered.
    net : Module
        From the steering columns and the context, (..., k + c, n), to the transformer's raw
        parameters, (..., n_parameters * (d − k), n).
    n_steering : int
        The number k of steering columns. With none, for d = 1, the map is elementwise.
    from_end : bool
        Whether the last k columns steer instead of the first.
    """

    def __init__(
        self, transformer: Transformer, net: nn.Module, n_steering: int, from_end: bool = False
    ):
        super().__init__()
        self.transformer = transformer
        self.net = net
        self.n_steering = n_steering
        self.from_end = from_end

    def forward(self, x: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        return self._couple(self.transformer.forward, x, context)

    def inverse(self, z: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        return self._couple(self.transformer.inverse, z, context)

    def _couple(
        self, scalar_map: ScalarMap, x: Tensor, context: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        steering, moved = self._split(x.mT.contiguous())
        raw = self.net(with_context(steering, context))
        raw = raw.unflatten(-2, (self.transformer.n_parameters, moved.shape[-2]))
        moved, log_slope = scalar_map(moved, raw)
        parts = [moved, steering] if self.from_end else [steering, moved]
        return torch.cat(parts, dim=-2).mT, log_slope.sum(-2)

    def _split(self, columns: Tensor) -> tuple[Tensor, Tensor]:
        k, d = self.n_steering, columns.shape[-2]
        if self.from_end:
            moved, steering = columns.split([d - k, k], dim=-2)
        else:
            steering, moved = columns.split([k, d - k], dim=-2)
        return steering, moved
