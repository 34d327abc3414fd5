"""The product L U x of `LULinear`, with its log-determinant."""

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from skflow.flows.matmul import add_matmul, matmul


def lu_mixing(x: Tensor, triangles: Tensor, log_diagonal: Tensor) -> tuple[Tensor, Tensor]:
    """Return L U x for every row x, and log |det L U|.

    Parameters
    ----------
    x : Tensor of shape (..., n, d)
    triangles : Tensor of shape (..., d, d)
        L below the diagonal and U above it; with the leading axes of x, or none.
    log_diagonal : Tensor of shape (..., d)
        Logarithm of the diagonal of U; that of L is one.

    Returns
    -------
    z : Tensor of shape (..., n, d)
    log_det : Tensor of shape (..., n)
    """
    return _LUMixing.apply(x, triangles, log_diagonal)


class _LUMixing(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, x: Tensor, triangles: Tensor, log_diagonal: Tensor
    ) -> tuple[Tensor, Tensor]:
        lower, upper = triangles.tril(-1), triangles.triu(1)
        upper.diagonal(dim1=-2, dim2=-1).copy_(log_diagonal).exp_()
        mixing = add_matmul(upper, lower, upper)
        ctx.save_for_backward(x, lower, upper, mixing)
        log_det = log_diagonal.sum(-1).unsqueeze(-1).expand(x.shape[:-1])
        return matmul(mixing, x.mT).mT, log_det

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, g_z: Tensor, g_log_det: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        x, lower, upper, mixing = ctx.saved_tensors
        g_mixing = matmul(g_z.mT, x).sum_to_size(lower.shape)
        g_lower = matmul(g_mixing, upper.mT)
        g_upper = add_matmul(g_mixing, lower.mT, g_mixing)
        g_log_diagonal = (g_upper * upper).diagonal(dim1=-2, dim2=-1)
        g_log_volume = g_log_det.sum(-1, keepdim=True).sum_to_size(*lower.shape[:-2], 1)
        return (
            matmul(mixing.mT, g_z.mT).mT,
            g_lower.tril_(-1).add_(g_upper.triu_(1)),
            g_log_diagonal + g_log_volume,
        )
