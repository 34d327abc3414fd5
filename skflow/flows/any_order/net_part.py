"""The part that is learned: Student's t given any cells, corrected by a network."""

import torch
from torch import Tensor

from skflow.flows.any_order.belief import Belief, EllipticalStart, patterns_of
from skflow.flows.any_order.column_conditional import ColumnConditional
from skflow.flows.any_order.columns import ON_CONTINUUM, ColumnCells, Columns
from skflow.flows.any_order.conditional_net import ConditionalNet, NetInputs, NetOutputs
from skflow.flows.any_order.continuum import Continuum
from skflow.flows.any_order.links import Links
from skflow.flows.any_order.part import Knowledge, Part


class NetPart(Part):
    """Conditionals of a Student t, whose location, scale, shape and states a network corrects.

    Where the network's output is 0, as at first, each chain is that of the t. The network sees
    the known cells, and in place of the others what the t expects of them.

    Parameters
    ----------
    columns, links, orders
        As in `Part`.
    loc : Tensor of shape (1, d)
    scatter : Tensor of shape (1, d, d)
    df : Tensor of shape ()
    log_states : Tensor of shape (d, n_states)
    net : ConditionalNet
    """

    loc: Tensor
    scatter: Tensor
    df: Tensor
    log_states: Tensor

    def __init__(
        self,
        columns: Columns,
        links: Links,
        orders: Tensor,
        loc: Tensor,
        scatter: Tensor,
        df: Tensor,
        log_states: Tensor,
        net: ConditionalNet,
    ):
        super().__init__(columns, links, orders)
        self.register_buffer("loc", loc)
        self.register_buffer("scatter", scatter)
        self.register_buffer("df", df)
        self.register_buffer("log_states", log_states)
        self.net = net

    def begin(self, n: int, context: Tensor | None, *known: Tensor) -> "NetKnowledge":
        start = EllipticalStart(self.loc, self.scatter, self.df)
        belief = Belief(start, *patterns_of(*known), with_residuals=True)
        return NetKnowledge(self, belief, context, n)


class NetKnowledge(Knowledge):
    """The t given the cells seen so far, and these cells as the network sees them."""

    def __init__(self, part: NetPart, belief: Belief, context: Tensor | None, n: int):
        self._part, self._belief, self._context = part, belief, context
        self._log_weights = torch.zeros_like(belief.loc[..., 0])  # (1, n)
        self._known = torch.zeros_like(belief.loc[0].T)  # (d, n)
        self._state = torch.zeros_like(self._known)
        self._hidden: Tensor | None = None

    def column(self, j: int) -> ColumnConditional:
        part, log_states, continuum = self._part, None, None
        corrections = part.net.outputs_of(j, self._hidden_units())
        if part.columns.has_continuum[j]:
            loc, scale = self._belief.marginal(j)
            continuum = corrected(loc, scale, self._belief.df, corrections, part.net)
        if part.columns.n_atoms[j]:
            logits = part.log_states[j].unsqueeze(-1) + corrections.logits[..., 0, :]
            log_states = logits.log_softmax(0).T.unsqueeze(0).to(self._log_weights)
        return ColumnConditional(
            j, part.columns, part.links, self._context, self._log_weights, log_states, continuum
        )

    def observe(self, j: int, cells: ColumnCells, rows: Tensor, log_components: Tensor) -> None:
        self._hidden = None
        self._known[j] = torch.where(rows, 1.0, self._known[j])
        self._state[j] = torch.where(rows, cells.state.to(self._state), self._state[j])
        is_number = rows & (cells.state == ON_CONTINUUM)
        if self._part.columns.has_continuum[j] and bool(is_number.any()):
            self._belief.observe(j, cells.u, is_number)

    def _hidden_units(self) -> Tensor:
        if self._hidden is None:
            loc, residuals = self._belief.loc[0].T, self._belief.residuals[0].T
            inputs = NetInputs(loc, residuals, self._known, self._state)
            self._hidden = self._part.net.hidden(inputs, self._context)
        return self._hidden


def corrected(
    loc: Tensor, scale: Tensor, df: Tensor, corrections: NetOutputs, net: ConditionalNet
) -> Continuum:
    """The continuum of k columns, (..., k, n), whose spline has the precision of the network."""
    return Continuum(
        loc + scale * corrections.shift,
        scale * corrections.log_scale.exp(),
        df.to(corrections.shift),
        net.spline,
        corrections.raw,
    )
