"""Bounded: from bounded columns onto the real line."""

import math

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

from skflow.flows.bijections.bijection import Bijection

_MAX_SINH_ARGUMENT = 600.0  # the square of the hyperbolic sine is still finite in float64
_LOGISTIC_IQR = 2.197  # interquartile range of the standard logistic distribution


class Bounded(Bijection):
    """z = 2 sinh((u − center) / 2 scale), u = log(x − low) − log(high − x); per column, fixed.

    The domain of a column is (low, high). The logarithm of an infinite bound is dropped, so
    that a half-line is mapped by a logarithm; a column without bounds passes unchanged. Values
    at a bound or beyond it are treated as the nearest value inside the domain, and images of
    the inverse lie inside it.

    With the logarithms alone, the polynomial tails of a Student t would become spikes at the
    bounds. Followed by the hyperbolic sine, they remain tails of x, and a uniform column
    becomes a Student t with two degrees of freedom.

    Parameters
    ----------
    low, high : Tensor of shape (d,)
        Bounds, −∞ and ∞ where there are none; low < high.
    center, scale : Tensor of shape (d,)
        Location and width of the interval of u in which the map is roughly linear in u.
    """

    low: Tensor
    high: Tensor
    center: Tensor
    scale: Tensor

    def __init__(self, low: Tensor, high: Tensor, center: Tensor, scale: Tensor):
        super().__init__()
        self.register_buffer("low", low)
        self.register_buffer("high", high)
        self.register_buffer("center", center)
        self.register_buffer("scale", scale)

    @classmethod
    def fit(cls, low: Tensor, high: Tensor, x: Tensor, weights: Tensor) -> "Bounded":
        """Center at the median of u; scale u by its interquartile range, if that is wide.

        Parameters
        ----------
        low, high : Tensor of shape (d,)
        x : Tensor of shape (n, d)
        weights : Tensor of shape (n,)

        Returns
        -------
        Bounded
            With scale ≥ 1, the scale for which the interquartile range is that of a standard
            logistic distribution.
        """
        unscaled = cls(low, high, torch.zeros_like(low), torch.ones_like(low))
        u = unscaled._log_ratio(x)[0]
        order = u.argsort(dim=0)
        cumulative = weights[order].cumsum(0) / weights.sum()
        quartiles = [
            u.gather(0, order.gather(0, (cumulative < level).sum(0, keepdim=True))).squeeze(0)
            for level in (0.25, 0.5, 0.75)
        ]
        scale = ((quartiles[2] - quartiles[0]) / _LOGISTIC_IQR).clamp_min(1)
        return cls(low, high, quartiles[1], scale)

    def forward(self, x: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        u, log_slope = self._log_ratio(x)
        half = (u - self.center) / (2 * self.scale)
        half = half.clamp(-_MAX_SINH_ARGUMENT, _MAX_SINH_ARGUMENT)
        log_slope = log_slope + half.cosh().log() - self.scale.log()
        is_bounded = self._is_bounded()
        z = torch.where(is_bounded, 2 * half.sinh(), x)
        return z, torch.where(is_bounded, log_slope, 0.0).sum(-1)

    def inverse(self, z: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        has_low, has_high = self.low.isfinite(), self.high.isfinite()
        half = (z / 2).asinh()
        u = self.center + 2 * self.scale * half
        both, log_width = has_low & has_high, self._log_width()
        log_above_low = torch.where(both, log_width + logsigmoid(u), torch.where(has_low, u, 0.0))
        log_below_high = torch.where(
            both, log_width + logsigmoid(-u), torch.where(has_high, -u, 0.0)
        )
        from_low = has_low & ~(has_high & (u > 0))  # rounding is smaller from the nearer bound
        max_log = math.log(torch.finfo(z.dtype).max)
        above_low = log_above_low.clamp_max(max_log).exp()
        below_high = log_below_high.clamp_max(max_log).exp()
        x = torch.where(from_low, self.low + above_low, self.high - below_high)
        min_x, max_x = self._limits(x)
        log_slope = (
            log_above_low + log_below_high - log_width - half.cosh().log() + self.scale.log()
        )
        is_bounded = self._is_bounded()
        x = torch.where(is_bounded, torch.maximum(torch.minimum(x, max_x), min_x), z)
        return x, torch.where(is_bounded, log_slope, 0.0).sum(-1)

    def _log_ratio(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """u, and the log of its slope, both (..., n, d); 0 where there is no bound."""
        tiny = torch.finfo(x.dtype).tiny
        log_above_low = torch.where(self.low.isfinite(), x - self.low, 1.0).clamp_min(tiny).log()
        log_below_high = torch.where(self.high.isfinite(), self.high - x, 1.0)
        log_below_high = log_below_high.clamp_min(tiny).log()
        log_slope = self._log_width() - log_above_low - log_below_high
        return log_above_low - log_below_high, log_slope

    def _is_bounded(self) -> Tensor:
        return self.low.isfinite() | self.high.isfinite()

    def _log_width(self) -> Tensor:
        width = self.high - self.low
        return torch.where(width.isfinite(), width, 1.0).log()

    def _limits(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """The smallest and the largest floating-point number inside the bounds, each (d,)."""
        largest = torch.finfo(x.dtype).max
        low, high = self.low.clamp_min(-largest), self.high.clamp_max(largest)
        return torch.nextafter(low, high), torch.nextafter(high, low)
