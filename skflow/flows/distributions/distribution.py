"""The contract of a density, be it a base, a flow or a mixture of flows."""

from abc import ABC, abstractmethod

from torch import Generator, Tensor, nn


class Density(nn.Module, ABC):
    """Something with a log-likelihood that can be drawn from; called, it is its log_prob."""

    def forward(self, x: Tensor, context: Tensor | None = None) -> Tensor:
        """As `log_prob`: what torch.export takes."""
        return self.log_prob(x, context)

    @abstractmethod
    def log_prob(self, x: Tensor, context: Tensor | None = None) -> Tensor:
        """log p(x | context), (..., n, d) and (..., n, c) to (..., n), in nats."""

    @abstractmethod
    def sample(self, n: int, generator: Generator, context: Tensor | None = None) -> Tensor:
        """Draw n rows, (n, d), given the n rows of the context if there is one."""


class Base(Density):
    """A density that flows end at; with one column it knows its distribution function."""

    @property
    def has_variance(self) -> bool:
        """Whether its variance is finite."""
        return True

    @abstractmethod
    def cdf(self, z: Tensor) -> Tensor:
        """P(Z ≤ z) of one column, for z of any shape."""

    @abstractmethod
    def quantile(self, levels: Tensor) -> Tensor:
        """Where the distribution function of one column reaches the levels."""
