"""Gaussian mixtures, and kernel densities with one bandwidth."""

import math

import torch
from torch import Generator, Tensor

from skflow.flows.distributions.distribution import Density
from skflow.flows.distributions.interval import Interval
from skflow.flows.distributions.normal_and_t import StandardNormal

_LOG_2PI = math.log(2 * math.pi)
_MAX_DISTANCES = 200_000  # at a time, so that they stay in the cache
# Its exp is lost when added to 1; that of much smaller numbers is subnormal, which is slow.
_MIN_EXPONENT = -80.0


class GaussianMixture(Density):
    """A mixture of k Gaussians with covariances L Lᵀ.

    Parameters
    ----------
    log_weights : Tensor of shape (k,)
    means : Tensor of shape (k, d)
    factors : Tensor of shape (k, d, d)
        Lower triangular L.
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
        centered = (x.unsqueeze(0) - self.means.unsqueeze(1)).mT  # (k, d, n)
        white = torch.linalg.solve_triangular(self.factors, centered, upper=False)
        white = _clamp_squarable(white, x)
        log_norm = self.factors.diagonal(dim1=-2, dim2=-1).log().sum(-1, keepdim=True)
        log_probs = -0.5 * (white.square().sum(-2) + x.shape[-1] * _LOG_2PI) - log_norm
        return torch.logsumexp(log_probs + self.log_weights.unsqueeze(-1), dim=0)

    def log_interval(self, interval: Interval, context: Tensor | None = None) -> Tensor:
        scales = self.factors[:, 0]  # of the only column
        log_probs = StandardNormal(1).log_interval(interval.standardized(self.means, scales))
        return torch.logsumexp(log_probs + self.log_weights.unsqueeze(-1), dim=0)

    def sample(self, n: int, generator: Generator, context: Tensor | None = None) -> Tensor:
        components = _sample_components(self.log_weights, n, generator)
        noise = torch.randn(n, self.means.shape[1], generator=generator, dtype=torch.float64)
        offsets = self.factors[components] @ noise.to(self.means).unsqueeze(-1)
        return self.means[components] + offsets.squeeze(-1)


class GaussianKernels(Density):
    """A kernel density: isotropic Gaussians of one bandwidth at weighted centers.

    Parameters
    ----------
    log_weights : Tensor of shape (k,)
    centers : Tensor of shape (k, d)
    bandwidth : Tensor of shape ()
        Standard deviation of the Gaussians.
    """

    log_weights: Tensor
    centers: Tensor
    bandwidth: Tensor

    def __init__(self, log_weights: Tensor, centers: Tensor, bandwidth: Tensor):
        super().__init__()
        self.register_buffer("log_weights", log_weights)
        self.register_buffer("centers", centers)
        self.register_buffer("bandwidth", bandwidth)

    def log_prob(self, x: Tensor, context: Tensor | None = None) -> Tensor:
        log_norm = x.shape[-1] * (self.bandwidth.log() + 0.5 * _LOG_2PI)
        if torch.compiler.is_compiling() or not x.is_cpu:
            return self._log_sums(x) - log_norm
        blocks = x.split(max(1, _MAX_DISTANCES // len(self.centers)))
        return torch.cat([self._log_sums(rows) for rows in blocks]) - log_norm

    def log_interval(self, interval: Interval, context: Tensor | None = None) -> Tensor:
        if torch.compiler.is_compiling() or not interval.low.is_cpu:
            return self._log_sum_of_intervals(interval)
        blocks = interval.split(max(1, _MAX_DISTANCES // len(self.centers)))
        return torch.cat([self._log_sum_of_intervals(block) for block in blocks])

    def sample(self, n: int, generator: Generator, context: Tensor | None = None) -> Tensor:
        components = _sample_components(self.log_weights, n, generator)
        noise = torch.randn(n, self.centers.shape[1], generator=generator, dtype=torch.float64)
        return self.centers[components] + self.bandwidth * noise.to(self.centers)

    def _log_sum_of_intervals(self, interval: Interval) -> Tensor:
        log_probs = StandardNormal(1).log_interval(
            interval.standardized(self.centers, self.bandwidth)
        )
        return torch.logsumexp(log_probs + self.log_weights.unsqueeze(-1), dim=0)

    def _log_sums(self, x: Tensor) -> Tensor:
        """log Σ weight · exp(−squared distance / 2), (n,)."""
        exponents = self.log_weights
        for column, centers in zip(x.unbind(-1), self.centers.unbind(-1), strict=True):
            offsets = _clamp_squarable((column.unsqueeze(-1) - centers) / self.bandwidth, x)
            exponents = torch.addcmul(exponents, offsets, offsets, value=-0.5)
        max_exponent = exponents.amax(-1, keepdim=True)
        terms = (exponents - max_exponent).clamp_min(_MIN_EXPONENT).exp()
        return terms.sum(-1).log() + max_exponent.squeeze(-1)


def _clamp_squarable(offsets: Tensor, x: Tensor) -> Tensor:
    """Clamp offsets of rows x (n, d), so that the sum of d of their squares is finite."""
    largest = math.sqrt(torch.finfo(x.dtype).max / (4 * x.shape[-1]))
    return offsets.clamp(-largest, largest)


def _sample_components(log_weights: Tensor, n: int, generator: Generator) -> Tensor:
    """Draw n indices of components in proportion to their weights, (n,)."""
    weights = log_weights.double().exp().cpu()
    components = torch.multinomial(weights, n, replacement=True, generator=generator)
    return components.to(log_weights.device)
