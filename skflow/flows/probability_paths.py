"""Probability paths from data to noise: the regression targets of a velocity field."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from scipy.optimize import linear_sum_assignment
from torch import Generator, Tensor

from skflow.flows.bijections.continuous import HALF_PI, ProbabilityPath, RegressionTarget

_MAX_AVERAGED = 1024  # rows that targets are averaged over
_MAX_ASSIGNED = 64  # rows that noise is assigned to at once; the work grows with the cube
_MIN_TIME = 1e-3  # the target divides by the sine of the angle
_MIN_NOISE = 1e-2  # sine of the angle that diffusion is trained at

Times = Callable[[tuple[int, ...], Generator], Tensor]


def uniform_times(shape: tuple[int, ...], generator: Generator) -> Tensor:
    """Times (..., n) between 0 and 1, stratified over the n rows."""
    n = shape[-1]
    start = torch.rand(*shape[:-1], 1, generator=generator, dtype=torch.float32)
    return (start + torch.arange(n, dtype=torch.float32) / n) % 1


def log_uniform_noise_times(shape: tuple[int, ...], generator: Generator) -> Tensor:
    """Times (..., n) at which the logarithm of the noise level is uniform.

    Noise-prediction errors with likelihood weighting (Song et al. 2021) are errors of the
    velocity weighted by the cotangent of the angle, and this is the density of such times.
    """
    noise_level = (math.log(_MIN_NOISE) * uniform_times(shape, generator)).exp()
    return noise_level.clamp_max(1).asin() * (2 / math.pi)


@dataclass(frozen=True)
class IndependentCoupling(ProbabilityPath):
    """y(t) = x cos(πt/2) + ε sin(πt/2) for a row x and independent noise ε.

    The target dy/dt is averaged over all rows of the batch that y may have come from, which
    reduces its variance and keeps its mean (Xu et al. 2023). With a context, y came from its
    own row.

    Parameters
    ----------
    times : callable
        From a shape (..., n) and a generator to times of that shape.
    """

    times: Times

    def regression_target(
        self, columns: Tensor, weights: Tensor, context: Tensor | None, generator: Generator
    ) -> RegressionTarget:
        noise = _normal_like(columns, generator)
        time = self.times(weights.shape, generator).to(columns).clamp(_MIN_TIME, 1 - _MIN_TIME)
        angle = HALF_PI * time.unsqueeze(-2)
        cos, sin = angle.cos(), angle.sin()
        position = cos * columns + sin * noise
        if context is None:
            columns = _mean_origins_in_groups(position / cos, columns, weights, sin / cos)
        velocity = (cos * position - columns) / sin
        return RegressionTarget(position, time, velocity, weights, context)


@dataclass(frozen=True)
class OptimalTransportCoupling(ProbabilityPath):
    """y(t) = (1 − t) x + t ε, with rows x and noise ε paired to be near (Tong et al. 2024).

    Pairs are those of optimal transport, in groups within a batch (Pooladian et al. 2023).
    Every noise vector is used once, so the noise remains normal; rows are first resampled in
    proportion to their weights. Pairs are exchanged within equal contexts only, so the noise
    remains normal given the context.
    """

    def regression_target(
        self, columns: Tensor, weights: Tensor, context: Tensor | None, generator: Generator
    ) -> RegressionTarget:
        index = _resample(weights, generator)
        columns = columns.gather(-1, index.unsqueeze(-2).expand_as(columns))
        if context is not None:
            context = context.gather(-2, index.unsqueeze(-1).expand_as(context))
        noise = _assign_in_groups(_normal_like(columns, generator), columns, context)
        time = uniform_times(weights.shape, generator).to(columns)
        position = columns.lerp(noise, time.unsqueeze(-2))
        weights = weights.mean(-1, keepdim=True).expand_as(weights)
        return RegressionTarget(position, time, (noise - columns) / HALF_PI, weights, context)


def _normal_like(columns: Tensor, generator: Generator) -> Tensor:
    noise = torch.randn(columns.shape, generator=generator, dtype=columns.dtype)
    return noise.to(columns.device)


def _mean_origins_in_groups(
    position: Tensor, columns: Tensor, weights: Tensor, sd: Tensor
) -> Tensor:
    """`_mean_origins` group by group, as the work grows with the square of a group's size."""
    groups = zip(
        *(rows.split(_MAX_AVERAGED, dim=-1) for rows in (position, columns, weights, sd)),
        strict=True,
    )
    return torch.cat([_mean_origins(*group) for group in groups], dim=-1)


def _mean_origins(position: Tensor, columns: Tensor, weights: Tensor, sd: Tensor) -> Tensor:
    """The mean column given that a column plus noise is at a position.

    Parameters
    ----------
    position : Tensor of shape (..., d, m)
    columns : Tensor of shape (..., d, n)
    weights : Tensor of shape (..., n)
        Prior probabilities of the columns, up to a factor.
    sd : Tensor of shape (..., 1, m)
        Standard deviation of the noise.

    Returns
    -------
    mean : Tensor of shape (..., d, m)
    """
    # the mode by matrix products would round small distances
    distances = torch.cdist(position.mT, columns.mT, compute_mode="donot_use_mm_for_euclid_dist")
    log_prior = weights.clamp_min(torch.finfo(weights.dtype).tiny).log()
    logits = log_prior.unsqueeze(-2) - 0.5 * (distances / sd.mT).square()
    return columns @ logits.softmax(-1).mT


def _resample(weights: Tensor, generator: Generator) -> Tensor:
    """Systematic resampling: n indices, (..., n), each as often as its weight on average.

    With equal weights, every index comes once.
    """
    n = weights.shape[-1]
    cumulative = weights.double().cumsum(-1)
    start = torch.rand(*weights.shape[:-1], 1, generator=generator, dtype=torch.float64)
    levels = (start + torch.arange(n)).to(weights.device) / n
    index = torch.searchsorted(cumulative / cumulative[..., -1:], levels, right=True)
    return index.clamp_max(n - 1)


def _assign_in_groups(noise: Tensor, columns: Tensor, context: Tensor | None) -> Tensor:
    """The noise (..., d, n) reordered, in groups, to be near the columns (..., d, n)."""
    n_groups = -(-noise.shape[-1] // _MAX_ASSIGNED)
    order, start = [], 0
    for rows in torch.arange(noise.shape[-1]).tensor_split(n_groups):
        group = slice(start, start + len(rows))
        group_context = None if context is None else context[..., group, :]
        order.append(start + _assign(noise[..., group], columns[..., group], group_context))
        start += len(rows)
    return noise.gather(-1, torch.cat(order, -1).unsqueeze(-2).expand_as(noise))


def _assign(noise: Tensor, columns: Tensor, context: Tensor | None) -> Tensor:
    """For each column the index of its noise, (..., n), minimizing the total squared distance."""
    cost = -(columns.mT @ noise).double()  # the other terms are the same for all assignments
    if context is not None:
        differs = (context.unsqueeze(-2) != context.unsqueeze(-3)).any(-1)
        cost = cost.masked_fill(differs, torch.inf)
    matrices = cost.flatten(0, -3).cpu().numpy() if cost.dim() > 2 else cost.cpu().numpy()[None]
    index = [torch.from_numpy(linear_sum_assignment(matrix)[1]) for matrix in matrices]
    return torch.stack(index).view(cost.shape[:-1]).to(noise.device)
