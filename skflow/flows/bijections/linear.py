"""Learned linear mixing of the columns."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from skflow.flows.bijections.bijection import Bijection, for_every_row
from skflow.flows.nets.matmul import add_matmul, matmul


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
        log_diagonal = self._log_diagonal()
        return _Mix.apply(x, self.triangles, log_diagonal)

    def inverse(self, z: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        lower, upper = self.triangles.tril(-1), self.triangles.triu(1)
        upper = upper + torch.diag_embed(self._log_diagonal().exp())
        unit = torch.eye(lower.shape[-1], dtype=lower.dtype, device=lower.device)
        # once for all rows: solving for each of them would copy them twice
        half = torch.linalg.solve_triangular(lower, unit, upper=False, unitriangular=True)
        unmixing = torch.linalg.solve_triangular(upper, half, upper=True)
        return matmul(unmixing, z.mT).mT, for_every_row(-self._log_diagonal().sum(-1), z)

    def _log_diagonal(self) -> Tensor:
        if self.log_diagonal is None:
            return self.triangles.new_zeros(self.triangles.shape[:-1])
        return self.log_diagonal


class _Mix(torch.autograd.Function):
    """L U x, its gradients in closed form: on small matrices autograd's notes cost the most."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, triangles: Tensor, log_diagonal: Tensor
    ) -> tuple[Tensor, Tensor]:
        lower, upper = triangles.tril(-1), triangles.triu(1)
        upper.diagonal(dim1=-2, dim2=-1).copy_(log_diagonal).exp_()
        mixing = add_matmul(upper, lower, upper)
        ctx.save_for_backward(x, lower, upper, mixing)
        return matmul(mixing, x.mT).mT, for_every_row(log_diagonal.sum(-1), x)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, g_z: Tensor, g_log_det: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        x, lower, upper, mixing = ctx.saved_tensors
        gradient = matmul(g_z.mT, x).sum_to_size(lower.shape)
        g_lower = matmul(gradient, upper.mT)
        g_upper = add_matmul(gradient, lower.mT, gradient)
        g_log_diagonal = (g_upper * upper).diagonal(dim1=-2, dim2=-1)
        of_volume = g_log_det.sum(-1, keepdim=True).sum_to_size(*lower.shape[:-2], 1)
        return (
            matmul(mixing.mT, g_z.mT).mT,
            g_lower.tril_(-1).add_(g_upper.triu_(1)),
            g_log_diagonal + of_volume,
        )
