"""A density: a chain of bijections over a base."""

import copy
import itertools

import torch
from torch import Generator, Tensor

from skflow.flows.bijections import Chain, Continuous
from skflow.flows.distributions.distribution import Density
from skflow.flows.distributions.mixed_precision import with_float32_networks

# What is mapped at a time: enough for small operations, few enough for the cache.
_MAX_VALUES, _MAX_ROWS = 65_536, 4096
_MAX_ROWS_BY_COLUMN = 16_384


class Flow(Density):
    """log p(x) = log p_Z(f(x)) + log |det J_f(x)|.

    Parameters
    ----------
    chain : Chain
        f, from data to latent.
    base : Density
        p_Z: a simple density, or a whole mixture of flows.
    given : Chain, optional
        What the context goes through first. It is no variable of the density, so its
        log-determinant does not count.
    """

    def __init__(self, chain: Chain, base: Density, context_transform: Chain | None = None):
        super().__init__()
        self.chain = chain
        self.base = base
        self.context_transform = context_transform or Chain()

    def log_prob(self, x: Tensor, context: Tensor | None = None) -> Tensor:
        """log p(x | context), (..., n, d) to (..., n), in nats."""
        context = self._given(context)
        z, log_det = self.chain(x, context)
        return self.base.log_prob(z, context) + log_det

    @property
    def by_regression(self) -> Continuous | None:
        """The link that is trained by regression, where there is one."""
        bijections = list(self.chain.bijections)
        if len(bijections) == 1 and isinstance(bijections[0], Continuous) and bijections[0].path:
            return bijections[0]
        return None

    def sample(self, n: int, generator: Generator, context: Tensor | None = None) -> Tensor:
        """Draw n rows, (n, d), in the dtype and on the device of the chain.

        Where they are many, with the networks in float32: see `with_float32_networks`.
        """
        context = self._given(context)
        z = self.base.sample(n, generator, context).to(self._like())
        x = torch.empty_like(z)
        block = self._rows_at_a_time(z.shape[-1])
        # few rows are not worth a copy of the networks
        chain = self.chain if n <= block else with_float32_networks(self.chain)
        for start in range(0, n, block):
            rows = slice(start, start + block)
            condition = None if context is None else context[rows]
            x[rows] = chain.inverse(z[rows], condition)[0]
        return x

    def _rows_at_a_time(self, n_columns: int) -> int:
        if any(getattr(part, "sequential_inverse", False) for part in self.chain.modules()):
            return _MAX_ROWS_BY_COLUMN
        return min(_MAX_ROWS, max(1, _MAX_VALUES // n_columns))

    def rounded(self, dtype: torch.dtype) -> "Flow":
        """The same density with its base, by far the most of the work, in another precision.

        The chain stays as it is, so that units are left in the precision of the data.
        """
        return Flow(self.chain, copy.deepcopy(self.base).to(dtype), self.context_transform)

    def _given(self, context: Tensor | None) -> Tensor | None:
        return None if context is None else self.context_transform(context)[0]

    def _like(self) -> Tensor:
        tensors = itertools.chain(self.chain.buffers(), self.chain.parameters())
        return next(tensors, torch.empty(0, dtype=torch.float64))
