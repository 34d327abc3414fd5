"""Densities of columns that are bounded, integers or angles."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, fields

import torch
from torch import Generator, Tensor

from skflow.flows.distributions.distribution import Density
from skflow.flows.distributions.flow import Flow
from skflow.flows.distributions.interval import Interval

_ROUNDING = 1e-6  # by which a whole number may be beside itself
SOFT = 0.5  # fraction of a period over which the ends of an unrolled angle overlap


@dataclass(frozen=True)
class ColumnConstraints:
    """The constraints of d columns: every tensor but `offsets` has shape (d,).

    Parameters
    ----------
    low, high : Tensor
        Smallest and largest values.
    value_at_low, value_at_high : Tensor
        What values at an end are replaced by, since the ends have no image.
    integer : Tensor
        1 for integer columns, 0 for the others.
    period : Tensor
        Finite for angles, ∞ for other columns.
    origin : Tensor
        Where the turn begins that angles are given in.
    cut_point : Tensor
        Where the unrolled turn begins.
    offsets : Tensor of shape (m, d)
        Where the density is evaluated in the unit interval around a row of integers, if there
        are several columns.
    """

    low: Tensor
    high: Tensor
    value_at_low: Tensor
    value_at_high: Tensor
    integer: Tensor
    period: Tensor
    origin: Tensor
    cut_point: Tensor
    offsets: Tensor

    def contains(self, x: Tensor) -> Tensor:
        """Whether rows satisfy the constraints, (n, d) to (n,)."""
        on_grid = (self.integer == 0) | (x == x.round())
        return ((x >= self.low) & (x <= self.high) & on_grid).all(-1)

    def snapped(self, x: Tensor) -> Tensor:
        """Rows with whole numbers in place of those within rounding of them."""
        whole = x.round()
        near = (self.integer > 0) & ((x - whole).abs() <= _ROUNDING)
        return torch.where(near, whole, x)

    def to_continuous(self, x: Tensor) -> Tensor:
        """Valid rows away from the ends, and with angles in the turn from the cut point on."""
        inside = torch.where(x >= self.high, self.value_at_high, x)
        return self._wrap(torch.where(x <= self.low, self.value_at_low, inside), self.cut_point)

    def from_continuous(self, x: Tensor) -> Tensor:
        """Valid rows from samples of the continuous density."""
        x = self._wrap(torch.where(self.integer > 0, x.round() + 0.0, x), self.origin)
        return torch.maximum(torch.minimum(x, self.high), self.low)

    def upper_edge(self, x: Tensor) -> Tensor:
        """The real number up to which values count as at most x; for integers, x + ½.

        For integers it is −∞ below the lowest value, and ∞ from the highest one on.
        """
        inside = torch.where(
            x <= self.low, self.value_at_low, torch.where(x < self.high, x, self.high)
        )
        edge = torch.where(x < self.low, -torch.inf, x.floor() + 0.5)
        edge = torch.where(x >= self.high, torch.inf, edge)
        return torch.where(self.integer > 0, edge, inside)

    @property
    def circular(self) -> Tensor:
        """Which columns are angles."""
        return self.period.isfinite()

    def _wrap(self, x: Tensor, start: Tensor) -> Tensor:
        """Angles in the turn that begins at `start`; other columns unchanged."""
        period = torch.where(self.circular, self.period, 1.0)
        return torch.where(self.circular, start + torch.remainder(x - start, period), x)


class ConstrainedDensity(Density):
    """The density of rows with constrained columns, in terms of a density of real numbers.

    Integers, a single column of them: P(k) is exactly the probability of [k − ½, k + ½), a
    difference of the distribution function; the cells of the lowest and the highest value
    include all that lies beyond. Among several columns: the mean density over fixed offsets in
    the cell. Angles: p(θ) = Σ_k q(θ + k · period), which is periodic for any q. Bounds of real
    columns are a bijection of q's chain. The density of rows that violate the constraints is 0.

    Parameters
    ----------
    continuous : Flow
        The density q of real numbers.
    **supports : Tensor
        The fields of `ColumnConstraints`.
    """

    def __init__(self, continuous: Flow, **supports: Tensor):
        super().__init__()
        self.continuous = continuous
        self._circular = supports["period"].isfinite().nonzero().flatten().tolist()
        self.is_integer = supports["integer"].tolist() == [1.0]  # a single column of integers
        for field in fields(ColumnConstraints):
            self.register_buffer(field.name, supports[field.name])

    @property
    def supports(self) -> ColumnConstraints:
        """The constraints of the columns."""
        return ColumnConstraints(
            **{field.name: getattr(self, field.name) for field in fields(ColumnConstraints)}
        )

    def log_prob(self, x: Tensor, context: Tensor | None = None) -> Tensor:
        """log p(x | context), (n, d) to (n,), in nats; −∞ where x violates the constraints."""
        x = self.supports.snapped(x)
        valid = self.supports.contains(x)
        log_prob = self._log_probability if self.is_integer else self._mean_over_offsets
        return torch.where(valid, log_prob(x, context), -torch.inf)

    def _log_probability(self, x: Tensor, context: Tensor | None) -> Tensor:
        """log P(k), the log-probability of the cell of each value of a single column."""
        cell = Interval.around(x.squeeze(-1), self.supports.low, self.supports.high)
        return self.continuous.log_interval(cell, context)

    def _mean_over_offsets(self, x: Tensor, context: Tensor | None) -> Tensor:
        """log of the mean density over the offsets, summed over the ways to unroll angles."""
        supports = self.supports
        x = supports.to_continuous(x)
        total = torch.full_like(x[..., 0], -torch.inf)
        for unrolled, possible in _unrollings(x, supports, self._circular):
            for offset in supports.offsets:
                log_prob = self.continuous.log_prob(unrolled + offset, context)
                total = torch.logaddexp(total, torch.where(possible, log_prob, -torch.inf))
        return total - torch.tensor(float(len(supports.offsets)), dtype=x.dtype).log()

    def sample(self, n: int, generator: Generator, context: Tensor | None = None) -> Tensor:
        """Draw n valid samples, (n, d)."""
        return self.supports.from_continuous(self.continuous.sample(n, generator, context))

    def with_base_dtype(self, dtype: torch.dtype) -> "ConstrainedDensity":
        """As `Flow.with_base_dtype`, of the density of real numbers."""
        return ConstrainedDensity(self.continuous.with_base_dtype(dtype), **vars(self.supports))

    def parts(self, n_parts: int) -> "list[ConstrainedDensity]":
        """As `Flow.parts`, of the density of real numbers."""
        parts = self.continuous.parts(n_parts)
        return [ConstrainedDensity(part, **vars(self.supports)) for part in parts]


def _unrollings(
    x: Tensor, supports: ColumnConstraints, circular: Sequence[int]
) -> list[tuple[Tensor, Tensor]]:
    """Every way to unroll the angles of rows (n, d), and which rows have it, (n,).

    An angle near the cut point has two places, at both ends of the turn, and others have one.
    """
    unrollings = []
    for is_shifted in itertools.product([False, True], repeat=len(circular)):
        unrolled = x
        possible = torch.ones_like(x[..., 0], dtype=torch.bool)
        for j in itertools.compress(circular, is_shifted):
            period, past_cut = supports.period[j], x[..., j] - supports.cut_point[j]
            shift = torch.where(past_cut < period / 2, period, -period)
            unrolled = unrolled.index_add(-1, _index(j, x), shift.unsqueeze(-1))
            is_near = torch.minimum(past_cut, period - past_cut) < SOFT / 2 * period
            possible = possible & is_near
        if torch.compiler.is_compiling() or bool(possible.any()):  # exports have no branch
            unrollings.append((unrolled, possible))
    return unrollings


def _index(j: int, x: Tensor) -> Tensor:
    return torch.tensor([j], device=x.device)
