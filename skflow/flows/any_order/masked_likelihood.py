"""The loss of any-order training: the likelihood of unknown cells, given a random set of others.

A row has its first t cells known, in a random order of its observed cells, with t uniform; the
loss is the mean negative log-likelihood of the other observed cells given these, times the number
of observed cells. Its expectation is the mean of −log p over all orders (Uria, Murray & Larochelle
2014). The orders that the density is evaluated in are drawn more often than others.
"""

from collections.abc import Sequence
from typing import ClassVar, NamedTuple

import torch
from torch import Generator, Tensor, nn

from skflow.flows.any_order.belief import bounded_surprise, distinct_patterns
from skflow.flows.any_order.columns import Columns
from skflow.flows.any_order.conditional_net import ConditionalNet, NetInputs, NetOutputs
from skflow.flows.any_order.continuum import Continuum
from skflow.flows.any_order.net_part import corrected
from skflow.flows.any_order.packed_cells import PackedCells, unpack

_MIN_SHARE = 1e-12
_SHARE_OF_NEXT = 0.5  # of the weight of a row in a fixed order


class MaskedLikelihood(nn.Module):
    """A network in training, several members stacked.

    Parameters
    ----------
    net : ConditionalNet
    columns : Columns
    loc : Tensor of shape (1, d)
    scatter : Tensor of shape (1, d, d)
    df : Tensor of shape ()
    log_states : Tensor of shape (d, n_states)
        Those of the start, in float64.
    orders : Tensor of int, shape (n_orders, d)
        That the density will be evaluated in.
    focus : float
        Share of the rows whose known cells are the first ones of one of these orders.
    rows_per_pattern : int
        Number of consecutive rows that draw the same order and t, if no cell is missing.
    noise : float
        Standard deviation of the noise that the network sees on known numbers in training.
    """

    loc: Tensor
    scatter: Tensor
    df: Tensor
    log_states: Tensor
    orders: Tensor
    stacked_buffers: ClassVar[tuple[str, ...]] = ("loc", "scatter", "df", "log_states")

    def __init__(
        self,
        net: ConditionalNet,
        columns: Columns,
        loc: Tensor,
        scatter: Tensor,
        df: Tensor,
        log_states: Tensor,
        orders: Tensor,
        focus: float,
        rows_per_pattern: int,
        noise: float,
    ):
        super().__init__()
        self.net, self.columns = net, columns
        self._focus, self._rows_per_pattern, self._noise = focus, rows_per_pattern, noise
        self.register_buffer("loc", loc)
        self.register_buffer("scatter", scatter)
        self.register_buffer("df", df)
        self.register_buffer("log_states", log_states)
        self.register_buffer("orders", orders)

    def loss(
        self, rows: Tensor, weights: Tensor, context: Tensor | None, generator: Generator
    ) -> Tensor:
        """Mean −log p of each member, (members,), of packed rows (members, k, n)."""
        cells = unpack(rows, self.columns)
        draw = self._draw(cells, generator)
        known, targets = _known_and_targets(cells.observed, draw)
        noise = self._noise * _normal(known.shape, generator).to(rows)
        context = None if context is None else context.mT
        log_probs = self._log_conditionals(cells, known, context, noise)
        return -((log_probs * targets).sum(-2) * weights).mean(-1)

    def log_prob(self, x: Tensor, context: Tensor | None = None) -> Tensor:
        """log p, (members, n), of packed rows (members, n, k), row i in order i modulo K."""
        cells = unpack(x.mT, self.columns)
        d, n = cells.u.shape[-2:]
        rank = self._ranks(torch.arange(n, device=x.device) % len(self.orders))
        total = torch.zeros_like(cells.u[..., 0, :])
        for place in range(d):
            known = cells.observed & (rank < place)
            now = cells.observed & (rank == place)
            log_probs = self._log_conditionals(cells, known, context)
            total = total + torch.where(now, log_probs, 0.0).sum(-2)
        return total

    def _draw(self, cells: PackedCells, generator: Generator) -> "_Draw":
        """Which cells are known, for each row."""
        members, d, n = cells.u.shape
        size = self._rows_per_pattern if bool(cells.observed.all()) else 1
        groups = -(-n // size)
        rank = _uniform((members, d, groups), generator).argsort(1).argsort(1)
        fixed = torch.randint(len(self.orders), (members * groups,), generator=generator)
        own = self._ranks(fixed.to(self.orders.device)).unflatten(-1, (members, groups))
        is_fixed = _uniform((members, groups), generator) < self._focus
        is_fixed = is_fixed.to(own.device)
        rank = torch.where(is_fixed.unsqueeze(1), own.movedim(1, 0), rank.to(own.device))
        level = _uniform((members, groups), generator).to(own.device)

        def repeat(values: Tensor) -> Tensor:
            return values.repeat_interleave(size, -1)[..., :n]

        return _Draw(repeat(rank), repeat(level), repeat(is_fixed))

    def _ranks(self, numbers: Tensor) -> Tensor:
        """At which place each column comes in the orders of the given numbers, (d, n)."""
        return self.orders.argsort(1)[numbers].T

    def _log_conditionals(
        self,
        cells: PackedCells,
        known: Tensor,
        context: Tensor | None,
        noise: Tensor | float = 0.0,
    ) -> Tensor:
        """log p of every cell given the known ones, (members, d, n)."""
        is_number = known & cells.on_continuum
        loc, scale, df, residuals = self._conditional_t(cells.u, is_number)
        filled = loc.to(cells.u.dtype)
        seen = filled + noise * is_number
        inputs = NetInputs(seen, residuals.to(filled), known.to(filled), cells.state)
        corrections = self.net.outputs(self.net.hidden(inputs, context))
        log_probs = filled.new_zeros(filled.shape)
        numbers = [j for j, has in enumerate(self.columns.has_continuum) if has]
        if numbers:
            loc, scale = filled[..., numbers, :], scale.to(filled)[..., numbers, :]
            continuum = corrected(loc, scale, df, corrections, self.net)
            log_density = self._log_continuum(cells, continuum, numbers)
            log_probs[..., numbers, :] = torch.where(
                cells.on_continuum[..., numbers, :], log_density, 0.0
            )
        with_atoms = [j for j, n_atoms in enumerate(self.columns.n_atoms) if n_atoms]
        if with_atoms:
            log_states = self._log_states(cells, corrections, with_atoms)
            log_probs[..., with_atoms, :] = log_probs[..., with_atoms, :] + log_states
        return log_probs

    def _conditional_t(self, u: Tensor, known: Tensor) -> tuple[Tensor, ...]:
        """As `conditional_t`."""
        with torch.no_grad():
            return conditional_t(self.loc, self.scatter, self.df, u.double(), known)

    def _log_continuum(
        self, cells: PackedCells, continuum: Continuum, numbers: list[int]
    ) -> Tensor:
        """log-density or log-probability on the continuum, (members, k, n)."""
        log_density = continuum.log_density(cells.u[..., numbers, :])
        lattices = _positions(self.columns.is_lattice, numbers)
        if lattices and cells.intervals is not None:
            log_density = log_density.clone()
            of_lattices = continuum.take(lattices)
            log_density[..., lattices, :] = of_lattices.log_interval(cells.intervals)
        angles = _positions(self.columns.is_circular, numbers)
        if angles and cells.other_turn is not None:
            u, log_slope = cells.other_turn
            other = continuum.take(angles).log_density(u) + log_slope
            log_density = log_density.clone()
            log_density[..., angles, :] = torch.logaddexp(log_density[..., angles, :], other)
        return log_density

    def _log_states(
        self, cells: PackedCells, corrections: NetOutputs, with_atoms: list[int]
    ) -> Tensor:
        """log-probabilities of the states of columns with atoms, (members, l, n)."""
        start = self.log_states[..., with_atoms, :].mT.unsqueeze(-1)
        log_states = (start.to(corrections.logits) + corrections.logits).log_softmax(-3)
        state = cells.state[..., with_atoms, :].clamp_min(0).long().unsqueeze(-3)
        own = log_states.gather(-3, state).squeeze(-3)
        return torch.where(cells.observed[..., with_atoms, :], own, 0.0)


class _Draw(NamedTuple):
    """Ranks of the columns (members, d, n), and how many of a row's cells are known.

    The latter is a level from 0 to 1, (members, n). Where the order is one of those that the
    density is evaluated in, `is_fixed` (members, n), the next column of the order counts most.
    """

    rank: Tensor
    level: Tensor
    is_fixed: Tensor


def _uniform(shape: Sequence[int], generator: Generator) -> Tensor:
    """Numbers from 0 to 1, in float32 whatever the default dtype is."""
    return torch.rand(*shape, generator=generator, dtype=torch.float32)


def _normal(shape: Sequence[int], generator: Generator) -> Tensor:
    """Standard normal numbers, in float32 whatever the default dtype is."""
    return torch.randn(*shape, generator=generator, dtype=torch.float32)


def _known_and_targets(observed: Tensor, draw: _Draw) -> tuple[Tensor, Tensor]:
    """The known cells, and weights of the others, (members, d, n): the number of cells in sum."""
    d = observed.shape[-2]
    rank = torch.where(observed, draw.rank, d).argsort(-2).argsort(-2)  # observed cells first
    n_observed = observed.sum(-2, keepdim=True)
    n_known = (draw.level.unsqueeze(-2) * n_observed).floor()
    known = observed & (rank < n_known)
    others = (observed & ~known).to(n_known) / (n_observed - n_known).clamp_min(1)
    is_next = observed & (rank == n_known)
    share = _SHARE_OF_NEXT * draw.is_fixed.unsqueeze(-2).to(n_known)
    return known, n_observed * torch.lerp(others, is_next.to(others), share)


def conditional_t(
    loc: Tensor, scatter: Tensor, df: Tensor, u: Tensor, known: Tensor
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Student's t of every cell given the known ones, directly rather than one by one.

    Parameters
    ----------
    loc : Tensor of shape (members, 1, d)
    scatter : Tensor of shape (members, 1, d, d)
    df : Tensor of shape (members,)
    u, known : Tensor of shape (members, d, n)

    Returns
    -------
    loc, scale : Tensor of shape (members, d, n)
    df : Tensor of shape (members, 1, n)
    residuals : Tensor of shape (members, d, n)
        Those of `Belief`.
    """
    members, d, n = u.shape
    patterns, pattern_of = distinct_patterns(known.movedim(1, 2).reshape(members * n, d))
    member = torch.arange(members, device=u.device).repeat_interleave(n)
    both, row_pair = torch.unique(pattern_of * members + member, return_inverse=True)
    seen = patterns[both // members].to(u.dtype)  # (pairs, d)
    s = scatter[both % members, 0]
    masked = s * seen.unsqueeze(-1) * seen.unsqueeze(-2) + torch.diag_embed(1 - seen)
    factor = torch.linalg.cholesky(masked)
    eye = torch.eye(d, dtype=s.dtype, device=s.device)
    inverse = torch.linalg.solve_triangular(factor, eye.expand_as(factor), upper=False)
    cross = inverse @ (s * seen.unsqueeze(-1))
    own = s.diagonal(dim1=-2, dim2=-1)
    variance = (own - cross.square().sum(-2)).maximum(_MIN_SHARE * own)
    center = loc[:, 0].unsqueeze(-1)
    surprise = torch.where(known, u - center, 0.0).movedim(1, 2).reshape(members * n, d)
    own_inverse = inverse[row_pair]
    white = bounded_surprise((own_inverse @ surprise.unsqueeze(-1)).squeeze(-1))  # (rows, d)
    weighted = (white.unsqueeze(-2) @ own_inverse).squeeze(-2)  # precision times surprise
    expected = (weighted.unflatten(0, (members, n)) @ scatter[:, 0]).flatten(0, 1)
    deviation = inverse.square().sum(-2).sqrt()  # of the precision's diagonal
    residuals = weighted / deviation[row_pair]
    count, distance = seen.sum(-1)[row_pair], white.square().sum(-1)
    rows_df = df[member] + count
    spread = (df[member] + distance) / rows_df
    scale = (variance[row_pair] * spread.unsqueeze(-1)).sqrt()

    def as_columns(rows: Tensor) -> Tensor:
        return rows.unflatten(0, (members, n)).movedim(1, 2)

    return (
        center + as_columns(expected),
        as_columns(scale),
        as_columns(rows_df.unsqueeze(-1)),
        as_columns(residuals),
    )


def _positions(flags: list[bool], numbers: list[int]) -> list[int]:
    """Where the flagged columns are among the given ones."""
    return [k for k, j in enumerate(numbers) if flags[j]]
