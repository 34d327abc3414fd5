"""Cells as the columns of one tensor, as training takes them."""

from dataclasses import dataclass

import torch
from torch import Tensor

from skflow.flows.any_order.columns import ON_CONTINUUM, Cells, Columns
from skflow.flows.distributions.interval import Interval

_MISSING = -1.0
_FAR = 1e30  # latent values in training, which is in float32


@dataclass(frozen=True)
class PackedCells:
    """Cells of all columns, tensors (..., d, n); of lattices and angles only, (..., k, n).

    Parameters
    ----------
    u, state : Tensor
        Latent values, and states as numbers; −1 for a missing cell.
    intervals : Interval or None
        Latent ends of the cells of the lattices.
    other_turn : tuple of two Tensors or None
        For the angles, u one turn away, and by how much log |du / dx| is larger there.
    """

    u: Tensor
    state: Tensor
    intervals: Interval | None
    other_turn: tuple[Tensor, Tensor] | None

    @property
    def observed(self) -> Tensor:
        """Which cells are not missing."""
        return self.state > _MISSING

    @property
    def on_continuum(self) -> Tensor:
        """Which cells are numbers."""
        return self.state == ON_CONTINUUM


def pack(cells: Cells) -> tuple[Tensor, Tensor]:
    """One row of numbers for each row of cells, (n, k), and its log-determinant, (n,)."""
    observed, columns = cells.observed, cells.columns
    u = torch.stack([_near(c.u) for c in columns], 1)
    state = torch.stack([c.state.to(u) for c in columns], 1)
    parts = [u, torch.where(observed, state, _MISSING)]
    for interval in (c.interval for c in columns if c.interval is not None):
        low = torch.where(interval.open_below, -torch.inf, _near(interval.low))
        high = torch.where(interval.open_above, torch.inf, _near(interval.high))
        parts.append(torch.stack([low, high, interval.log_width], 1))
    for c in columns:
        if c.other_turn is not None:
            parts.append(torch.stack([_near(c.other_turn[0]), c.other_turn[1] - c.log_slope], 1))
    return torch.cat(parts, 1), torch.stack([c.log_slope for c in columns], 1).sum(1)


def unpack(rows: Tensor, columns: Columns) -> PackedCells:
    """The cells that were packed, of a tensor (..., k, n)."""
    d, n_lattices, n_angles = len(columns), sum(columns.is_lattice), sum(columns.is_circular)
    u, state, ends, turns = rows.split([d, d, 3 * n_lattices, 2 * n_angles], dim=-2)
    return PackedCells(
        u,
        state,
        _intervals(ends.unflatten(-2, (n_lattices, 3))) if n_lattices else None,
        tuple(turns.unflatten(-2, (n_angles, 2)).unbind(-2)) if n_angles else None,
    )


def _near(u: Tensor) -> Tensor:
    return u.clamp(-_FAR, _FAR)


def _intervals(ends: Tensor) -> Interval:
    low, high, log_width = ends.unbind(-2)
    open_below, open_above = low.isinf(), high.isinf()
    safe_low = torch.where(open_below, torch.where(open_above, 0.0, high - 1), low)
    safe_high = torch.where(open_above, safe_low + 1, high)
    return Interval(safe_low, safe_high, open_below, open_above, log_width)
