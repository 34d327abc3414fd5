"""Planar: a nonlinear shift that depends on one projection of the columns."""

import math

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from skflow.flows.bijections.bijection import Bijection, with_context

_IDENTITY = math.log(math.e - 1)  # softplus(_IDENTITY) = 1
_MIN_SLOPE = 1e-9  # along w


class Planar(Bijection):
    """Planar map, from data to latent variables (Rezende & Mohamed 2015, eq. 10).

    z = x + û tanh(wᵀx + b), where û is u moved along w so that
    wᵀû = softplus(wᵀu + log(e − 1)) − 1 > −1 (their appendix A.1, shifted so that u = 0 is the
    identity). Along w the map is the scalar function β ↦ β + m tanh β with m = wᵀû, which
    Newton's method inverts, from an initial value on the side from which it converges
    monotonically.

    Parameters
    ----------
    n_features : int
        The number d of columns.
    net : Module
        The conditioner: from the columns of the context, (..., c, n), to u, w and b,
        (..., 2d + 1, n or 1).
    """

    def __init__(self, n_features: int, net: nn.Module):
        super().__init__()
        self.n_features = n_features
        self.net = net

    def forward(self, x: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        columns = x.mT
        u, w, b, slope = self._parametrize(columns, context)
        tanh = ((w * columns).sum(-2, keepdim=True) + b).tanh()
        return (columns + u * tanh).mT, _log_slope(tanh, slope).squeeze(-2)

    def inverse(self, z: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        columns = z.mT
        u, w, b, slope = self._parametrize(columns, context)
        tanh = _solve((w * columns).sum(-2, keepdim=True) + b, slope).tanh()
        return (columns - u * tanh).mT, -_log_slope(tanh, slope).squeeze(-2)

    def _parametrize(self, columns: Tensor, context: Tensor | None) -> tuple[Tensor, ...]:
        """û, w, b, and the slope 1 + wᵀû of the map along w at tanh = 0."""
        d = self.n_features
        u, w, b = self.net(with_context(columns[..., :0, :], context)).split([d, d, 1], dim=-2)
        inner = (w * u).sum(-2, keepdim=True)
        slope = softplus(inner + _IDENTITY).clamp_min(_MIN_SLOPE)
        squared_norm = w.square().sum(-2, keepdim=True).clamp_min(torch.finfo(w.dtype).tiny)
        return u + (slope - 1 - inner) * w / squared_norm, w, b, slope


def _log_slope(tanh: Tensor, slope: Tensor) -> Tensor:
    """log (1 + m sech²), as a sum of positive terms so that nothing cancels."""
    squared = tanh.square()
    return (squared + (1 - squared) * slope).log()


def _solve(target: Tensor, slope: Tensor) -> Tensor:
    """β with β + m tanh β = target, m = slope − 1, differentiable in both arguments.

    The function is odd. For β ≥ 0 it is concave where m > 0, so Newton's method increases to
    the root from any point below, and convex where m < 0, so it decreases to it from any point
    above.
    """
    m, t = slope - 1, target.abs()
    with torch.no_grad():
        beta = torch.where(m > 0, _lower_bound(t, m), _upper_bound(t, m, slope))
        for _ in range(10):
            beta = _newton_step(beta, t, m, slope)
    return _newton_step(beta, t, m, slope) * target.sign()  # this step carries the gradient


def _newton_step(beta: Tensor, target: Tensor, m: Tensor, slope: Tensor) -> Tensor:
    tanh = beta.tanh()
    squared = tanh.square()
    return beta - (beta + m * tanh - target) / (squared + (1 - squared) * slope)


def _lower_bound(t: Tensor, m: Tensor) -> Tensor:
    return torch.maximum(t / (1 + m.clamp_min(0)), t - m)


def _upper_bound(t: Tensor, m: Tensor, slope: Tensor) -> Tensor:
    """The least of three bounds; the cubic one holds up to 1, where β − tanh β ≥ 0.2384 β³."""
    cubic = (t / (0.2384 * (-m).clamp_min(1e-30))).pow(1 / 3)
    cubic = torch.where(cubic <= 1, cubic, torch.inf)
    return torch.minimum(torch.minimum(t - m, t / slope), cubic)
