"""From bounded columns to real ones."""

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

from skflow.flows.bijections.bijection import Bijection

_FARTHEST = 600.0  # argument of the hyperbolic sine that float64 bears, squared too
_IQR = 2.197  # of the standard logistic distribution


class Bounded(Bijection):
    """z = 2 sinh((u − centre) / 2 scale), u = log(x − low) − log(high − x); a fixed map.

    Column by column from (low, high) onto ℝ. A bound that is infinite drops its logarithm, so
    that half-lines go through a logarithm; a column without bounds stays as it is. Behind a
    logarithm alone, the polynomial tails of a t would be spikes at the bounds. Behind this map
    they are tails of x as well, and a uniform column is a t with two degrees of freedom.

    Total: values at a bound or beyond it are read as the nearest ones within, and images of
    the inverse lie within.

    Parameters
    ----------
    low, high : Tensor of shape (d,)
        Bounds, −∞ and ∞ where there are none; low < high.
    centre, scale : Tensor of shape (d,)
        Where u is about straight, and how wide that is.
    """

    low: Tensor
    high: Tensor
    centre: Tensor
    scale: Tensor

    def __init__(self, low: Tensor, high: Tensor, centre: Tensor, scale: Tensor):
        super().__init__()
        self.register_buffer("low", low)
        self.register_buffer("high", high)
        self.register_buffer("centre", centre)
        self.register_buffer("scale", scale)

    @classmethod
    def fit(cls, low: Tensor, high: Tensor, x: Tensor, weights: Tensor) -> "Bounded":
        """Centred at the median of u, and as wide as a logistic column's u at least."""
        plain = cls(low, high, torch.zeros_like(low), torch.ones_like(low))
        u = plain._logarithms(x)[0]
        by_size = u.argsort(dim=0)
        share = weights[by_size].cumsum(0) / weights.sum()
        quartiles = [
            u.gather(0, by_size.gather(0, (share < level).sum(0, keepdim=True))).squeeze(0)
            for level in (0.25, 0.5, 0.75)
        ]
        scale = ((quartiles[2] - quartiles[0]) / _IQR).clamp_min(1)
        return cls(low, high, quartiles[1], scale)

    def forward(self, x: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        u, log_slope = self._logarithms(x)
        half = ((u - self.centre) / (2 * self.scale)).clamp(-_FARTHEST, _FARTHEST)
        log_slope = log_slope + half.cosh().log() - self.scale.log()
        bounded = self._bounded()
        z = torch.where(bounded, 2 * half.sinh(), x)
        return z, torch.where(bounded, log_slope, 0.0).sum(-1)

    def inverse(self, z: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        below, above = self.low.isfinite(), self.high.isfinite()
        half = (z / 2).asinh()
        u = self.centre + 2 * self.scale * half
        both, log_width = below & above, self._log_width()
        up = torch.where(both, log_width + logsigmoid(u), torch.where(below, u, 0.0))
        down = torch.where(both, log_width + logsigmoid(-u), torch.where(above, -u, 0.0))
        from_low = below & ~(above & (u > 0))  # the nearer end rounds less
        x = torch.where(from_low, self.low + up.exp(), self.high - down.exp())
        least, most = self._innermost(x)
        log_slope = up + down - log_width - half.cosh().log() + self.scale.log()
        bounded = self._bounded()
        x = torch.where(bounded, torch.maximum(torch.minimum(x, most), least), z)
        return x, torch.where(bounded, log_slope, 0.0).sum(-1)

    def _logarithms(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """u, and the logarithm of its slope, 0 where there is no bound."""
        tiny = torch.finfo(x.dtype).tiny
        up = torch.where(self.low.isfinite(), x - self.low, 1.0).clamp_min(tiny).log()
        down = torch.where(self.high.isfinite(), self.high - x, 1.0).clamp_min(tiny).log()
        return up - down, self._log_width() - up - down

    def _bounded(self) -> Tensor:
        return self.low.isfinite() | self.high.isfinite()

    def _log_width(self) -> Tensor:
        width = self.high - self.low
        return torch.where(width.isfinite(), width, 1.0).log()

    def _innermost(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """The least and the largest value within the bounds."""
        largest = torch.finfo(x.dtype).max
        low, high = self.low.clamp_min(-largest), self.high.clamp_max(largest)
        return torch.nextafter(low, high), torch.nextafter(high, low)
