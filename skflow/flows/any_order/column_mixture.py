"""The distribution of one column under an any-order density: those of all parts, weighed."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from skflow.flows.any_order import quantile_means
from skflow.flows.any_order.column_conditional import ColumnConditional
from skflow.flows.any_order.columns import ON_CONTINUUM, ColumnCells, Columns
from skflow.flows.distributions.inverse_cdf import inverse_cdf

_MAX_STEPS = 400  # of the search for a quantile, which takes some 10
_TINY, _EPSILON = 1e-300, 2.0**-53  # that levels stay away from 0 and 1


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
        each = torch.stack([part.cdf(x) for part in self.parts])
        return torch.einsum("p...n,pn->...n", each, self.log_weights.exp())

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

    def quantile(self, levels: Tensor) -> Tensor:
        """The smallest values x with P(X ≤ x) ≥ level, for levels (..., n).

        Exactly an atom or a point of a lattice where that is one. Angles are counted from the
        start of the turn that they are given in.
        """
        size = levels.numel() // len(self.log_weights[0]) if levels.numel() else 0
        found = self.repeat(size)._quantile(levels.reshape(-1)) if size else levels
        return found.reshape(levels.shape)

    def repeat(self, size: int) -> "ColumnMixture":
        """The same distributions several times over, for size · n rows."""
        return ColumnMixture(
            self.log_weights.repeat(1, size), tuple(part.repeat(size) for part in self.parts)
        )

    def _quantile(self, levels: Tensor) -> Tensor:
        """`quantile` of each row at its own level, (n,)."""
        if not self.columns.n_atoms[self.j]:
            return self._continuum_quantile(levels, torch.zeros_like(levels))
        atoms = self.columns.levels[self.j, : self.columns.n_atoms[self.j]]
        upto = torch.stack([self.cdf(atom.expand_as(levels)) for atom in atoms])
        probabilities = self.state_probabilities.T[1 : 1 + len(atoms)]
        n_passed = (upto < levels).sum(0).clamp_max(len(atoms) - 1)
        atom, own = atoms[n_passed], n_passed.unsqueeze(0)
        if not self.columns.has_continuum[self.j]:
            return atom
        passed = torch.where(upto < levels, probabilities, 0.0).sum(0)
        below = (upto - probabilities).gather(0, own)[0]
        in_atom = (below < levels) & (levels <= upto.gather(0, own)[0])
        return torch.where(in_atom, atom, self._continuum_quantile(levels, passed))

    def _continuum_quantile(self, levels: Tensor, of_atoms: Tensor) -> Tensor:
        """Where levels (n,) are reached above atoms of some probability, (n,)."""
        share = self.state_probabilities[:, ON_CONTINUUM].clamp_min(_TINY)
        on_continuum = ((levels - of_atoms) / share).clamp(_TINY, 1 - _EPSILON)
        ends = torch.cat([part.bracket(on_continuum) for part in self.parts])
        found = inverse_cdf(
            self._continuum_at, levels - of_atoms, ends.amin(0), ends.amax(0), _MAX_STEPS
        )
        return self.columns.point_from(found, self.j)

    def _continuum_at(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Probability of the continuum up to x (n,), its lattices unrounded, and its density."""
        each = [torch.stack(part.continuum_at(x)) for part in self.parts]
        weights = self.log_weights.exp().unsqueeze(1)
        cdf, density = (torch.stack(each) * weights).sum(0)
        return cdf, density

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
