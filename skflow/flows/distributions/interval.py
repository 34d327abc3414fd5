"""Intervals of one column, and their log-probabilities, precise in both tails.

P(low < X ≤ high) is a difference of two values of the distribution function, taken in the tail
in which both are small. Where rounding makes the ends of an interval indistinguishable, as far
outside the data, it is the density times the width instead.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, fields, replace

import numpy as np
import torch
from torch import Tensor

from skflow.flows.bijections import Bijection


@dataclass(frozen=True)
class Interval:
    """One interval for each row; every tensor has shape (n,), or shapes that broadcast.

    Parameters
    ----------
    low, high : Tensor
        The ends, finite, low ≤ high.
    open_below, open_above : Tensor of bool
        Whether the interval continues to −∞ or to ∞, past `low` or `high`.
    log_width : Tensor
        log(high − low), where rounding does not allow to compute it from the ends, too.
    """

    low: Tensor
    high: Tensor
    open_below: Tensor
    open_above: Tensor
    log_width: Tensor

    @classmethod
    def around(cls, integer: Tensor, low: Tensor, high: Tensor) -> "Interval":
        """The values that are rounded to integers (n,) and then clipped to [low, high]."""
        return cls(
            integer - 0.5,
            integer + 0.5,
            integer <= low,
            integer >= high,
            torch.zeros_like(integer),
        )

    @classmethod
    def below(cls, x: Tensor) -> "Interval":
        """(−∞, x]."""
        always = torch.ones_like(x, dtype=torch.bool)
        return cls(x - 1, x, always, ~always, torch.zeros_like(x))

    def through(self, chain: Bijection, context: Tensor | None = None) -> "Interval":
        """The image under a map of one column, which is monotone as every bijection of it."""
        low, slope_at_low = chain(self.low.unsqueeze(-1), context)
        high, slope_at_high = chain(self.high.unsqueeze(-1), context)
        return self.mapped_to(low.squeeze(-1), high.squeeze(-1), (slope_at_low, slope_at_high))

    def mapped_to(
        self, low: Tensor, high: Tensor, log_slopes: tuple[Tensor, Tensor]
    ) -> "Interval":
        """The image under a map of which both ends, and log |slope| there, are given."""
        rising = high >= low
        ends = torch.minimum(low, high), torch.maximum(low, high)
        mean_slope = torch.logaddexp(*log_slopes) - math.log(2)
        image = Interval(
            *ends,
            torch.where(rising, self.open_below, self.open_above),
            torch.where(rising, self.open_above, self.open_below),
            self.log_width + mean_slope,
        )
        width = torch.where(image.is_resolved, ends[1] - ends[0], 1.0)
        return replace(
            image, log_width=torch.where(image.is_resolved, width.log(), image.log_width)
        )

    def standardized(self, loc: Tensor, scale: Tensor) -> "Interval":
        """The image under x ↦ (x − loc) / scale for scale > 0."""
        low, high = (self.low - loc) / scale, (self.high - loc) / scale
        return replace(self, low=low, high=high, log_width=self.log_width - scale.log())

    def __getitem__(self, index: np.ndarray | Tensor | slice) -> "Interval":
        """The intervals of some rows."""
        return Interval(*(getattr(self, field.name)[index] for field in fields(self)))

    def split(self, size: int) -> list["Interval"]:
        """Blocks of at most `size` rows."""
        return [self[start : start + size] for start in range(0, len(self.low), size)]

    @property
    def middle(self) -> Tensor:
        """The mean of both ends."""
        return self.low.lerp(self.high, 0.5)

    @property
    def is_resolved(self) -> Tensor:
        """Whether half of the digits of the width survive the difference of the ends."""
        precision = math.sqrt(torch.finfo(self.low.dtype).eps)
        size = torch.maximum(self.low.abs(), self.high.abs()) + 1
        return self.high - self.low > precision * size


def log_probability(
    interval: Interval,
    log_cdf: Callable[[Tensor], Tensor],
    log_density: Callable[[Tensor], Tensor],
) -> Tensor:
    """log P(interval) under a distribution that is symmetric about 0, finite.

    Parameters
    ----------
    interval : Interval
    log_cdf, log_density : callable
        Of the distribution, for tensors of any shape.
    """
    mirrored = interval.open_above | (~interval.open_below & (interval.low + interval.high > 0))
    lower = torch.where(mirrored, -interval.high, interval.low)
    upper = torch.where(mirrored, -interval.low, interval.high)
    log_upper = log_cdf(upper)
    difference = log_upper + _log_complement(log_cdf(lower) - log_upper)
    density = log_density(interval.middle) + interval.log_width
    inside = torch.where(interval.is_resolved, difference, density)
    one_sided = torch.where(interval.open_below | interval.open_above, log_upper, inside)
    return torch.where(interval.open_below & interval.open_above, 0.0, one_sided)


def _log_complement(log_p: Tensor) -> Tensor:
    """log(1 − p), from log p < 0; with finite gradients for rows that are not used, too."""
    log_p = log_p.clamp(-1e4, -torch.finfo(log_p.dtype).tiny)
    near_zero = log_p > -math.log(2)
    of_small = (-torch.where(near_zero, log_p, -1.0).expm1()).log()
    return torch.where(near_zero, of_small, (-torch.where(near_zero, -1.0, log_p).exp()).log1p())
