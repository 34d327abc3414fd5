"""Flow: the density of a chain of bijections over a base."""

import copy
import itertools

import torch
from torch import Generator, Tensor

from skflow.flows.bijections import Chain, Continuous
from skflow.flows.distributions.distribution import Density
from skflow.flows.distributions.interval import Interval
from skflow.flows.distributions.mixed_precision import with_float32_networks
from skflow.flows.distributions.mixture import Mixture

# Sizes of the blocks that samples are mapped in: large enough for the overhead of operations,
# small enough for the cache.
_MAX_VALUES, _MAX_ROWS = 65_536, 4096
_MAX_ROWS_SEQUENTIAL = 16_384


class Flow(Density):
    """log p(x) = log p_Z(f(x)) + log |det J_f(x)|.

    Parameters
    ----------
    chain : Chain
        f, from data to latent variables.
    base : Density
        p_Z: a simple density, or a mixture of flows.
    context_transform : Chain, optional
        Applied to the context first. The context is not a variable of the density, so the
        log-determinant does not count.
    """

    def __init__(self, chain: Chain, base: Density, context_transform: Chain | None = None):
        super().__init__()
        self.chain = chain
        self.base = base
        self.context_transform = context_transform or Chain()

    def log_prob(self, x: Tensor, context: Tensor | None = None) -> Tensor:
        """log p(x | context), from (..., n, d) and (..., n, c) to (..., n), in nats."""
        context = self._transform_context(context)
        z, log_det = self.chain(x, context)
        return self.base.log_prob(z, context) + log_det

    def log_interval(self, interval: Interval, context: Tensor | None = None) -> Tensor:
        """log P(low < X ≤ high | context): in one column, every bijection is monotone."""
        context = self._transform_context(context)
        return self.base.log_interval(interval.through(self.chain, context), context)

    @property
    def regression_bijection(self) -> Continuous | None:
        """The bijection that is trained by regression instead of maximum likelihood, if any."""
        bijections = list(self.chain.bijections)
        if len(bijections) == 1 and isinstance(bijections[0], Continuous) and bijections[0].path:
            return bijections[0]
        return None

    def sample(self, n: int, generator: Generator, context: Tensor | None = None) -> Tensor:
        """Draw n samples, (n, d), in the dtype and on the device of the chain.

        Many samples are drawn with the networks in float32: see `with_float32_networks`.
        """
        context = self._transform_context(context)
        z = self.base.sample(n, generator, context).to(self._reference_tensor())
        x = torch.empty_like(z)
        block_size = self._block_size(z.shape[-1])
        # few samples are not worth copying the networks
        chain = self.chain if n <= block_size else with_float32_networks(self.chain)
        for start in range(0, n, block_size):
            rows = slice(start, start + block_size)
            block_context = None if context is None else context[rows]
            x[rows] = chain.inverse(z[rows], block_context)[0]
        return x

    def with_base_dtype(self, dtype: torch.dtype) -> "Flow":
        """The same density with the base, which is most of the work, in another dtype.

        The chain keeps its dtype, so that units are removed in the precision of the data.
        """
        return Flow(self.chain, copy.deepcopy(self.base).to(dtype), self.context_transform)

    def parts(self, n_parts: int) -> "list[Flow]":
        """The flows over `Mixture.parts` of the base, whose mean this density is."""
        assert isinstance(self.base, Mixture)
        bases = self.base.parts(n_parts)
        return [Flow(self.chain, base, self.context_transform).eval() for base in bases]

    def _block_size(self, n_columns: int) -> int:
        modules = self.chain.modules()
        if any(getattr(module, "sequential_inverse", False) for module in modules):
            return _MAX_ROWS_SEQUENTIAL
        return min(_MAX_ROWS, max(1, _MAX_VALUES // n_columns))

    def _transform_context(self, context: Tensor | None) -> Tensor | None:
        return None if context is None else self.context_transform(context)[0]

    def _reference_tensor(self) -> Tensor:
        """A tensor with the dtype and the device of the chain."""
        tensors = itertools.chain(self.chain.buffers(), self.chain.parameters())
        return next(tensors, torch.empty(0, dtype=torch.float64))
