"""The contract of a density: a base, a flow or a mixture of flows."""

from abc import ABC, abstractmethod

from torch import Generator, Tensor, nn

from skflow.flows.distributions.interval import Interval, log_probability


class Density(nn.Module, ABC):
    """A density that can be evaluated and sampled from; calling it calls `log_prob`."""

    def forward(self, x: Tensor, context: Tensor | None = None) -> Tensor:
        """As `log_prob`; the method that torch.export exports."""
        return self.log_prob(x, context)

    @abstractmethod
    def log_prob(self, x: Tensor, context: Tensor | None = None) -> Tensor:
        """log p(x | context), from (..., n, d) and (..., n, c) to (..., n), in nats."""

    @abstractmethod
    def sample(self, n: int, generator: Generator, context: Tensor | None = None) -> Tensor:
        """Draw n samples, (n, d), one for each row of the context (n, c) if there is one."""

    def log_interval(self, interval: Interval, context: Tensor | None = None) -> Tensor:
        """log P(low < X ≤ high | context) for the only column, (n,), in nats."""
        raise NotImplementedError(f"{type(self).__name__} has no distribution function.")


class Base(Density):
    """The symmetric density of latent variables; for one column with its distribution function."""

    @property
    def has_variance(self) -> bool:
        """Whether the variance is finite."""
        return True

    @abstractmethod
    def cdf(self, z: Tensor) -> Tensor:
        """P(Z ≤ z) for one column, z of any shape."""

    @abstractmethod
    def log_cdf(self, z: Tensor) -> Tensor:
        """log P(Z ≤ z) for one column, z of any shape; finite, precise and differentiable."""

    @abstractmethod
    def quantile(self, levels: Tensor) -> Tensor:
        """The inverse of `cdf`, for levels between 0 and 1 of any shape."""

    def log_interval(self, interval: Interval, context: Tensor | None = None) -> Tensor:
        return log_probability(
            interval, self.log_cdf, lambda z: self.log_prob(z.unsqueeze(-1), context)
        )
