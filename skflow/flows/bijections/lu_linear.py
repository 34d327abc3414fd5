"""LULinear: a learned linear mixing of the columns."""

import torch
from torch import Tensor, nn

from skflow.flows.bijections.bijection import Bijection, for_every_row
from skflow.flows.fused import lu_mixing
from skflow.flows.matmul import add_matmul, matmul


class LULinear(Bijection):
    """Learned linear map by triangular factors, initially the identity.

    z = L U x with unit lower triangular L and upper triangular U. The log-determinant is the
    sum of the log-diagonal of U, and the inverse takes two triangular solves (Kingma & Dhariwal
    2018, section 3.2; Oliva et al. 2018).

    Parameters
    ----------
    n_features : int
        The number d of columns.
    volume_preserving : bool, default=False
        Whether the diagonal of U is fixed at one.
    fused : bool, default=True
        Whether `forward` takes its gradient from `skflow.flows.fused`. It is then faster, but
        has no second derivative and does not run under the transforms of ``torch.func``. Values
        are the same to the last bit.
    """

    def __init__(self, n_features: int, volume_preserving: bool = False, fused: bool = True):
        super().__init__()
        self.triangles = nn.Parameter(torch.zeros(n_features, n_features, dtype=torch.float32))
        self.log_diagonal = (
            None
            if volume_preserving
            else nn.Parameter(torch.zeros(n_features, dtype=torch.float32))
        )
        self.fused = fused

    def forward(self, x: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        log_diagonal = self._log_diagonal()
        if self.fused:
            return lu_mixing(x, self.triangles, log_diagonal)
        lower, upper = self._factors()
        mixing = add_matmul(upper, lower, upper)  # (1 + lower) upper
        return matmul(mixing, x.mT).mT, for_every_row(log_diagonal.sum(-1), x)

    def inverse(self, z: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        lower, upper = self._factors()
        identity = torch.eye(lower.shape[-1], dtype=lower.dtype, device=lower.device)
        # the inverse matrix, as solving for all rows would copy them twice
        half = torch.linalg.solve_triangular(lower, identity, upper=False, unitriangular=True)
        unmixing = torch.linalg.solve_triangular(upper, half, upper=True)
        return matmul(unmixing, z.mT).mT, for_every_row(-self._log_diagonal().sum(-1), z)

    def _factors(self) -> tuple[Tensor, Tensor]:
        """L without its unit diagonal, and U, each (..., d, d)."""
        lower, upper = self.triangles.tril(-1), self.triangles.triu(1)
        return lower, upper + torch.diag_embed(self._log_diagonal().exp())

    def _log_diagonal(self) -> Tensor:
        if self.log_diagonal is None:
            return self.triangles.new_zeros(self.triangles.shape[:-1])
        return self.log_diagonal
