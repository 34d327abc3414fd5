"""A weighted sum of densities is a density."""

from collections.abc import Iterable, Sequence

import torch
from torch import Generator, Tensor, nn

from skflow.flows.distributions.distribution import Density

_FARTHEST = 1e15  # that bijections are asked to bear in float32


class Mixture(Density):
    """log p(x) = log Σ_k w_k p_k(x), computed in the precision of the weights.

    Parameters
    ----------
    parts : iterable of Density
    weights : Tensor of shape (n_parts,)
        Non-negative, with sum 1.
    """

    components: Sequence[Density]
    weights: Tensor

    def __init__(self, components: Iterable[Density], weights: Tensor):
        super().__init__()
        self.components = nn.ModuleList(components)  # type: ignore[assignment]
        self.register_buffer("weights", weights)
        self._asked = (weights > 0).tolist()  # here, so that log_prob can be exported

    def log_prob(self, x: Tensor, context: Tensor | None = None) -> Tensor:
        """log p(x | context), (n, d) to (n,), in nats; parts of weight 0 are not asked."""
        x = self._in_precision(x)
        context = None if context is None else self._in_precision(context)
        terms = [
            component.log_prob(x, context) + weight.log()
            for component, weight, asked in zip(
                self.components, self.weights, self._asked, strict=True
            )
            if asked
        ]
        return torch.logsumexp(torch.stack(terms), dim=0)

    def sample(self, n: int, generator: Generator, context: Tensor | None = None) -> Tensor:
        """Draw n rows, (n, d), each from a part drawn by weight."""
        chosen = torch.multinomial(
            self.weights.double().cpu(), n, replacement=True, generator=generator
        )
        rows, order = [], []
        context = None if context is None else self._in_precision(context)
        for k, component in enumerate(self.components):
            at = (chosen == k).nonzero().squeeze(-1)
            if len(at):
                given = None if context is None else context[at.to(context.device)]
                rows.append(component.sample(len(at), generator, given))
                order.append(at)
        drawn = torch.cat(rows)
        return drawn[torch.cat(order).argsort().to(drawn.device)]

    def _in_precision(self, x: Tensor) -> Tensor:
        """x, rounded where the weights are; what float32 cannot hold is moved in."""
        if x.dtype == self.weights.dtype:
            return x
        return x.clamp(-_FARTHEST, _FARTHEST).to(self.weights.dtype)
