"""Planar flows: a bend along one direction."""

import math

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from skflow.flows.bijections.bijection import Bijection, with_context

_IDENTITY = math.log(math.e - 1)  # softplus(_IDENTITY) = 1
_LEAST = 1e-9  # slope that a layer leaves at least


class Planar(Bijection):
    """z = x + û tanh(wᵀx + b), used from data to latent (Rezende & Mohamed 2015, eq. 10).

    û is u moved along w so that wᵀû = softplus(wᵀu + log(e − 1)) − 1 > −1 (their appendix
    A.1, shifted so that u = 0 is the identity). Along w the map is the scalar function
    β ↦ β + m tanh β with m = wᵀû, whose root Newton's method finds from a start on the side
    from which it converges monotonically.

    Parameters
    ----------
    n_features : int
        The number d of columns.
    net : Module
        Gives u, w and b, (..., 2d + 1, n or 1), from the context's columns.
    """

    def __init__(self, n_features: int, net: nn.Module):
        super().__init__()
        self.n_features = n_features
        self.net = net

    def forward(self, x: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        columns = x.mT
        u, w, b, slack = self._parametrize(columns, context)
        bend = ((w * columns).sum(-2, keepdim=True) + b).tanh()
        return (columns + u * bend).mT, _log_slope(bend, slack).squeeze(-2)

    def inverse(self, z: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        columns = z.mT
        u, w, b, slack = self._parametrize(columns, context)
        bend = _solve((w * columns).sum(-2, keepdim=True) + b, slack).tanh()
        return (columns - u * bend).mT, -_log_slope(bend, slack).squeeze(-2)

    def _parametrize(self, columns: Tensor, context: Tensor | None) -> tuple[Tensor, ...]:
        d = self.n_features
        u, w, b = self.net(with_context(columns[..., :0, :], context)).split([d, d, 1], dim=-2)
        along = (w * u).sum(-2, keepdim=True)
        slack = softplus(along + _IDENTITY).clamp_min(_LEAST)  # 1 + wᵀû, positive
        norm = w.square().sum(-2, keepdim=True).clamp_min(torch.finfo(w.dtype).tiny)
        return u + (slack - 1 - along) * w / norm, w, b, slack


def _log_slope(bend: Tensor, slack: Tensor) -> Tensor:
    """log (1 + m sech²), as a sum of positive terms so that nothing cancels."""
    squared = bend.square()
    return (squared + (1 - squared) * slack).log()


def _solve(target: Tensor, slack: Tensor) -> Tensor:
    """β with β + m tanh β = target, m = slack − 1, differentiable in both arguments.

    The function is odd; for β ≥ 0 it is concave where m > 0, so Newton's method climbs from
    any point below the root, and convex where m < 0, so it descends from any point above.
    """
    m, t = slack - 1, target.abs()
    with torch.no_grad():
        beta = torch.where(m > 0, _below(t, m), _above(t, m, slack))
        for _ in range(10):
            beta = _newton(beta, t, m, slack)
    return _newton(beta, t, m, slack) * target.sign()  # this last step carries the gradient


def _newton(beta: Tensor, target: Tensor, m: Tensor, slack: Tensor) -> Tensor:
    bend = beta.tanh()
    squared = bend.square()
    return beta - (beta + m * bend - target) / (squared + (1 - squared) * slack)


def _below(t: Tensor, m: Tensor) -> Tensor:
    return torch.maximum(t / (1 + m.clamp_min(0)), t - m)


def _above(t: Tensor, m: Tensor, slack: Tensor) -> Tensor:
    """Three upper bounds; the cubic one holds up to 1, as β − tanh β ≥ 0.2384 β³ there."""
    cubic = (t / (0.2384 * (-m).clamp_min(1e-30))).pow(1 / 3)
    cubic = torch.where(cubic <= 1, cubic, torch.inf)
    return torch.minimum(torch.minimum(t - m, t / slack), cubic)
