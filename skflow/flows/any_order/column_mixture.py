"""The distribution of one column under an any-order density: those of all parts, weighed."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from skflow.flows.any_order.column_conditional import ColumnConditional
from skflow.flows.any_order.columns import ColumnCells, Columns

_BISECTIONS = 100
# quantile levels at which the values of a component are averaged: a trapezoidal rule in terms of
# normal scores, which converges fast as its integrand falls to 0 at both ends
_SCORES = torch.linspace(-8.0, 8.0, 129, dtype=torch.float64)
_LEVELS = torch.special.ndtr(_SCORES)
_LEVEL_WEIGHTS = (-0.5 * _SCORES.square()).softmax(0)


@dataclass(frozen=True)
class ColumnMixture:
    """A mixture of conditionals of column j, one for each of n rows.

    Parameters
    ----------
    log_weights : Tensor of shape (n_parts, n)
        With logsumexp 0 over the parts.
    parts : tuple of ColumnConditional
    """

    log_weights: Tensor
    parts: tuple[ColumnConditional, ...]

    @property
    def columns(self) -> Columns:
        """What the columns consist of."""
        return self.parts[0].columns

    @property
    def j(self) -> int:
        """The number of the column."""
        return self.parts[0].j

    @property
    def state_probabilities(self) -> Tensor:
        """Probabilities of the states, (n, n_states), the continuum being the first."""
        each = torch.stack([part.state_probabilities for part in self.parts])
        return (each * self.log_weights.exp().unsqueeze(-1)).sum(0)

    def cdf(self, x: Tensor) -> Tensor:
        """P(X ≤ x) for values (..., n) in the user's units."""
        return self._weighted(lambda part: part.cdf(x))

    def mean(self) -> Tensor:
        """E(X), (n,), in the user's units."""
        return self._weighted(lambda part: part.mean(_LEVELS, _LEVEL_WEIGHTS))

    def quantile(self, levels: Tensor) -> Tensor:
        """The smallest values x with P(X ≤ x) ≥ level, for levels (..., n).

        By bisection between the smallest and the largest quantile of all components. Angles are
        counted from the start of the turn that they are given in.
        """
        ends = torch.cat([part.bracket(levels) for part in self.parts])
        low, high = ends.amin(0), ends.amax(0)
        for _ in range(_BISECTIONS):
            middle = low / 2 + high / 2
            if bool(((middle == low) | (middle == high)).all()):
                break
            reached = self.cdf(middle) >= levels
            low, high = torch.where(reached, low, middle), torch.where(reached, middle, high)
        return self._with_atoms(high, levels)

    def mode(self) -> Tensor:
        """The likeliest state as a value, (n,); NaN where that is the continuum."""
        state = self.state_probabilities.argmax(-1)
        values = torch.cat(
            [torch.full_like(self.columns.levels[:, :1], torch.nan), self.columns.levels], 1
        )
        return values[self.j, state]

    def log_prob(self, cells: Callable[[ColumnConditional], ColumnCells]) -> Tensor:
        """log-probability or log-density, (n,), of the cells that each part makes of values."""
        each = [part.log_prob(cells(part)) for part in self.parts]
        return torch.logsumexp(torch.stack(each) + self.log_weights, dim=0)

    def _weighted(self, of_part: Callable[[ColumnConditional], Tensor]) -> Tensor:
        weights = self.log_weights.exp()
        total = weights.new_zeros(())
        for weight, part in zip(weights, self.parts, strict=True):
            total = total + weight * of_part(part)
        return total

    def _with_atoms(self, quantiles: Tensor, levels: Tensor) -> Tensor:
        """Quantiles at which an atom is reached, exactly."""
        probabilities = self.state_probabilities
        for k in range(self.columns.n_atoms[self.j]):
            atom = self.columns.levels[self.j, k].expand_as(quantiles)
            upto = self.cdf(atom)
            below = upto - probabilities[:, k + 1]
            quantiles = torch.where((below < levels) & (levels <= upto), atom, quantiles)
        return quantiles


def as_levels(levels: np.ndarray, like: Tensor) -> Tensor:
    """Levels (k,) as a tensor (k, 1)."""
    return torch.from_numpy(levels).to(like).unsqueeze(-1)
