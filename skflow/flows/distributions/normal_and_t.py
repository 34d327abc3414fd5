"""Base densities: the standard normal and the multivariate Student t."""

import math
from collections.abc import Callable

import numpy as np
import torch
from scipy.special import stdtr, stdtrit
from torch import Generator, Tensor, nn

from skflow.flows.distributions.distribution import Base
from skflow.flows.distributions.t_tail import log_t_tail

_LOG_2PI = math.log(2 * math.pi)


class StandardNormal(Base):
    """The standard normal distribution in d dimensions.

    Parameters
    ----------
    n_features : int
        The number d of columns.
    """

    def __init__(self, n_features: int):
        super().__init__()
        self.n_features = n_features

    def log_prob(self, z: Tensor, context: Tensor | None = None) -> Tensor:
        """log p(z), (..., d) to (...), in nats."""
        squares = _clamp_squarable(z, self.n_features).square().sum(-1)  # always finite
        return -0.5 * (squares + self.n_features * _LOG_2PI)

    def cdf(self, z: Tensor) -> Tensor:
        return torch.special.ndtr(z)

    def log_cdf(self, z: Tensor) -> Tensor:
        # torch.special.log_ndtr has a wrong gradient in the far tail
        z = _clamp_squarable(z, 1)
        below, above = z.clamp_max(0), z.clamp_min(0)
        log_tail = (0.5 * torch.special.erfcx(-math.sqrt(0.5) * below)).log() - below.square() / 2
        return torch.where(z < 0, log_tail, (-0.5 * (math.sqrt(0.5) * above).erfc()).log1p())

    def quantile(self, levels: Tensor) -> Tensor:
        return torch.special.ndtri(levels)

    def sample(self, n: int, generator: Generator, context: Tensor | None = None) -> Tensor:
        """Draw n samples, (n, d), in float64 on the CPU."""
        return torch.randn(n, self.n_features, generator=generator, dtype=torch.float64)


class MultivariateT(Base):
    """The standard multivariate Student t in d dimensions, with trainable degrees of freedom.

    log p(z) = log Γ((ν+d)/2) − log Γ(ν/2) − d/2 log(νπ) − (ν+d)/2 log(1 + ‖z‖²/ν)

    Parameters
    ----------
    n_features : int
        The number d of columns.
    df : float
        Initial degrees of freedom ν; in use they are clamped to [0.1, 1e4].
    """

    def __init__(self, n_features: int, df: float):
        super().__init__()
        self.n_features = n_features
        self.log_df = nn.Parameter(torch.tensor(math.log(df), dtype=torch.float32))

    def log_prob(self, z: Tensor, context: Tensor | None = None) -> Tensor:
        """log p(z), (..., d) to (...), in nats."""
        d, log_df = self.n_features, self._log_df()
        df = log_df.exp()
        log_norm = torch.lgamma((df + d) / 2) - torch.lgamma(df / 2)
        log_norm = log_norm - d / 2 * (log_df + math.log(math.pi))
        if z.dim() > 1:
            log_norm, df, log_df = log_norm[..., None], df[..., None], log_df[..., None]
        return log_norm - (df + d) / 2 * _log1p_square(z, log_df)

    def cdf(self, z: Tensor) -> Tensor:
        return torch.from_numpy(stdtr(self._df(), z.double().cpu().numpy())).to(z)

    def log_cdf(self, z: Tensor) -> Tensor:
        log_tail = log_t_tail(z.abs(), self._log_df())
        return torch.where(z < 0, log_tail, (-log_tail.exp()).log1p())

    def quantile(self, levels: Tensor) -> Tensor:
        return torch.from_numpy(stdtrit(self._df(), levels.double().cpu().numpy())).to(levels)

    def sample(self, n: int, generator: Generator, context: Tensor | None = None) -> Tensor:
        """Draw n samples, (n, d), in float64 on the CPU."""
        normal = torch.randn(n, self.n_features, generator=generator, dtype=torch.float64)
        seed = int(torch.randint(2**63 - 1, (), generator=generator))
        df = self._df()
        chi2 = np.random.default_rng(seed).chisquare(df, (n, 1))  # torch cannot draw it
        return normal * torch.from_numpy(np.sqrt(df / np.maximum(chi2, 1e-300)))

    @property
    def has_variance(self) -> bool:
        return self._df() > 2 + 1e-6  # the parameter may be rounded to float32

    def _df(self) -> float:
        return self._log_df().double().exp().item()

    def _log_df(self) -> Tensor:
        return self.log_df.clamp(math.log(0.1), math.log(1e4))


# bases by name, each from a number of columns and the initial degrees of freedom of a t
BASES: dict[str, Callable[[int, float], Base]] = {
    "t": MultivariateT,
    "normal": lambda n_features, df: StandardNormal(n_features),
}


def _clamp_squarable(z: Tensor, n_features: int) -> Tensor:
    """Clamp z (..., d), so that twice its squared norm is finite."""
    largest = math.sqrt(torch.finfo(z.dtype).max / (2 * n_features))
    return z.clamp(-largest, largest)


def _log1p_square(z: Tensor, log_df: Tensor) -> Tensor:
    """log(1 + ‖z‖²/ν), finite even where ‖z‖² overflows."""
    scale = z.detach().abs().amax(-1).clamp_min(1)  # cancels out, so it needs no gradient
    squares = (z / scale.unsqueeze(-1)).square().sum(-1)
    return scale.log() * 2 + (scale.square().reciprocal() + squares * (-log_df).exp()).log()
