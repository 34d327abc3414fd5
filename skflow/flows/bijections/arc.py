"""From an arc of the circle to a real column."""

import torch
from torch import Tensor

from skflow.flows.bijections.bijection import Bijection


class Arc(Bijection):
    """u = s / (1 − s²) for s from −1 at `low` to 1 at `high`, column by column; a fixed map.

    A density of u whose tails fall as those of a t with ν > 1 becomes one that falls to 0 at
    both ends: what a circle needs where its unrolled turns fade into each other. A column
    without finite ends stays as it is. Values beyond the ends are read as the nearest within.

    Parameters
    ----------
    low, high : Tensor of shape (d,)
        Ends of the arc, −∞ and ∞ for a column that is none.
    """

    low: Tensor
    high: Tensor

    def __init__(self, low: Tensor, high: Tensor):
        super().__init__()
        self.register_buffer("low", low)
        self.register_buffer("high", high)

    def forward(self, x: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        arc, middle, radius = self._circle()
        most = 1 - torch.finfo(x.dtype).eps
        s = ((x - middle) / radius).clamp(-most, most)
        rest = (1 - s) * (1 + s)
        log_slope = (s.square() + 1).log() - 2 * rest.log() - radius.log()
        return torch.where(arc, s / rest, x), torch.where(arc, log_slope, 0.0).sum(-1)

    def inverse(self, z: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        arc, middle, radius = self._circle()
        u = z.clamp(-1e150, 1e150)
        root = (2 * u).square().add(1).sqrt()
        s = 2 * u / (1 + root)
        rest = 2 / (1 + root)  # 1 − s²
        log_slope = (s.square() + 1).log() - 2 * rest.log() - radius.log()
        return (
            torch.where(arc, middle + radius * s, z),
            -torch.where(arc, log_slope, 0.0).sum(-1),
        )

    def _circle(self) -> tuple[Tensor, Tensor, Tensor]:
        """Which columns are arcs, their middles and half their lengths."""
        arc = self.low.isfinite()
        middle = torch.where(arc, (self.low + self.high) / 2, 0.0)
        return arc, middle, torch.where(arc, (self.high - self.low) / 2, 1.0)
