"""Radial: contraction or expansion around a point."""

import math

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from skflow.flows.bijections.bijection import Bijection, with_context

_IDENTITY = math.log(math.e - 1)  # softplus(_IDENTITY) = 1
_MIN_SLOPE = 1e-9  # s, the slope at the center


class Radial(Bijection):
    """Radial map, from data to latent variables (Rezende & Mohamed 2015, eq. 14).

    z = x + β (x − x₀) / (α + r) with r = ‖x − x₀‖, where β = α (s − 1) and s > 0, which is the
    paper's condition β > −α; s = 1 is the identity. The radius of the image is
    r (r + α s) / (r + α), so the inverse is the positive root of a quadratic equation.

    Parameters
    ----------
    n_features : int
        The number d of columns.
    net : Module
        The conditioner: from the columns of the context, (..., c, n), to x₀, log α and the raw
        s, (..., d + 2, n or 1).
    """

    def __init__(self, n_features: int, net: nn.Module):
        super().__init__()
        self.n_features = n_features
        self.net = net

    def forward(self, x: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        columns = x.mT
        center, alpha, s = self._parametrize(columns, context)
        offset = columns - center
        r = _norm(offset)
        z = center + offset * ((r + alpha * s) / (r + alpha))
        return z.mT, self._log_det(r, alpha, s)

    def inverse(self, z: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        columns = z.mT
        center, alpha, s = self._parametrize(columns, context)
        offset = columns - center
        r = _radius(_norm(offset), alpha, s)
        x = center + offset * ((r + alpha) / (r + alpha * s))
        return x.mT, -self._log_det(r, alpha, s)

    def _parametrize(self, columns: Tensor, context: Tensor | None) -> tuple[Tensor, ...]:
        """x₀, α and s."""
        raw = self.net(with_context(columns[..., :0, :], context))
        center, log_alpha, raw_s = raw.split([self.n_features, 1, 1], dim=-2)
        return (
            center,
            log_alpha.clamp(-7, 7).exp(),
            softplus(raw_s + _IDENTITY).clamp_min(_MIN_SLOPE),
        )

    def _log_det(self, r: Tensor, alpha: Tensor, s: Tensor) -> Tensor:
        tangential = (r + alpha * s).log() - (r + alpha).log()
        fraction = alpha / (r + alpha)
        radial = (r / (r + alpha) * (1 + fraction) + fraction.square() * s).log()
        return ((self.n_features - 1) * tangential + radial).squeeze(-2)


def _norm(offset: Tensor) -> Tensor:
    """‖offset‖, without overflow of its square."""
    largest = offset.detach().abs().amax(-2, keepdim=True).clamp_min(1)
    return torch.linalg.vector_norm(offset / largest, dim=-2, keepdim=True) * largest


def _radius(image: Tensor, alpha: Tensor, s: Tensor) -> Tensor:
    """The r ≥ 0 with r (r + α s) / (r + α) = image, without cancellation for either sign of b."""
    b = alpha * s - image
    root = torch.hypot(b, 2 * (alpha * image).sqrt())
    return torch.where(b > 0, 2 * alpha * image / (b.abs() + root), (root - b) / 2)
