"""Many Gaussians at once: mixtures with a factor each, and kernels that share a bandwidth."""

import math

import torch
from torch import Generator, Tensor

from skflow.flows.density import Density

_LOG_2PI = math.log(2 * math.pi)


class Gaussians(Density):
    """A mixture of k Gaussians with covariances L Lᵀ.

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
        white = torch.linalg.solve_triangular(self.factors, centred, upper=False)
        log_norm = self.factors.diagonal(dim1=-2, dim2=-1).log().sum(-1, keepdim=True)
        each = -0.5 * (_squares(white, dim=-2) + x.shape[-1] * _LOG_2PI) - log_norm
        return torch.logsumexp(each + self.log_weights.unsqueeze(-1), dim=0)

    def sample(self, n: int, generator: Generator, context: Tensor | None = None) -> Tensor:
        chosen = _draw(self.log_weights, n, generator)
        noise = torch.randn(n, self.means.shape[1], generator=generator, dtype=torch.float64)
        moved = self.factors[chosen] @ noise.to(self.means).unsqueeze(-1)
        return self.means[chosen] + moved.squeeze(-1)


class Kernels(Density):
    """Equal round Gaussians at weighted centres: a kernel density.

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
        offsets = (x.mT.unsqueeze(-1) - self.centres.mT.unsqueeze(1)) / self.bandwidth  # (d, n, k)
        each = -0.5 * _squares(offsets, dim=0) + self.log_weights
        log_norm = x.shape[-1] * (self.bandwidth.log() + 0.5 * _LOG_2PI)
        return torch.logsumexp(each, dim=-1) - log_norm

    def sample(self, n: int, generator: Generator, context: Tensor | None = None) -> Tensor:
        chosen = _draw(self.log_weights, n, generator)
        noise = torch.randn(n, self.centres.shape[1], generator=generator, dtype=torch.float64)
        return self.centres[chosen] + self.bandwidth * noise.to(self.centres)


def _squares(x: Tensor, dim: int) -> Tensor:
    """Sum of squares, finite however large x is."""
    largest = math.sqrt(torch.finfo(x.dtype).max / (4 * x.shape[dim]))
    return x.clamp(-largest, largest).square().sum(dim)


def _draw(log_weights: Tensor, n: int, generator: Generator) -> Tensor:
    weights = log_weights.double().exp().cpu()
    drawn = torch.multinomial(weights, n, replacement=True, generator=generator)
    return drawn.to(log_weights.device)
