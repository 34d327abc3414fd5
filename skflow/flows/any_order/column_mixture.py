"""The distribution of one column under an any-order density: those of all parts, weighed."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from skflow.flows.any_order import quantile_means
from skflow.flows.any_order.column_conditional import ColumnConditional
from skflow.flows.any_order.columns import ON_CONTINUUM, ColumnCells, Columns

_BISECTIONS = 100


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
        """E(X), (n,), in the user's units; far in the tails, less than all of them counts.

        See `quantile_means.mean`.
        """
        n_atoms, probabilities = self.columns.n_atoms[self.j], self.state_probabilities
        of_atoms = probabilities[:, 1 : 1 + n_atoms] @ self.columns.levels[self.j, :n_atoms]
        if not self.columns.has_continuum[self.j]:
            return of_atoms
        return of_atoms + probabilities[:, ON_CONTINUUM] * self.mean_of_continuum()

    def mean_of_continuum(self) -> Tensor:
        """E(X) given that X is none of the atoms, (n,); of angles, their mean direction."""
        quantiles, weights = self._continuum_quantiles()
        if not self.columns.is_circular[self.j]:
            return quantile_means.mean(quantiles, weights)
        period, turn = self.columns.period[self.j], self.columns.turn[self.j]
        direction = quantile_means.mean_direction(quantiles, weights, period)
        return turn + torch.remainder(direction - turn, period)

    def _continuum_quantiles(self) -> tuple[Tensor, Tensor]:
        """Quantiles (m, k, n) of all components' continua, and weights (m, n) that sum to 1."""
        levels = quantile_means.LEVELS.to(self.log_weights).unsqueeze(-1)
        weights, df = [], []
        for log_weight, part in zip(self.log_weights, self.parts, strict=True):
            assert part.continuum is not None
            on_continuum = part.state_probabilities[:, ON_CONTINUUM]
            weights.append(log_weight.exp() * on_continuum * part.weights_of_continuum)
            df.append(part.continuum.df.expand_as(part.continuum.loc))
        quantiles = torch.cat([part.continuum_quantiles(levels) for part in self.parts])
        return quantiles, quantile_means.without_heavy_tails(torch.cat(weights), torch.cat(df))

    def quantile(self, levels: Tensor) -> Tensor:
        """The smallest values x with P(X ≤ x) ≥ level, for levels (..., n).

        By bisection between the smallest and the largest quantile of all components.
        """
        ends = torch.cat([part.continuum_quantiles(levels) for part in self.parts])
        low, high = ends.amin(0), ends.amax(0)
        if self.columns.is_lattice[self.j]:
            low = low - self.columns.step[self.j]
        for _ in range(_BISECTIONS):
            middle = self.columns.point_below(low / 2 + high / 2, self.j)
            if bool(((middle <= low) | (middle >= high)).all()):
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
