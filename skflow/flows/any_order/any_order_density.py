"""AnyOrderDensity: one density for rows with holes, conditionals, marginals and atoms."""

import copy
from collections.abc import Iterable, Sequence

import torch
from torch import Generator, Tensor, nn

from skflow.flows.any_order.column_mixture import ColumnMixture
from skflow.flows.any_order.columns import Columns
from skflow.flows.any_order.net_part import NetPart
from skflow.flows.any_order.part import Part
from skflow.flows.bijections import Chain
from skflow.flows.distributions.distribution import Density


class AnyOrderDensity(Density):
    """p(x) = Σ_k w_k p_k(x) for parts that take rows with holes.

    NaN is a missing cell. The density of a row is that of its observed cells; that of a row
    without any is 1.

    Parameters
    ----------
    columns : Columns
    parts : iterable of Part
    weights : Tensor of shape (n_parts,)
        Positive, with sum 1.
    context_transform : Chain, optional
        Applied to the context first.
    """

    weights: Tensor

    def __init__(
        self,
        columns: Columns,
        parts: Iterable[Part],
        weights: Tensor,
        context_transform: Chain | None = None,
    ):
        super().__init__()
        self.context_transform = context_transform or Chain()
        self.columns = columns
        self.components: Sequence[Part] = nn.ModuleList(parts)  # type: ignore[assignment]
        self.register_buffer("weights", weights)

    def log_prob(self, x: Tensor, context: Tensor | None = None) -> Tensor:
        """log p of the observed cells of rows (n, d), (n,), in nats."""
        return self.log_prob_given(x, torch.zeros_like(x, dtype=torch.bool), context)

    def log_prob_given(self, x: Tensor, given: Tensor, context: Tensor | None = None) -> Tensor:
        """log p of the other observed cells given some of them, those `given` (n, d), in nats."""
        context = self._context(context)
        each = [part.log_probs(x, given, context) for part in self.components]
        log_given = torch.stack([log_probs.given for log_probs in each]) + self._log_weights
        log_rest = torch.stack([log_probs.rest for log_probs in each])
        log_prob = torch.logsumexp(log_given.log_softmax(0) + log_rest, dim=0)
        return torch.where(self.columns.contains(x), log_prob, -torch.inf)

    def sample(self, n: int, generator: Generator, context: Tensor | None = None) -> Tensor:
        """Draw n rows (n, d) without holes."""
        x = torch.full((n, len(self.columns)), torch.nan).to(self.weights)
        return self.complete(x, generator, context)

    def complete(
        self,
        x: Tensor,
        generator: Generator,
        context: Tensor | None = None,
        columns: Tensor | None = None,
    ) -> Tensor:
        """Rows (n, d) with all missing cells drawn given the observed ones.

        Only those of some `columns`, bool (d,), if they are given: the others stay missing.
        """
        context = self._context(context)
        label = self._drawn_parts(x, generator, context)
        out = x.clone()
        for k, part in enumerate(self.components):
            rows = (label == k).nonzero()[:, 0]
            if len(rows):
                own = None if context is None else context[rows]
                out[rows] = part.complete(x[rows], generator, own, columns)
        return out

    def conditionals(
        self, x: Tensor, columns: Iterable[int], context: Tensor | None = None
    ) -> dict[int, ColumnMixture]:
        """The distributions of some columns, given the observed cells of rows (n, d)."""
        context = self._context(context)
        known = [part.know(x, context) for part in self.components]
        log_weights = torch.stack([log_prob for _, log_prob in known]) + self._log_weights
        log_weights = log_weights.log_softmax(0)
        return {
            j: ColumnMixture(log_weights, tuple(knowledge.column(j) for knowledge, _ in known))
            for j in columns
        }

    def with_base_dtype(self, dtype: torch.dtype) -> "AnyOrderDensity":
        """The same density with the networks, which are most of the work, in another dtype."""
        density = copy.deepcopy(self)
        for part in density.components:
            if isinstance(part, NetPart):
                part.net.to(dtype)
        return density

    def parts(self, n_parts: int) -> "list[AnyOrderDensity]":
        """As `Mixture.parts`: the densities whose mean this density is."""
        return [
            AnyOrderDensity(
                self.columns,
                self.components[k::n_parts],
                self.weights[k::n_parts] * n_parts,
                self.context_transform,
            ).eval()
            for k in range(n_parts)
        ]

    def _context(self, context: Tensor | None) -> Tensor | None:
        return None if context is None else self.context_transform(context)[0]

    @property
    def _log_weights(self) -> Tensor:
        """(n_parts, 1)."""
        return self.weights.log().unsqueeze(-1)

    def _drawn_parts(self, x: Tensor, generator: Generator, context: Tensor | None) -> Tensor:
        """The number of a part for each row, drawn by the weights given its observed cells."""
        if bool(x.isnan().all()):
            weights = self.weights.expand(len(x), -1)
        else:
            nothing = torch.zeros_like(x, dtype=torch.bool)
            each = [part.log_probs(x, nothing, context).rest for part in self.components]
            weights = (torch.stack(each) + self._log_weights).softmax(0).T
        return torch.multinomial(
            weights.double().cpu(), 1, replacement=True, generator=generator
        ).squeeze(1)
