"""Student's t in one dimension, standard, with one number of degrees of freedom per value."""

import math

import torch
from scipy.special import stdtr, stdtrit
from torch import Generator, Tensor

from skflow.flows.distributions.t_tail import log_t_tail


def log_density(z: Tensor, df: Tensor) -> Tensor:
    """log p(z) in nats, for z and df whose shapes broadcast; finite where z² overflows."""
    log_norm = torch.lgamma((df + 1) / 2) - torch.lgamma(df / 2) - 0.5 * (df * math.pi).log()
    scale = z.detach().abs().clamp_min(1)  # cancels out, so it needs no gradient
    inner = (scale.square().reciprocal() + (z / scale).square() / df).log() + 2 * scale.log()
    return log_norm - (df + 1) / 2 * inner


def log_cdf(z: Tensor, df: Tensor) -> Tensor:
    """log P(Z ≤ z), precise in the lower tail and differentiable in z."""
    log_tail = log_t_tail(z.abs(), df.log())
    return torch.where(z < 0, log_tail, (-log_tail.exp()).log1p())


def cdf(z: Tensor, df: Tensor) -> Tensor:
    """P(Z ≤ z), without gradients."""
    return torch.from_numpy(stdtr(_array(df), _array(z))).to(z)


def quantile(levels: Tensor, df: Tensor) -> Tensor:
    """The inverse of `cdf`, for levels between 0 and 1."""
    return torch.from_numpy(stdtrit(_array(df), _array(levels))).to(levels)


def sample(df: Tensor, generator: Generator) -> Tensor:
    """One draw for each number of degrees of freedom, by the quantile function."""
    levels = torch.rand(df.shape, generator=generator, dtype=torch.float64).clamp_min(2.0**-54)
    return quantile(levels.to(df), df)


def _array(values: Tensor) -> Tensor:
    return values.detach().double().cpu().numpy()  # type: ignore[return-value]
