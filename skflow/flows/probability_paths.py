"""Paths between rows and noise: where a velocity is looked at, and what it is to be there."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from scipy.optimize import linear_sum_assignment
from torch import Generator, Tensor

from skflow.flows.bijections.continuous import QUARTER_TURN, ProbabilityPath, RegressionTarget

_AVERAGED = 1024  # rows that targets are averaged over
_COUPLED = 64  # rows that noise is exchanged among; the work grows with the cube
_EARLIEST = 1e-3  # time at which a velocity can be told from rounding
_MIN_NOISE = 1e-2  # that diffusion is trained at

Times = Callable[[tuple[int, ...], Generator], Tensor]


def uniform_times(shape: tuple[int, ...], generator: Generator) -> Tensor:
    """Times between 0 and 1, spread evenly over the rows."""
    n = shape[-1]
    start = torch.rand(*shape[:-1], 1, generator=generator)
    return (start + torch.arange(n) / n) % 1


def log_uniform_noise_times(shape: tuple[int, ...], generator: Generator) -> Tensor:
    """Times whose noise has a logarithm that is spread evenly, from its least to 0.

    Noise-prediction errors weighted for the likelihood (Song et al. 2021) are errors of the
    velocity weighted by the cotangent of the angle, and this is the density of such times.
    """
    noise = (math.log(_MIN_NOISE) * uniform_times(shape, generator)).exp()
    return noise.clamp_max(1).asin() * (2 / math.pi)


@dataclass(frozen=True)
class IndependentCoupling(ProbabilityPath):
    """y(t) = x cos(πt/2) + ε sin(πt/2), whatever the row x and the noise ε are.

    The target dy/dt has less noise, and the same mean, when the row that y came from is
    averaged over all rows of the batch that it may have come from (Xu et al. 2023). Given a
    context, it came from its own row alone.

    Parameters
    ----------
    times : callable
        Draws the times to look at, from a shape (..., n) and a generator.
    """

    times: Times

    def regression_target(
        self, columns: Tensor, weights: Tensor, context: Tensor | None, generator: Generator
    ) -> RegressionTarget:
        noise = _noise(columns, generator)
        time = self.times(weights.shape, generator).to(columns).clamp(_EARLIEST, 1 - _EARLIEST)
        angle = QUARTER_TURN * time.unsqueeze(-2)
        cos, sin = angle.cos(), angle.sin()
        here = cos * columns + sin * noise
        if context is None:
            columns = _mean_origins(here / cos, columns, weights, sin / cos)
        return RegressionTarget(here, time, (cos * here - columns) / sin, weights, context)


@dataclass(frozen=True)
class OptimalTransportCoupling(ProbabilityPath):
    """y(t) = (1 − t) x + t ε, each row x with noise ε that lies near (Tong et al. 2024).

    Optimal transport pairs the two, in groups within a batch (Pooladian et al. 2023). Noise is
    used once each, so it stays normal: rows of unequal weights are dealt out in proportion
    first. And it is exchanged within one context only, so it stays normal given the context.
    """

    def regression_target(
        self, columns: Tensor, weights: Tensor, context: Tensor | None, generator: Generator
    ) -> RegressionTarget:
        dealt = _in_proportion(weights, generator)
        columns = columns.gather(-1, dealt.unsqueeze(-2).expand_as(columns))
        if context is not None:
            context = context.gather(-2, dealt.unsqueeze(-1).expand_as(context))
        noise = _near(_noise(columns, generator), columns, context)
        time = uniform_times(weights.shape, generator).to(columns)
        here = columns.lerp(noise, time.unsqueeze(-2))
        weights = weights.mean(-1, keepdim=True).expand_as(weights)
        return RegressionTarget(here, time, (noise - columns) / QUARTER_TURN, weights, context)


def _noise(like: Tensor, generator: Generator) -> Tensor:
    return torch.randn(like.shape, generator=generator, dtype=like.dtype).to(like.device)


def _mean_origins(here: Tensor, columns: Tensor, weights: Tensor, sd: Tensor) -> Tensor:
    """As below, group by group, for the work grows with the square of a group."""
    groups = zip(
        *(rows.split(_AVERAGED, dim=-1) for rows in (here, columns, weights, sd)), strict=True
    )
    return torch.cat([_mean_origin(*group) for group in groups], dim=-1)


def _mean_origin(here: Tensor, columns: Tensor, weights: Tensor, sd: Tensor) -> Tensor:
    """Mean of the columns (..., d, n) given that one of them, plus noise, is here."""
    distances = torch.cdist(
        here.mT, columns.mT, compute_mode="donot_use_mm_for_euclid_dist"
    )  # as the other mode rounds what is near
    log_prior = weights.clamp_min(torch.finfo(weights.dtype).tiny).log()
    logits = log_prior.unsqueeze(-2) - 0.5 * (distances / sd.mT).square()
    return columns @ logits.softmax(-1).mT


def _in_proportion(weights: Tensor, generator: Generator) -> Tensor:
    """Numbers of as many rows as there are, each as often as its weight says, on average.

    Rows of equal weights come once each (systematic resampling).
    """
    n = weights.shape[-1]
    ends = weights.double().cumsum(-1)
    start = torch.rand(*weights.shape[:-1], 1, generator=generator, dtype=torch.float64)
    places = (start + torch.arange(n)).to(weights.device) / n
    return torch.searchsorted(ends / ends[..., -1:], places, right=True).clamp_max(n - 1)


def _near(noise: Tensor, columns: Tensor, context: Tensor | None) -> Tensor:
    """The noise (..., d, n) in the order in which its distances to the columns are least."""
    n_groups = -(-noise.shape[-1] // _COUPLED)
    order, start = [], 0
    for rows in torch.arange(noise.shape[-1]).tensor_split(n_groups):
        at = slice(start, start + len(rows))
        given = None if context is None else context[..., at, :]
        order.append(start + _assigned(noise[..., at], columns[..., at], given))
        start += len(rows)
    return noise.gather(-1, torch.cat(order, -1).unsqueeze(-2).expand_as(noise))


def _assigned(noise: Tensor, columns: Tensor, context: Tensor | None) -> Tensor:
    """Which noise is whose (..., n), the sum of squared distances the least."""
    cost = -(columns.mT @ noise).double()  # the rest of the square is the same for all orders
    if context is not None:
        other = (context.unsqueeze(-2) != context.unsqueeze(-3)).any(-1)
        cost = cost.masked_fill(other, torch.inf)
    tables = cost.flatten(0, -3).cpu().numpy() if cost.dim() > 2 else cost.cpu().numpy()[None]
    chosen = [torch.from_numpy(linear_sum_assignment(table)[1]) for table in tables]
    return torch.stack(chosen).view(cost.shape[:-1]).to(noise.device)
