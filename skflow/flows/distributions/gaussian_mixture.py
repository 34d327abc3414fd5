"""Gaussian mixtures, and Gaussian kernels that share one bandwidth."""

import math

import torch
from torch import Generator, Tensor

from skflow.flows.distributions.distribution import Density

_LOG_2PI = math.log(2 * math.pi)
_MAX_DISTANCES = 200_000  # at a time, that they stay in the cache
_NOTHING = -80.0  # exp of it is lost in a sum, and of much less is slow: no normal number


class GaussianMixture(Density):
    """A mixture of k GaussianMixture with covariances L Lᵀ.

    Parameters
    ----------
    log_weights : Tensor of shape (k,)
    means : Tensor of shape (k, d)
    factors : Tensor of shape (k, d, d)
        The lower triangular L.
    """

    log_weights: Tensor
    means: Tensor
    factors: Tensor

    def __init__(self, log_weights: Tensor, means: Tensor, factors: Tensor):
        super().__init__()
        self.register_buffer("log_weights", log_weights)
        self.register_buffer("means", means)
        self.register_buffer("factors", factors)

    def log_prob(self, x: Tensor, context: Tensor | None = None) -> Tensor:
        centred = (x.unsqueeze(0) - self.means.unsqueeze(1)).mT  # (k, d, n)
        white = _cut(torch.linalg.solve_triangular(self.factors, centred, upper=False), x)
        log_norm = self.factors.diagonal(dim1=-2, dim2=-1).log().sum(-1, keepdim=True)
        each = -0.5 * (white.square().sum(-2) + x.shape[-1] * _LOG_2PI) - log_norm
        return torch.logsumexp(each + self.log_weights.unsqueeze(-1), dim=0)

    def sample(self, n: int, generator: Generator, context: Tensor | None = None) -> Tensor:
        chosen = _draw(self.log_weights, n, generator)
        noise = torch.randn(n, self.means.shape[1], generator=generator, dtype=torch.float64)
        moved = self.factors[chosen] @ noise.to(self.means).unsqueeze(-1)
        return self.means[chosen] + moved.squeeze(-1)


class GaussianKernels(Density):
    """Equal round GaussianMixture at weighted centres: a kernel density.

    Parameters
    ----------
    log_weights : Tensor of shape (k,)
    centres : Tensor of shape (k, d)
    bandwidth : Tensor of shape ()
        Standard deviation of each Gaussian.
    """

    log_weights: Tensor
    centres: Tensor
    bandwidth: Tensor

    def __init__(self, log_weights: Tensor, centres: Tensor, bandwidth: Tensor):
        super().__init__()
        self.register_buffer("log_weights", log_weights)
        self.register_buffer("centres", centres)
        self.register_buffer("bandwidth", bandwidth)

    def log_prob(self, x: Tensor, context: Tensor | None = None) -> Tensor:
        log_norm = x.shape[-1] * (self.bandwidth.log() + 0.5 * _LOG_2PI)
        if torch.compiler.is_compiling() or not x.is_cpu:
            return self._log_sums(x) - log_norm
        blocks = x.split(max(1, _MAX_DISTANCES // len(self.centres)))
        return torch.cat([self._log_sums(rows) for rows in blocks]) - log_norm

    def sample(self, n: int, generator: Generator, context: Tensor | None = None) -> Tensor:
        chosen = _draw(self.log_weights, n, generator)
        noise = torch.randn(n, self.centres.shape[1], generator=generator, dtype=torch.float64)
        return self.centres[chosen] + self.bandwidth * noise.to(self.centres)

    def _log_sums(self, x: Tensor) -> Tensor:
        """log Σ weight · exp(−squared distance / 2), (n,)."""
        exponents = self.log_weights
        for column, centres in zip(x.unbind(-1), self.centres.unbind(-1), strict=True):
            offsets = _cut((column.unsqueeze(-1) - centres) / self.bandwidth, x)
            exponents = torch.addcmul(exponents, offsets, offsets, value=-0.5)
        top = exponents.amax(-1, keepdim=True)
        terms = (exponents - top).clamp_min(_NOTHING).exp()
        return terms.sum(-1).log() + top.squeeze(-1)


def _cut(offsets: Tensor, x: Tensor) -> Tensor:
    """Offsets of rows x (n, d), so that the sum of the d squares of a row is finite."""
    largest = math.sqrt(torch.finfo(x.dtype).max / (4 * x.shape[-1]))
    return offsets.clamp(-largest, largest)


def _draw(log_weights: Tensor, n: int, generator: Generator) -> Tensor:
    weights = log_weights.double().exp().cpu()
    drawn = torch.multinomial(weights, n, replacement=True, generator=generator)
    return drawn.to(log_weights.device)
