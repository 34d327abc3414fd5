"""Scale: a learned factor per column."""

import torch
from torch import Tensor, nn

from skflow.flows.bijections.bijection import Bijection, for_every_row


class Scale(Bijection):
    """z = exp(s) x, the last layer of a volume-preserving flow (Dinh et al. 2015).

    Parameters
    ----------
    n_features : int
        The number d of columns.
    """

    def __init__(self, n_features: int):
        super().__init__()
        self.log_scale = nn.Parameter(torch.zeros(n_features, dtype=torch.float32))

    def forward(self, x: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        return x * self.log_scale.exp().unsqueeze(-2), for_every_row(self.log_scale.sum(-1), x)

    def inverse(self, z: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        factor = (-self.log_scale).exp().unsqueeze(-2)
        return z * factor, for_every_row(-self.log_scale.sum(-1), z)
