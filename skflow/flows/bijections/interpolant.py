"""Monotone interpolation, column by column."""

import torch
from torch import Tensor

from skflow.flows.bijections.bijection import Bijection
from skflow.flows.bijections.rational_quadratic import climb, coordinate


class Interpolant(Bijection):
    """An increasing function through given knots with given slopes, straight beyond them.

    Between knots it is the rational quadratic of Gregory & Delbourgo (1982), which is smooth,
    increasing and has a closed inverse. Fixed; fitted to a column it can turn whatever
    distribution that has into a normal one.

    Parameters
    ----------
    knots, values, slopes : Tensor of shape (d, k)
        Strictly increasing knots and values, positive slopes, a row for each column.
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
        columns = _columns(x)
        inner = columns.clamp(self.knots[:, :1], self.knots[:, -1:])
        left, w, bottom, h, rise, fall = self._pieces(self.knots, inner)
        t = ((inner - left) / w).clamp(0, 1)
        up, log_slope = climb(t, h / w, h, rise, fall)
        z = bottom + up + log_slope.exp() * (columns - inner)  # straight beyond the knots
        return _rows(z, x), _rows(log_slope, x).sum(-1)

    def inverse(self, z: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        columns = _columns(z)
        inner = columns.clamp(self.values[:, :1], self.values[:, -1:])
        left, w, bottom, h, rise, fall = self._pieces(self.values, inner)
        t = coordinate(inner - bottom, h / w, h, rise, fall)
        _, log_slope = climb(t, h / w, h, rise, fall)
        x = left + t * w + (-log_slope).exp() * (columns - inner)
        return _rows(x, z), -_rows(log_slope, z).sum(-1)

    def _pieces(self, grid: Tensor, inner: Tensor) -> list[Tensor]:
        """Left and width, bottom and height, and slopes at both ends of each one's piece."""
        last = grid.shape[-1] - 2
        index = (torch.searchsorted(grid, inner, right=True) - 1).clamp(0, last)
        low = [table.gather(-1, index) for table in (self.knots, self.values, self.slopes)]
        high = [table.gather(-1, index + 1) for table in (self.knots, self.values, self.slopes)]
        return [low[0], high[0] - low[0], low[1], high[1] - low[1], low[2], high[2]]


def _columns(x: Tensor) -> Tensor:
    """(..., n, d) to (d, rows in all)."""
    return x.reshape(-1, x.shape[-1]).mT.contiguous()


def _rows(columns: Tensor, like: Tensor) -> Tensor:
    return columns.mT.reshape(like.shape)
