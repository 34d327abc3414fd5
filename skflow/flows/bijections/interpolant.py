"""Interpolant: a monotone function through given knots, per column."""

import torch
from torch import Tensor

from skflow.flows.bijections.bijection import Bijection
from skflow.flows.bijections.rational_quadratic import segment_forward, segment_inverse


class Interpolant(Bijection):
    """An increasing function through given knots with given slopes, linear beyond them; fixed.

    Between knots it is the rational-quadratic interpolant of Gregory & Delbourgo (1982), which
    is smooth and increasing and has a closed-form inverse. Fitted to the distribution function
    of a column, it turns any distribution into a normal one.

    Parameters
    ----------
    knots, values, slopes : Tensor of shape (d, k)
        Strictly increasing knots and values and positive slopes, one row per column.
    """

    knots: Tensor
    values: Tensor
    slopes: Tensor

    def __init__(self, knots: Tensor, values: Tensor, slopes: Tensor):
        super().__init__()
        self.register_buffer("knots", knots)
        self.register_buffer("values", values)
        self.register_buffer("slopes", slopes)

    def forward(self, x: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        columns = _to_columns(x)
        inner = columns.clamp(self.knots[:, :1], self.knots[:, -1:])
        left, w, bottom, h, rise, fall = self._segments(self.knots, inner)
        t = ((inner - left) / w).clamp(0, 1)
        height, log_slope = segment_forward(t, h / w, h, rise, fall)
        z = bottom + height + log_slope.exp() * (columns - inner)  # linear beyond the knots
        return _to_rows(z, x), _to_rows(log_slope, x).sum(-1)

    def inverse(self, z: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        columns = _to_columns(z)
        inner = columns.clamp(self.values[:, :1], self.values[:, -1:])
        left, w, bottom, h, rise, fall = self._segments(self.values, inner)
        t = segment_inverse(inner - bottom, h / w, h, rise, fall)
        _, log_slope = segment_forward(t, h / w, h, rise, fall)
        x = left + t * w + (-log_slope).exp() * (columns - inner)
        return _to_rows(x, z), -_to_rows(log_slope, z).sum(-1)

    def _segments(self, grid: Tensor, inner: Tensor) -> list[Tensor]:
        """Left, width, bottom, height and both slopes of each value's segment, each (d, n)."""
        last = grid.shape[-1] - 2
        index = (torch.searchsorted(grid, inner, right=True) - 1).clamp(0, last)
        low = [table.gather(-1, index) for table in (self.knots, self.values, self.slopes)]
        high = [table.gather(-1, index + 1) for table in (self.knots, self.values, self.slopes)]
        return [low[0], high[0] - low[0], low[1], high[1] - low[1], low[2], high[2]]


def _to_columns(x: Tensor) -> Tensor:
    """(..., n, d) to (d, number of all rows)."""
    return x.reshape(-1, x.shape[-1]).mT.contiguous()


def _to_rows(columns: Tensor, like: Tensor) -> Tensor:
    """Undo `_to_columns`: (d, number of all rows) to the shape of `like`."""
    return columns.mT.reshape(like.shape)
