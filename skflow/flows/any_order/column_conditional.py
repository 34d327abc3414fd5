"""The distribution of one column given cells of others: states, and a continuum between them."""

from dataclasses import dataclass, replace

import torch
from torch import Generator, Tensor

from skflow.flows.any_order.columns import ON_CONTINUUM, ColumnCells, Columns
from skflow.flows.any_order.continuum import Continuum
from skflow.flows.any_order.links import Links

_TURNS = (-1, 0, 1, 2)  # those that the domain of an unrolled angle may reach into


@dataclass(frozen=True)
class ColumnConditional:
    """A mixture of m distributions of column j, one mixture for each of n rows.

    P(X = atom) is the probability of a state; the rest is that of the continuum, on which a
    lattice has differences of the distribution function.

    Parameters
    ----------
    j : int
    columns : Columns
    links : Links
    context : Tensor of shape (n, c) or None
    log_weights : Tensor of shape (m, n)
        With logsumexp 0 over m.
    log_states : Tensor of shape (m, n, n_states) or None
        log-probabilities of the states; None for a column without atoms.
    continuum : Continuum or None
        Of latent values, (m, n); None for a category.
    """

    j: int
    columns: Columns
    links: Links
    context: Tensor | None
    log_weights: Tensor
    log_states: Tensor | None
    continuum: Continuum | None

    def log_components(self, cells: ColumnCells) -> Tensor:
        """log-probability or log-density of cells (n,) under each component, (m, n), in nats."""
        on_continuum = 0.0 if self.continuum is None else self.continuum.log_cells(cells)
        if self.log_states is None:
            return on_continuum  # type: ignore[return-value]
        state = cells.state.expand(self.log_states.shape[:2]).unsqueeze(-1)
        log_state = self.log_states.gather(-1, state).squeeze(-1)
        is_number = cells.state == ON_CONTINUUM
        return log_state + torch.where(is_number, on_continuum, 0.0)

    def log_prob(self, cells: ColumnCells) -> Tensor:
        """log-probability or log-density of cells (n,), in nats."""
        return torch.logsumexp(self.log_components(cells) + self.log_weights, dim=0)

    @property
    def state_probabilities(self) -> Tensor:
        """Probabilities of the states, (n, n_states), the continuum being the first."""
        if self.log_states is None:
            return torch.ones_like(self.log_weights[0]).unsqueeze(-1)
        return (self.log_states + self.log_weights.unsqueeze(-1)).exp().sum(0)

    def sample(self, generator: Generator) -> Tensor:
        """One value for each row, (n,), in the user's units."""
        component = _draw(self.log_weights.T, generator).unsqueeze(0)
        if self.log_states is None:
            state = torch.full_like(component[0], ON_CONTINUUM)
        else:
            size = self.log_states.shape[-1]
            own = component.unsqueeze(-1).expand(1, -1, size)
            state = _draw(self.log_states.gather(0, own)[0], generator)
        u = torch.zeros_like(self.log_weights[0])
        if self.continuum is not None:
            u = self.continuum.sample(generator).to(u).gather(0, component)[0]
        return self.columns.value(self.j, state, u, self.links, self.context)

    def cdf(self, x: Tensor) -> Tensor:
        """P(X ≤ x) for values (..., n) in the user's units, whatever the column's kind."""
        levels = self.columns.levels[self.j, : self.columns.n_atoms[self.j]]
        reached = (x.unsqueeze(-1) >= levels).to(x)
        probabilities = self.state_probabilities
        below = (reached * probabilities[:, 1 : 1 + len(levels)]).sum(-1)
        if self.continuum is None:
            return below
        return below + probabilities[:, 0] * self._cdf_of_continuum(x)

    def continuum_quantiles(self, levels: Tensor) -> Tensor:
        """Quantiles of each component's continuum, (m, k, n), at levels (k, n) or (k, 1).

        In the user's units.
        """
        levels = levels.expand(-1, self.log_weights.shape[1])
        each = self.repeat(len(levels)).smooth_quantiles(levels.flatten())
        values = torch.stack([self.columns.on_continuum(self.j, row) for row in each])
        return values.unflatten(1, levels.shape)

    def smooth_quantiles(self, levels: Tensor) -> Tensor:
        """Inverses of the distribution functions of all components at levels (n,), (m, n)."""
        assert self.continuum is not None
        u = self.continuum.quantile(levels).to(levels)
        link = self.links.column(self.j)
        return torch.stack([link.inverse(row.unsqueeze(-1), self.context)[0][:, 0] for row in u])

    @property
    def continuum_weights(self) -> Tensor:
        """Probabilities (m, n) that the value is on the continuum of each component."""
        if self.log_states is None:
            return self.log_weights.exp()
        return (self.log_weights + self.log_states[..., ON_CONTINUUM]).exp()

    def _cdf_of_continuum(self, x: Tensor) -> Tensor:
        """P(X ≤ x) on the continuum, for values (..., n) in the user's units."""
        if self.columns.is_circular[self.j]:
            return self._cdf_of_angles(x)
        edge, below, above = self.columns.upper_edge(x, self.j)
        return torch.where(below, 0.0, torch.where(above, 1.0, self._cdf_up_to(edge)))

    def smooth_cdf_and_density(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Distribution function and density of the continuum at values (n,).

        In the user's units. Lattices are not rounded, and angles are unrolled.
        """
        assert self.continuum is not None
        weights = self._weights_of_continuum
        u, log_slope = self.links.column(self.j)(x.unsqueeze(-1), self.context)
        cdf, density = self.continuum.cdf_and_density(u[:, 0])
        return (cdf.to(x) * weights).sum(0), (density.to(x) * weights).sum(0) * log_slope.exp()

    def repeat(self, times: int) -> "ColumnConditional":
        """The same for all rows in turn, `times` times."""
        if times == 1:
            return self
        context = None if self.context is None else self.context.repeat(times, 1)
        log_states = None if self.log_states is None else self.log_states.repeat(1, times, 1)
        return replace(
            self,
            context=context,
            log_weights=self.log_weights.repeat(1, times),
            log_states=log_states,
            continuum=None if self.continuum is None else self.continuum.repeat(times),
        )

    def _cdf_of_angles(self, x: Tensor) -> Tensor:
        """P(start ≤ X ≤ x) in the turn that angles are given in, from all unrolled turns."""
        start, period = self.columns.turn[self.j], self.columns.period[self.j]
        x = torch.minimum(torch.maximum(x, start), start + period)
        total = torch.zeros_like(x)
        for k in _TURNS:
            first = (start + k * period).expand_as(x)
            total = total + self._cdf_up_to(x + k * period) - self._cdf_up_to(first)
        return total

    def _cdf_up_to(self, edge: Tensor) -> Tensor:
        """P(X ≤ edge) on the continuum, for edges (..., n) inside of it."""
        flat = edge.flatten()
        cdf, _ = self.repeat(len(flat) // edge.shape[-1]).smooth_cdf_and_density(flat)
        return cdf.view(edge.shape)

    @property
    def _weights_of_continuum(self) -> Tensor:
        """Weights of the components given that the value is on the continuum, (m, n)."""
        weights = self.continuum_weights
        return weights / weights.sum(0).clamp_min(torch.finfo(weights.dtype).tiny)


def _draw(log_weights: Tensor, generator: Generator) -> Tensor:
    """One index for each row of log-weights (n, k), drawn in proportion to their weights."""
    weights = log_weights.double().cpu().exp()
    levels = torch.rand(len(weights), 1, generator=generator, dtype=torch.float64)
    below = weights.cumsum(1) < levels * weights.sum(1, keepdim=True)
    return below.sum(1).clamp_max(weights.shape[1] - 1).to(log_weights.device)
