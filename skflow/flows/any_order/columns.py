"""Columns as users declare them: which values are atoms, lattices or angles, and their cells.

A cell is a row's value in one column. It is missing, in one of the column's states (an atom or
a category), or on the continuum: a number, a point of a lattice, or an angle. The measure is
counting on states and lattices, and Lebesgue's elsewhere.
"""

from dataclasses import dataclass, fields
from functools import cached_property

import torch
from torch import Tensor, nn

from skflow.data.lattice import Lattice
from skflow.flows.any_order.links import Links, column_of
from skflow.flows.distributions.interval import Interval

ON_CONTINUUM = 0  # the state of a cell that is in none of the atoms, which are 1, 2, …
SOFT = 0.5  # fraction of a period over which the ends of an unrolled angle overlap
_ON_LATTICE = 1e-6  # steps by which a value may miss its lattice


@dataclass(frozen=True)
class ColumnCells:
    """The cells of one column, tensors (n,).

    Parameters
    ----------
    state : Tensor of int
        `ON_CONTINUUM` or the number of an atom, from 1; of a missing cell `ON_CONTINUUM`.
    u : Tensor
        The latent value of a cell on the continuum, 0 elsewhere.
    log_slope : Tensor
        log |du / dx|; 0 on a lattice, whose values have probabilities.
    interval : Interval, optional
        The latent ends of the cells of a lattice.
    other_turn : tuple of two Tensors, optional
        For angles, u and log_slope one turn away; −∞ where that is outside the domain.
    """

    state: Tensor
    u: Tensor
    log_slope: Tensor
    interval: Interval | None = None
    other_turn: tuple[Tensor, Tensor] | None = None


@dataclass(frozen=True)
class Cells:
    """The cells of n rows: which are observed, (n, d), and what each column's cells are."""

    observed: Tensor
    columns: tuple[ColumnCells, ...]

    @cached_property
    def on_continuum(self) -> Tensor:
        """Observed cells that are numbers, (n, d)."""
        states = torch.stack([column.state for column in self.columns], dim=1)
        return self.observed & (states == ON_CONTINUUM)


@dataclass(frozen=True)
class ColumnFields:
    """The buffers of `Columns`, each (d,) but `levels`.

    Parameters
    ----------
    levels : Tensor of shape (d, n_levels)
        Atoms or categories in ascending order, padded with NaN.
    continuous : Tensor
        1 for columns with a continuum, 0 for categories.
    low, high : Tensor
        Ends of the continuum, ±∞ where there are none.
    step, origin : Tensor
        Of a lattice; a step of 0 for all other columns.
    period, cut_point, turn : Tensor
        Of angles: the period, where the unrolled turn begins, and where the turn begins that
        they are given in; an infinite period for all other columns.
    """

    levels: Tensor
    continuous: Tensor
    low: Tensor
    high: Tensor
    step: Tensor
    origin: Tensor
    period: Tensor
    cut_point: Tensor
    turn: Tensor


class Columns(nn.Module):
    """What every column consists of; takes rows apart into cells, and makes values of draws.

    Parameters
    ----------
    **fields : Tensor
        The fields of `ColumnFields`.
    """

    levels: Tensor
    continuous: Tensor
    low: Tensor
    high: Tensor
    step: Tensor
    origin: Tensor
    period: Tensor
    cut_point: Tensor
    turn: Tensor
    _integers: Tensor  # (3, d): start and step of the lattices, times the third row

    def __init__(self, **column_fields: Tensor):
        super().__init__()
        for field in fields(ColumnFields):
            self.register_buffer(field.name, column_fields[field.name])
        lattices = zip(self.step.tolist(), self.origin.tolist(), strict=True)
        integers = [Lattice(step, origin).integers for step, origin in lattices]
        self.register_buffer("_integers", torch.tensor(integers).to(self.step).T, persistent=False)
        n_atoms = self.levels.isfinite().sum(1)
        self.n_atoms: list[int] = n_atoms.tolist()
        self.has_continuum: list[bool] = (self.continuous > 0).tolist()
        self.is_lattice: list[bool] = ((self.step > 0) & (self.continuous > 0)).tolist()
        self.is_circular: list[bool] = self.period.isfinite().tolist()

    def __len__(self) -> int:
        return len(self.step)

    @property
    def is_mixed(self) -> list[bool]:
        """Which columns have both atoms and a continuum."""
        return [n > 0 and own for n, own in zip(self.n_atoms, self.has_continuum, strict=True)]

    @property
    def n_states(self) -> int:
        """The largest number of states of a column, the continuum being one of them."""
        return 1 + max(self.n_atoms)

    @property
    def is_possible(self) -> Tensor:
        """Which states each column has, (d, n_states)."""
        atoms = self.levels.isfinite()
        return torch.cat([self.continuous.unsqueeze(1) > 0, atoms], dim=1)

    def split(self, x: Tensor, links: Links, context: Tensor | None = None) -> Cells:
        """The cells of rows (n, d) in the user's units; NaN is missing."""
        cells = [self.split_column(column_of(x, j), j, links, context) for j in range(len(self))]
        return Cells(~x.isnan(), tuple(cells))

    def split_column(
        self, x: Tensor, j: int, links: Links, context: Tensor | None = None
    ) -> ColumnCells:
        """The cells of column j, of values (n, 1)."""
        return self._column(x, _states(x, self.levels[j])[:, 0], j, links, context)

    def states(self, x: Tensor) -> Tensor:
        """The states of cells (n, d)."""
        return _states(x, self.levels)

    def contains(self, x: Tensor) -> Tensor:
        """Whether all observed cells of rows (n, d) are possible values, (n,)."""
        inside = (x > self.low) & (x < self.high) & (self.continuous > 0)
        on_lattice = (x >= self.low - 0.5 * self.step) & (x <= self.high + 0.5 * self.step)
        on_lattice &= (x - self._snapped(x)).abs() <= _ON_LATTICE * self.step
        on_continuum = torch.where(self.step > 0, on_lattice, inside | self.period.isfinite())
        return (x.isnan() | (self.states(x) > 0) | on_continuum).all(-1)

    def value(
        self, j: int, state: Tensor, u: Tensor, links: Links, context: Tensor | None
    ) -> Tensor:
        """Values (n,) of column j in the user's units, of states and latent values (n,)."""
        x = u
        if self.has_continuum[j]:
            x = self.on_continuum(j, links.column(j).inverse(u.unsqueeze(-1), context)[0][:, 0])
        if not self.n_atoms[j]:
            return x
        atoms = self.levels[j, (state - 1).clamp_min(0)]
        return torch.where(state > ON_CONTINUUM, atoms, x)

    def upper_edge(self, x: Tensor, j: int) -> tuple[Tensor, Tensor, Tensor]:
        """Where the values of column j up to x end, and whether that is below or above all."""
        low, high = self.low[j], self.high[j]
        if not self.is_lattice[j]:
            inside = (x > low) & (x < high)
            return torch.where(inside, x, self.some_value(j)), x <= low, x >= high
        steps = ((x - self.origin[j]) / self.step[j] + _ON_LATTICE).floor()
        edge = self.origin[j] + (steps + 0.5) * self.step[j]
        return edge, x < low - _ON_LATTICE * self.step[j], edge > high

    def interval(self, x: Tensor, j: int) -> Interval:
        """The cells around points (n,) of the lattice of column j; end cells have no end."""
        step, half = self.step[j], 0.5 * self.step[j]
        return Interval(
            x - half,
            x + half,
            x - half < self.low[j],
            x + half > self.high[j],
            step.log().expand_as(x),
        )

    def _column(
        self, x: Tensor, state: Tensor, j: int, links: Links, context: Tensor | None
    ) -> ColumnCells:
        """The cells of column j, of values (n, 1)."""
        is_number = ~x.isnan() & (state == ON_CONTINUUM).unsqueeze(-1)
        zero = torch.zeros_like(x[:, 0])
        if not self.has_continuum[j]:
            return ColumnCells(state, zero, zero)
        link = links.column(j)
        x = torch.where(is_number, self._unrolled(x, j), self.some_value(j))
        u, log_slope = link(x, context)
        u = torch.where(is_number, u, 0.0)[:, 0]
        log_slope = torch.where(is_number[:, 0], log_slope, 0.0)
        if self.is_lattice[j]:
            interval = self.interval(self._snapped(x, j)[:, 0], j).through(link, context)
            return ColumnCells(state, u, zero, interval)
        other_turn = self._other_turn(x, j, link, context) if self.is_circular[j] else None
        return ColumnCells(state, u, log_slope, other_turn=other_turn)

    def snapped(self, x: Tensor, j: int) -> Tensor:
        """The nearest points of the lattice of column j; values of other columns unchanged."""
        return self._snapped(x, j) + 0.0 if self.is_lattice[j] else x

    def some_value(self, j: int) -> Tensor:
        """Some value of the continuum of column j, which stands for cells without a number."""
        low, high = self.low[j], self.high[j]
        if self.is_lattice[j]:
            start = low if bool(low.isfinite()) else high
            return start if bool(start.isfinite()) else self.origin[j]
        both = low.isfinite() & high.isfinite()
        one = torch.where(low.isfinite(), low + 1, torch.where(high.isfinite(), high - 1, 0.0))
        inside = torch.where(both, (low + high) / 2, one)
        return torch.where(self.period[j].isfinite(), self.cut_point[j], inside)

    def _snapped(self, x: Tensor, j: int | None = None) -> Tensor:
        """The nearest points of the lattices; NaN in other columns."""
        at = slice(None) if j is None else j
        start, step, denominator = self._integers[:, at]
        k = ((x - self.origin[at]) / self.step[at]).round()
        return (start + k * step) / denominator

    def on_continuum(self, j: int, x: Tensor) -> Tensor:
        """Values of column j, of unrolled angles and of numbers beside the lattice."""
        if self.is_circular[j]:
            return self.turn[j] + torch.remainder(x - self.turn[j], self.period[j])
        if self.is_lattice[j]:
            inside = torch.maximum(torch.minimum(x, self.high[j]), self.low[j])
            return self.snapped(inside, j)
        return x

    def _unrolled(self, x: Tensor, j: int) -> Tensor:
        """Angles in the turn from the cut point on; other columns unchanged."""
        if not self.is_circular[j]:
            return x
        return self.cut_point[j] + torch.remainder(x - self.cut_point[j], self.period[j])

    def _other_turn(
        self, x: Tensor, j: int, link: nn.Module, context: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """u and log_slope of unrolled angles (n, 1) one turn on, or back: whichever is nearer.

        Only angles near the cut point have a second place.
        """
        period, past_cut = self.period[j], x - self.cut_point[j]
        shift = torch.where(past_cut < period / 2, period, -period)
        u, log_slope = link(x + shift, context)
        is_near = torch.minimum(past_cut, period - past_cut) < SOFT / 2 * period
        return u[:, 0], torch.where(is_near[:, 0], log_slope, -torch.inf)


def _states(x: Tensor, levels: Tensor) -> Tensor:
    """The states of cells (n, d), by the levels of their columns, (d, n_levels)."""
    numbers = torch.arange(1, levels.shape[-1] + 1, device=x.device)
    return ((x.unsqueeze(-1) == levels) * numbers).sum(-1)
