"""Chain: a composition of bijections."""

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor, nn

from skflow.flows.bijections.bijection import Bijection


class Chain(Bijection):
    """Composition f = f_K ∘ … ∘ f_1, whose log-determinant is the sum of theirs.

    Parameters
    ----------
    bijections : iterable of Bijection
        The bijections f_1 to f_K, in the order from data to latent variables. Without any, the
        chain is the identity.
    """

    bijections: Sequence[Bijection]

    def __init__(self, bijections: Iterable[Bijection] = ()):
        super().__init__()
        self.bijections = nn.ModuleList(bijections)  # type: ignore[assignment]

    def forward(self, x: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        log_dets = [x.new_zeros(x.shape[:-1])]
        for bijection in self.bijections:
            x, log_det = bijection(x, context)
            log_dets.append(log_det)
        return x, torch.stack(log_dets).sum(0)

    def inverse(self, z: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        log_dets = [z.new_zeros(z.shape[:-1])]
        for bijection in reversed(self.bijections):
            z, log_det = bijection.inverse(z, context)
            log_dets.append(log_det)
        return z, torch.stack(log_dets).sum(0)
