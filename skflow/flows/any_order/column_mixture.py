"""The distribution of one column under an any-order density: those of all parts, weighed."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from skflow.flows.any_order import quantile_means
from skflow.flows.any_order.column_conditional import ColumnConditional
from skflow.flows.any_order.columns import ON_CONTINUUM, ColumnCells, Columns
from skflow.flows.distributions.inverse_cdf import inverse_cdf

_TINY = 1e-15
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
            weights.append(log_weight.exp() * part.continuum_weights)
            df.append(part.continuum.df.expand_as(part.continuum.loc))
        quantiles = torch.cat([part.continuum_quantiles(levels) for part in self.parts])
        return quantiles, quantile_means.without_heavy_tails(torch.cat(weights), torch.cat(df))

    def quadrature(self) -> tuple[Tensor, Tensor]:
        """Values and weights, both (k, n), whose weighted sums approximate expectations.

        The values are atoms, and quantiles of the continua, with tails as in `mean`.
        """
        n_atoms, probabilities = self.columns.n_atoms[self.j], self.state_probabilities.T
        atoms = self.columns.levels[self.j, :n_atoms].unsqueeze(1)
        values, weights = [atoms.expand(-1, probabilities.shape[1])], [probabilities[1:][:n_atoms]]
        if self.columns.has_continuum[self.j]:
            quantiles, of_components = self._continuum_quantiles()
            values.append(quantile_means.tamed(quantiles, of_components).flatten(0, 1))
            nodes = quantile_means.NODE_WEIGHTS.to(quantiles).view(1, -1, 1)
            share = probabilities[ON_CONTINUUM] * of_components
            weights.append((share.unsqueeze(1) * nodes).flatten(0, 1))
        return torch.cat(values), torch.cat(weights)

    def has_reliable_mean(self) -> Tensor:
        """Whether no tail is so heavy that few samples decide the mean, (n,)."""
        return quantile_means.is_reliable(*self._continuum_quantiles())

    def repeat(self, times: int) -> "ColumnMixture":
        """The same for all rows in turn, `times` times."""
        parts = tuple(part.repeat(times) for part in self.parts)
        return ColumnMixture(self.log_weights.repeat(1, times), parts)

    def quantile(self, levels: Tensor) -> Tensor:
        """The smallest values x with P(X ≤ x) ≥ level, for levels (..., n).

        Exactly an atom or a point of a lattice where that is one. Angles are counted from the
        start of the turn that they are given in.
        """
        rows = levels.reshape(-1, levels.shape[-1])
        is_circular = self.columns.is_circular[self.j]
        found = self._angle_at(rows) if is_circular else self._quantile(rows)
        return found.view(levels.shape)

    def _quantile(self, levels: Tensor) -> Tensor:
        """Quantiles of numbers and categories at levels (k, n)."""
        atoms = self.columns.levels[self.j, : self.columns.n_atoms[self.j]]
        probabilities = self.state_probabilities.T  # (n_states, n)
        rest, result = levels, torch.full_like(levels, torch.nan)
        for k, atom in enumerate(atoms):
            upto = self.cdf(atom.expand(levels.shape[1]))
            below = upto - probabilities[k + 1]
            is_atom = (below < levels) & (levels <= upto)
            result = torch.where(is_atom, atom, result)
            rest = rest - torch.where(levels > upto, probabilities[k + 1], 0.0)
        if not self.columns.has_continuum[self.j]:
            return torch.where(result.isnan(), atoms[-1], result)  # rounding at the last level
        share = probabilities[0].clamp_min(torch.finfo(levels.dtype).tiny)
        smooth = self._smooth_quantile((rest / share).clamp(_TINY, 1 - _TINY))
        return torch.where(result.isnan(), self.columns.on_continuum(self.j, smooth), result)

    def _smooth_quantile(self, levels: Tensor) -> Tensor:
        """Quantiles of the continuum, whose lattices are not rounded, by Newton's method.

        Between the smallest and the largest quantile of all components; first their mean.
        """
        flat = levels.flatten()
        parts = [part.repeat(len(levels)) for part in self.parts]
        quantiles = [part.smooth_quantiles(flat) for part in parts]
        each = [part.continuum_weights for part in parts]
        log_weights = self.log_weights.repeat(1, len(levels))
        weights = torch.cat([lw.exp() * w for lw, w in zip(log_weights, each, strict=True)])
        weights = weights / weights.sum(0)
        together = torch.cat(quantiles)

        def cdf_and_density(x: Tensor) -> tuple[Tensor, Tensor]:
            cdf, density = torch.zeros_like(x), torch.zeros_like(x)
            for log_weight, part, own in zip(log_weights, parts, each, strict=True):
                weight = log_weight.exp() * own.sum(0) / total
                of_part = part.smooth_cdf_and_density(x)
                cdf, density = cdf + weight * of_part[0], density + weight * of_part[1]
            return cdf, density

        total = sum(lw.exp() * w.sum(0) for lw, w in zip(log_weights, each, strict=True))
        low, high = together.amin(0), together.amax(0)
        start = (weights * together).sum(0).clamp(low, high)
        return inverse_cdf(cdf_and_density, flat, low, high, start=start).view(levels.shape)

    def _angle_at(self, levels: Tensor) -> Tensor:
        """Quantiles of angles, by bisection of the turn."""
        start, period = self.columns.turn[self.j], self.columns.period[self.j]
        low = start.expand_as(levels)
        high = low + period
        for _ in range(_BISECTIONS):
            middle = low / 2 + high / 2
            if bool(((middle <= low) | (middle >= high)).all()):
                break
            reached = self.cdf(middle) >= levels
            low, high = torch.where(reached, low, middle), torch.where(reached, middle, high)
        return high

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
