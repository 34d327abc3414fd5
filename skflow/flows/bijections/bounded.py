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
    becomes a Student t with two degrees of freedom. On a half-line the map is linear beyond
    `far`, so that tails are those of the column and not of a power of it.

    Parameters
    ----------
    low, high : Tensor of shape (d,)
        Bounds, −∞ and ∞ where there are none; low < high.
    center, scale : Tensor of shape (d,)
        Location and width of the interval of u in which the map is roughly linear in u.
    far : Tensor of shape (d,), optional
        Values of half-lines beyond which, away from the bound, the map is linear; by default
        nowhere, as for infinite values.
    """

    low: Tensor
    high: Tensor
    center: Tensor
    scale: Tensor
    far: Tensor

    def __init__(
        self,
        low: Tensor,
        high: Tensor,
        center: Tensor,
        scale: Tensor,
        far: Tensor | None = None,
    ):
        super().__init__()
        self.register_buffer("low", low)
        self.register_buffer("high", high)
        self.register_buffer("center", center)
        self.register_buffer("scale", scale)
        self.register_buffer("far", torch.full_like(low, torch.inf) if far is None else far)

    @classmethod
    def fit(
        cls,
        low: Tensor,
        high: Tensor,
        x: Tensor,
        weights: Tensor,
        tails: tuple[Tensor, Tensor] | None = None,
    ) -> "Bounded":
        """Center at the median of u; scale u by its interquartile range, if that is wide.

        Parameters
        ----------
        low, high : Tensor of shape (d,)
        x : Tensor of shape (n, d)
        weights : Tensor of shape (n,)
        tails : tuple of two Tensors of shape (d,), optional
            Where the lower and the upper tails of the columns begin, in which the map is linear
            on half-lines.

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
        far = None if tails is None else torch.where(low.isfinite(), tails[1], tails[0])
        return cls(low, high, quartiles[1], scale, far)

    def forward(self, x: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        far, _, far_slope = self._linear()
        inner = self._before(x, far)
        z, log_slope = self._curved(inner)
        is_bounded = self._is_bounded()
        z = torch.where(is_bounded, z + far_slope * (x - inner), x)
        return z, torch.where(is_bounded, log_slope, 0.0).sum(-1)

    def inverse(self, z: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        _, far_z, far_slope = self._linear()
        inner = self._before(z, far_z)
        x, log_slope = self._curved_inverse(inner)
        x = x + (z - inner) / far_slope
        min_x, max_x = self._limits(x)
        is_bounded = self._is_bounded()
        x = torch.where(is_bounded, torch.maximum(torch.minimum(x, max_x), min_x), z)
        return x, torch.where(is_bounded, log_slope, 0.0).sum(-1)

    def _curved(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """The map without linear tails, and the logarithm of its slope."""
        u, log_slope = self._log_ratio(x)
        half = (u - self.center) / (2 * self.scale)
        half = half.clamp(-_MAX_SINH_ARGUMENT, _MAX_SINH_ARGUMENT)
        return 2 * half.sinh(), log_slope + half.cosh().log() - self.scale.log()

    def _curved_inverse(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """The inverse of `_curved`, and the logarithm of its slope."""
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
        log_slope = (
            log_above_low + log_below_high - log_width - half.cosh().log() + self.scale.log()
        )
        return x, log_slope

    def _linear(self) -> tuple[Tensor, Tensor, Tensor]:
        """Where the map becomes linear in x and in z, ±∞ if nowhere, and its slope there."""
        is_linear = (self.low.isfinite() != self.high.isfinite()) & self.far.isfinite()
        nowhere = torch.where(self.low.isfinite(), torch.inf, -torch.inf).to(self.far)
        inside = torch.where(self.low.isfinite(), self.low + 1, self.high - 1)
        z, log_slope = self._curved(torch.where(is_linear, self.far, inside))
        far, far_z = (torch.where(is_linear, end, nowhere) for end in (self.far, z))
        return far, far_z, torch.where(is_linear, log_slope, 0.0).exp()

    def _before(self, x: Tensor, far: Tensor) -> Tensor:
        """x, or `far` in its place where x is farther from the bound."""
        is_up = self.low.isfinite() & ~self.high.isfinite()
        is_down = self.high.isfinite() & ~self.low.isfinite()
        inner = torch.where(is_up, torch.minimum(x, far), x)
        return torch.where(is_down, torch.maximum(inner, far), inner)

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
