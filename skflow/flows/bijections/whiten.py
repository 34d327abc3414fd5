"""Whiten: remove location and correlation."""

import torch
from torch import Tensor

from skflow.flows.bijections.bijection import Bijection, for_every_row


class Whiten(Bijection):
    """z = L⁻¹ (x − loc) for a scatter matrix L Lᵀ with lower triangular L; fixed.

    The triangular factor preserves the order of the columns: z_j depends on x_1 … x_j only, so
    a subsequent autoregressive layer still conditions each column on those before it.

    Parameters
    ----------
    loc : Tensor of shape (d,)
    factor : Tensor of shape (d, d)
        Lower triangular L.
    """

    loc: Tensor
    factor: Tensor

    def __init__(self, loc: Tensor, factor: Tensor):
        super().__init__()
        self.register_buffer("loc", loc)
        self.register_buffer("factor", factor)

    def forward(self, x: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        z = torch.linalg.solve_triangular(self.factor, (x - self.loc).mT, upper=False).mT
        return z, for_every_row(-self._log_diagonal(), x)

    def inverse(self, z: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        x = (self.factor @ z.mT).mT + self.loc
        return x, for_every_row(self._log_diagonal(), z)

    def _log_diagonal(self) -> Tensor:
        return self.factor.diagonal(dim1=-2, dim2=-1).log().sum(-1)
