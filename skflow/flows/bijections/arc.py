"""Arc: from an open arc of a circle onto the real line."""

import math

import torch
from torch import Tensor

from skflow.flows.bijections.bijection import Bijection

_MAX_LATENT = 1e150  # beyond it the square would overflow float64


class Arc(Bijection):
    """u = s / (1 − s²), where s runs from −1 at `low` to 1 at `high`; applied per column, fixed.

    The domain of a column is (low, high); a column with infinite ends passes unchanged. Values
    outside the domain are treated as the nearest value inside it.

    If the density of u has the tails of a Student t with ν > 1, the density of the column falls
    to 0 at both ends, as the overlapping ends of an unrolled angle require.

    Parameters
    ----------
    low, high : Tensor of shape (d,)
        Ends of the arc; −∞ and ∞ for columns that pass unchanged.
    """

    low: Tensor
    high: Tensor

    def __init__(self, low: Tensor, high: Tensor):
        super().__init__()
        self.register_buffer("low", low)
        self.register_buffer("high", high)

    def forward(self, x: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        is_arc, center, radius = self._geometry()
        max_s = 1 - torch.finfo(x.dtype).eps
        s = ((x - center) / radius).clamp(-max_s, max_s)
        complement = (1 - s) * (1 + s)  # 1 − s²
        log_slope = (s.square() + 1).log() - 2 * complement.log() - radius.log()
        z = torch.where(is_arc, s / complement, x)
        return z, torch.where(is_arc, log_slope, 0.0).sum(-1)

    def inverse(self, z: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        is_arc, center, radius = self._geometry()
        max_u = min(_MAX_LATENT, math.sqrt(torch.finfo(z.dtype).max) / 4)
        u = z.clamp(-max_u, max_u)
        root = (2 * u).square().add(1).sqrt()
        s = 2 * u / (1 + root)
        complement = 2 / (1 + root)  # 1 − s²
        log_slope = (s.square() + 1).log() - 2 * complement.log() - radius.log()
        x = torch.where(is_arc, center + radius * s, z)
        return x, -torch.where(is_arc, log_slope, 0.0).sum(-1)

    def _geometry(self) -> tuple[Tensor, Tensor, Tensor]:
        """Which columns are arcs, and the centers and half lengths of the arcs, each (d,)."""
        is_arc = self.low.isfinite()
        center = torch.where(is_arc, (self.low + self.high) / 2, 0.0)
        return is_arc, center, torch.where(is_arc, (self.high - self.low) / 2, 1.0)
