"""Mixture: a weighted sum of densities."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

import torch
from torch import Generator, Tensor, nn

from skflow.flows.distributions.distribution import Density
from skflow.flows.distributions.interval import Interval

_ENDS = ("low", "high", "log_width")  # the numbers of an interval
_MAX_ABS = 1e15  # up to which bijections stay finite in float32


class Mixture(Density):
    """log p(x) = log Σ_k w_k p_k(x), computed in the precision of the weights.

    Parameters
    ----------
    components : iterable of Density
        p_1, …, p_K.
    weights : Tensor of shape (n_components,)
        Non-negative, with sum 1.
    """

    components: Sequence[Density]
    weights: Tensor

    def __init__(self, components: Iterable[Density], weights: Tensor):
        super().__init__()
        self.components = nn.ModuleList(components)  # type: ignore[assignment]
        self.register_buffer("weights", weights)
        self._is_used = (weights > 0).tolist()  # not in log_prob, so that it can be exported

    def log_prob(self, x: Tensor, context: Tensor | None = None) -> Tensor:
        """log p(x | context), from (n, d) and (n, c) to (n,), in nats.

        Components of weight 0 are not evaluated.
        """
        x, context = self._in_dtype_of_weights(x), self._context(context)
        return self._log_sum(lambda component: component.log_prob(x, context))

    def log_interval(self, interval: Interval, context: Tensor | None = None) -> Tensor:
        ends = {name: self._in_dtype_of_weights(getattr(interval, name)) for name in _ENDS}
        interval, context = replace(interval, **ends), self._context(context)
        return self._log_sum(lambda component: component.log_interval(interval, context))

    def sample(self, n: int, generator: Generator, context: Tensor | None = None) -> Tensor:
        """Draw n samples, (n, d), each from a component drawn by its weight."""
        labels = torch.multinomial(
            self.weights.double().cpu(), n, replacement=True, generator=generator
        )
        samples, order = [], []
        context = self._context(context)
        for k, component in enumerate(self.components):
            index = (labels == k).nonzero().squeeze(-1)
            if len(index):
                own_context = None if context is None else context[index.to(context.device)]
                samples.append(component.sample(len(index), generator, own_context))
                order.append(index)
        by_component = torch.cat(samples)
        return by_component[torch.cat(order).argsort().to(by_component.device)]

    def parts(self, n_parts: int) -> "list[Mixture]":
        """The mixtures of every n-th component, whose mean this mixture is.

        Components k, n + k, 2n + k, ... are in part k, and all parts have the same weight.
        """
        return [
            Mixture(self.components[k::n_parts], self.weights[k::n_parts] * n_parts)
            for k in range(n_parts)
        ]

    def _log_sum(self, log_probs: Callable[[Density], Tensor]) -> Tensor:
        """log Σ w_k p_k, from a function that evaluates log p_k."""
        components = zip(self.components, self.weights, self._is_used, strict=True)
        terms = [log_probs(c) + weight.log() for c, weight, is_used in components if is_used]
        return torch.logsumexp(torch.stack(terms), dim=0)

    def _context(self, context: Tensor | None) -> Tensor | None:
        return None if context is None else self._in_dtype_of_weights(context)

    def _in_dtype_of_weights(self, x: Tensor) -> Tensor:
        """x in the dtype of the weights, clamped to what float32 holds where they differ."""
        if x.dtype == self.weights.dtype:
            return x
        return x.clamp(-_MAX_ABS, _MAX_ABS).to(self.weights.dtype)
