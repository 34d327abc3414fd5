"""Learned linear mixing of the columns."""

import torch
from torch import Tensor, nn

from skflow.flows.bijections.bijection import Bijection, for_every_row


class LULinear(Bijection):
    """z = L U x with unit-diagonal lower L and upper U, starting at the identity.

    The log-determinant is the sum of the log-diagonal of U, and the inverse two triangular
    solves (Kingma & Dhariwal 2018, section 3.2; Oliva et al. 2018). With
    ``volume_preserving`` the diagonal of U is one.
    """

    def __init__(self, n_features: int, volume_preserving: bool = False):
        super().__init__()
        self.triangles = nn.Parameter(torch.zeros(n_features, n_features))
        self.log_diagonal = None if volume_preserving else nn.Parameter(torch.zeros(n_features))

    def forward(self, x: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        lower, upper = self._factors()
        return ((lower @ upper) @ x.mT).mT, for_every_row(self._log_det(), x)

    def inverse(self, z: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        lower, upper = self._factors()
        half = torch.linalg.solve_triangular(lower, z.mT, upper=False, unitriangular=True)
        x = torch.linalg.solve_triangular(upper, half, upper=True).mT
        return x, for_every_row(-self._log_det(), z)

    def _factors(self) -> tuple[Tensor, Tensor]:
        identity = torch.eye(
            self.triangles.shape[-1], dtype=self.triangles.dtype, device=self.triangles.device
        )
        lower, upper = self.triangles.tril(-1) + identity, self.triangles.triu(1)
        if self.log_diagonal is None:
            return lower, upper + identity
        return lower, upper + torch.diag_embed(self.log_diagonal.exp())

    def _log_det(self) -> Tensor:
        if self.log_diagonal is None:
            return self.triangles.new_zeros(self.triangles.shape[:-2])
        return self.log_diagonal.sum(-1)
