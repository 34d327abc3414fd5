"""A part of an any-order density: chains of one-dimensional conditionals in fixed orders."""

from abc import ABC, abstractmethod
from typing import NamedTuple

import torch
from torch import Generator, Tensor, nn

from skflow.flows.any_order.column_conditional import ColumnConditional
from skflow.flows.any_order.columns import Cells, ColumnCells, Columns
from skflow.flows.any_order.links import Links, column_of


class Knowledge(ABC):
    """What a part knows of n rows: the distribution of every column given the cells seen."""

    @abstractmethod
    def column(self, j: int) -> ColumnConditional:
        """The distribution of column j."""

    @abstractmethod
    def observe(self, j: int, cells: ColumnCells, rows: Tensor, log_components: Tensor) -> None:
        """See the cells of column j in some of the rows, (n,).

        `log_components` (m, n) are those of the cells in ``column(j)``.
        """


class LogProbs(NamedTuple):
    """log-densities of each row's given cells, and of its other observed cells given these."""

    given: Tensor
    rest: Tensor


class Part(nn.Module, ABC):
    """A density of rows with holes: p(x) = 1/K Σ_σ Π_k p(x_σ(k) | x_σ(1), …, x_σ(k−1)).

    The product is over the observed columns. Any set of given cells comes first in the order.

    Parameters
    ----------
    columns : Columns
    links : Links
        From the user's units to the latent values that the part is a density of.
    orders : Tensor of int, shape (n_orders, d)
    """

    orders: Tensor

    def __init__(self, columns: Columns, links: Links, orders: Tensor):
        super().__init__()
        self.columns, self.links = columns, links
        self.register_buffer("orders", orders)

    @abstractmethod
    def begin(self, n: int, context: Tensor | None, *known: Tensor) -> Knowledge:
        """Nothing is known of n rows yet; `known` (n, d) are the cells that will be seen."""

    def log_probs(self, x: Tensor, given: Tensor, context: Tensor | None = None) -> LogProbs:
        """log-densities of rows (n, d) whose cells `given` (n, d) come first, in nats."""
        cells = self.columns.split(x, self.links, context)
        stages = given & cells.observed, ~given & cells.observed
        numbers = [stage & cells.on_continuum for stage in stages]
        chains = []
        for order in self.orders.tolist():
            knowledge = self.begin(len(x), context, *numbers)
            chains.append(
                torch.stack([self._along(order, knowledge, cells, rows) for rows in stages])
            )
        mean = torch.logsumexp(torch.stack(chains), dim=0) - _log(len(chains), x)
        return LogProbs(*mean.unbind())

    def know(self, x: Tensor, context: Tensor | None = None) -> tuple[Knowledge, Tensor]:
        """What is known once the observed cells of rows (n, d) are seen, and their log-density.

        In the first of the orders.
        """
        cells = self.columns.split(x, self.links, context)
        knowledge = self.begin(len(x), context, cells.on_continuum)
        order = self.orders[0].tolist()
        return knowledge, self._along(order, knowledge, cells, cells.observed)

    def complete(
        self,
        x: Tensor,
        generator: Generator,
        context: Tensor | None = None,
        columns: Tensor | None = None,
    ) -> Tensor:
        """Rows (n, d) with all missing cells drawn given the observed ones, each in some order.

        Only those of some `columns`, bool (d,), if they are given.
        """
        choice = torch.randint(len(self.orders), (len(x),), generator=generator).to(x.device)
        out = torch.empty_like(x)
        for k, order in enumerate(self.orders.tolist()):
            rows = (choice == k).nonzero()[:, 0]
            if len(rows):
                own = None if context is None else context[rows]
                out[rows] = self._completed(order, x[rows], generator, own, columns)
        return out

    def _along(self, order: list[int], knowledge: Knowledge, cells: Cells, seen: Tensor) -> Tensor:
        """See the cells `seen` (n, d) in an order; their log-density given those known before."""
        total = torch.zeros(len(seen), dtype=cells.columns[0].u.dtype, device=seen.device)
        for j in order:
            rows = seen[:, j]
            if not bool(rows.any()):
                continue
            conditional, column = knowledge.column(j), cells.columns[j]
            log_components = conditional.log_components(column)
            log_prob = torch.logsumexp(log_components + conditional.log_weights, dim=0)
            total = total + torch.where(rows, log_prob, 0.0)
            knowledge.observe(j, column, rows, log_components)
        return total

    def _patterns(self, cells: Cells, missing: Tensor) -> tuple[Tensor, ...]:
        """Tables whose equal rows will see the same numbers, once the missing cells are drawn.

        Draws of atoms or numbers tell all rows apart.
        """
        if bool(missing[:, self.columns.is_mixed].any()):
            return (torch.arange(len(missing), device=missing.device).unsqueeze(1),)
        return cells.on_continuum, missing

    def _completed(
        self,
        order: list[int],
        x: Tensor,
        generator: Generator,
        context: Tensor | None,
        columns: Tensor | None,
    ) -> Tensor:
        missing = x.isnan() if columns is None else x.isnan() & columns
        cells = self.columns.split(x, self.links, context)
        knowledge = self.begin(len(x), context, *self._patterns(cells, missing))
        self._along(order, knowledge, cells, cells.observed)
        x = x.clone()
        for j in order:
            rows = missing[:, j]
            if not bool(rows.any()):
                continue
            conditional = knowledge.column(j)
            x[:, j] = torch.where(rows, conditional.sample(generator), x[:, j])
            column = self.columns.split_column(column_of(x, j), j, self.links, context)
            knowledge.observe(j, column, rows, conditional.log_components(column))
        return x


def _log(number: int, like: Tensor) -> Tensor:
    return torch.tensor(float(number), dtype=like.dtype, device=like.device).log()
