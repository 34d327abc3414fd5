"""Elliptical parts: Student's t and Gaussian mixtures, which condition in closed form."""

import torch
from torch import Tensor

from skflow.flows.any_order.belief import Belief, EllipticalStart, patterns_of
from skflow.flows.any_order.column_conditional import ColumnConditional
from skflow.flows.any_order.columns import ON_CONTINUUM, ColumnCells, Columns
from skflow.flows.any_order.continuum import Continuum
from skflow.flows.any_order.links import Links
from skflow.flows.any_order.part import Knowledge, Part


class Elliptical(Part):
    """A mixture of m elliptical distributions of the latent values, with states beside them.

    In each component the states of all columns are independent of each other and of the
    numbers, so marginals and conditionals are of the same form: for columns without lattices
    they are exactly those of the joint density.

    Parameters
    ----------
    columns, links, orders
        As in `Part`.
    log_weights : Tensor of shape (m,)
    loc : Tensor of shape (m, d)
    scatter : Tensor of shape (m, d, d)
    df : Tensor of shape ()
        Degrees of freedom.
    log_states : Tensor of shape (m, d, n_states)
        log-probabilities of the states of each column, −∞ for those that it does not have.
    """

    log_weights: Tensor
    loc: Tensor
    scatter: Tensor
    df: Tensor
    log_states: Tensor

    def __init__(
        self,
        columns: Columns,
        links: Links,
        orders: Tensor,
        log_weights: Tensor,
        loc: Tensor,
        scatter: Tensor,
        df: Tensor,
        log_states: Tensor,
    ):
        super().__init__(columns, links, orders)
        self.register_buffer("log_weights", log_weights)
        self.register_buffer("loc", loc)
        self.register_buffer("scatter", scatter)
        self.register_buffer("df", df)
        self.register_buffer("log_states", log_states)

    def begin(self, n: int, context: Tensor | None, *known: Tensor) -> "EllipticalKnowledge":
        patterns = patterns_of(*known)
        start = EllipticalStart(self.loc, self.scatter, self.df)
        return EllipticalKnowledge(self, Belief(start, *patterns), context, n)


class EllipticalKnowledge(Knowledge):
    """A belief of each component, and the weights of the components."""

    def __init__(self, part: Elliptical, belief: Belief, context: Tensor | None, n: int):
        self._part, self._belief, self._context = part, belief, context
        self._log_weights = part.log_weights.unsqueeze(1).expand(-1, n)

    def column(self, j: int) -> ColumnConditional:
        part, continuum, log_states = self._part, None, None
        if part.columns.has_continuum[j]:
            continuum = Continuum(*self._belief.marginal(j), self._belief.df)
        if part.columns.n_atoms[j]:
            n = self._log_weights.shape[1]
            log_states = part.log_states[:, j].unsqueeze(1).expand(-1, n, -1)
        return ColumnConditional(
            j, part.columns, part.links, self._context, self._log_weights, log_states, continuum
        )

    def observe(self, j: int, cells: ColumnCells, rows: Tensor, log_components: Tensor) -> None:
        updated = (self._log_weights + torch.where(rows, log_components, 0.0)).log_softmax(0)
        self._log_weights = updated
        is_number = rows & (cells.state == ON_CONTINUUM)
        if self._part.columns.has_continuum[j] and bool(is_number.any()):
            self._belief.observe(j, cells.u, is_number)
