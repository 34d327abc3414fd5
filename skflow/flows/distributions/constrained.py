"""Densities of columns that are bounded, whole numbers or angles."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, fields

import torch
from torch import Generator, Tensor

from skflow.flows.distributions.distribution import Density
from skflow.flows.distributions.flow import Flow

SOFT = 0.5  # share of a period in which a turn of an angle fades into the next one


@dataclass(frozen=True)
class ColumnConstraints:
    """What the columns can be: all tensors have a value for each of the d columns.

    `low` and `high` are the least and the largest values, `at_low` and `at_high` what a value
    at an end is read as, for the ends themselves have no image. `whole` is 1 where a column is
    of whole numbers. Angles have a finite `period`, are given in the turn that starts at
    `origin`, and are unrolled from `cut_point`. `offsets` (m, d) are where in its cell a row of
    whole numbers is looked at.
    """

    low: Tensor
    high: Tensor
    at_low: Tensor
    at_high: Tensor
    whole: Tensor
    period: Tensor
    origin: Tensor
    cut_point: Tensor
    offsets: Tensor

    def contain(self, x: Tensor) -> Tensor:
        """Whether each row is one that can be, (n, d) to (n,)."""
        on_grid = (self.whole == 0) | (x == x.round())
        return ((x >= self.low) & (x <= self.high) & on_grid).all(-1)

    def unrolled(self, x: Tensor) -> Tensor:
        """Rows that can be, away from the ends and in the turn from the seam on."""
        x = torch.where(x <= self.low, self.at_low, torch.where(x >= self.high, self.at_high, x))
        return self._turned(x, self.cut_point)

    def settled(self, x: Tensor) -> Tensor:
        """Rows that can be, from draws of real numbers."""
        x = self._turned(torch.where(self.whole > 0, x.round() + 0.0, x), self.origin)
        return torch.maximum(torch.minimum(x, self.high), self.low)

    def top(self, x: Tensor) -> Tensor:
        """The upper end of what counts as at most x: of whole numbers, that of the cell."""
        inside = torch.where(x <= self.low, self.at_low, torch.where(x < self.high, x, self.high))
        return torch.where(self.whole > 0, x.floor() + 0.5, inside)

    @property
    def circular(self) -> Tensor:
        """Which columns are angles."""
        return self.period.isfinite()

    def _turned(self, x: Tensor, start: Tensor) -> Tensor:
        """Angles in the turn that starts there."""
        period = torch.where(self.circular, self.period, 1.0)
        return torch.where(self.circular, start + torch.remainder(x - start, period), x)


class ConstrainedDensity(Density):
    """The density of rows whose columns have supports, over one of real numbers.

    Whole numbers: the probability of a cell [k − ½, k + ½) is the mean density over fixed
    offsets in it. Angles: p(θ) = Σ_k q(θ + k · period), which is periodic whatever q is. Bounds
    are a link of q's chain. Elsewhere the density is 0.

    Parameters
    ----------
    reals : Flow
        q.
    **supports : Tensor
        The fields of `ColumnConstraints`.
    """

    def __init__(self, continuous: Flow, **supports: Tensor):
        super().__init__()
        self.continuous = continuous
        self._circular = supports["period"].isfinite().nonzero().flatten().tolist()
        for field in fields(ColumnConstraints):
            self.register_buffer(field.name, supports[field.name])

    @property
    def supports(self) -> ColumnConstraints:
        """What the columns can be."""
        return ColumnConstraints(
            **{field.name: getattr(self, field.name) for field in fields(ColumnConstraints)}
        )

    def log_prob(self, x: Tensor, context: Tensor | None = None) -> Tensor:
        """log p(x | context), (n, d) to (n,), in nats; −∞ where no row can be."""
        supports = self.supports
        inside = supports.contain(x)
        x = supports.unrolled(x)
        total = torch.full_like(x[..., 0], -torch.inf)
        for turned, open_ in _turns(x, supports, self._circular):
            for offset in supports.offsets:
                log_prob = self.continuous.log_prob(turned + offset, context)
                total = torch.logaddexp(total, torch.where(open_, log_prob, -torch.inf))
        mean = total - torch.tensor(float(len(supports.offsets)), dtype=x.dtype).log()
        return torch.where(inside, mean, -torch.inf)

    def sample(self, n: int, generator: Generator, context: Tensor | None = None) -> Tensor:
        """Draw n rows, (n, d): whole numbers, angles of one turn, within the bounds."""
        return self.supports.settled(self.continuous.sample(n, generator, context))

    def rounded(self, dtype: torch.dtype) -> "ConstrainedDensity":
        """The same density with its base in another precision."""
        return ConstrainedDensity(self.continuous.rounded(dtype), **vars(self.supports))


def _turns(
    x: Tensor, supports: ColumnConstraints, circular: Sequence[int]
) -> list[tuple[Tensor, Tensor]]:
    """Every way to unroll the angles of rows, and which rows may be unrolled so.

    An angle near the seam is found at both ends of the turn, all others at one place only.
    """
    ways = []
    for moved in itertools.product([False, True], repeat=len(circular)):
        turned = x
        open_ = torch.ones_like(x[..., 0], dtype=torch.bool)
        for j in itertools.compress(circular, moved):
            period, past = supports.period[j], x[..., j] - supports.cut_point[j]
            step = torch.where(past < period / 2, period, -period)
            turned = turned.index_add(-1, _index(j, x), step.unsqueeze(-1))
            open_ = open_ & (torch.minimum(past, period - past) < SOFT / 2 * period)
        if torch.compiler.is_compiling() or bool(open_.any()):  # no branch where it is exported
            ways.append((turned, open_))
    return ways


def _index(j: int, x: Tensor) -> Tensor:
    return torch.tensor([j], device=x.device)
