"""Means of a column's continuum, from quantiles of its components at fixed levels."""

import math

import torch
from torch import Tensor

# of a trapezoidal rule in terms of normal scores, which converges fast
_SCORES = torch.linspace(-4.0, 4.0, 33, dtype=torch.float64)
_MIDDLE = len(_SCORES) // 2
LEVELS = torch.special.ndtr(_SCORES)
NODE_WEIGHTS = (-0.5 * _SCORES.square()).softmax(0)
_TAIL_LEVELS = torch.special.ndtr(-_SCORES.abs())  # in the nearer tail
_TAIL_NODES = (4, 7, 10)  # from the middle, where the index of tails is measured
# Tails of a smaller index than the first have no reliable mean, and are tamed; of a larger one
# than the second they are left as they are. The index of a Cauchy distribution is 1.
_UNRELIABLE, _RELIABLE = 1.3, 1.5
_LARGEST = 1e300  # in place of quantiles that overflow
_LAST_FREE_NODE = 8  # from the middle; further out tamed tails have the index _RELIABLE


def without_heavy_tails(weights: Tensor, df: Tensor) -> Tensor:
    """Weights (m, n) of components, 0 for those without a variance if these weigh less than half.

    They sum to 1. Of such components, as the wide t of the safety net, a few draws decide the
    mean. `df` (m, n) are the degrees of freedom.
    """
    with_variance = torch.where(df > 2, weights, 0.0)
    left = with_variance.sum(0)
    kept = torch.where(left >= 0.5 * weights.sum(0), with_variance, weights)
    return kept / kept.sum(0)


def mean(quantiles: Tensor, weights: Tensor) -> Tensor:
    """Mean (n,) of quantiles (m, k, n) at `LEVELS` of components with weights (m, n).

    What is beyond the first and the last level is left out, so that heavy tails have means, too;
    where they still would decide the mean, they grow at most like those of a Pareto tail.
    """
    return _average(tamed(quantiles, weights), weights)


def tamed(quantiles: Tensor, weights: Tensor) -> Tensor:
    """Quantiles (m, k, n) with tails that grow no faster than a mean can be taken of."""
    overflows = quantiles.isinf().any(1).any(0)
    quantiles = quantiles.nan_to_num(posinf=_LARGEST, neginf=-_LARGEST)
    excess = (_RELIABLE - _tail_index(quantiles, weights)) / (_RELIABLE - _UNRELIABLE)
    excess = torch.where(overflows, 1.0, excess)
    return quantiles.lerp(_tamed(quantiles), excess.clamp(0, 1))


def is_reliable(quantiles: Tensor, weights: Tensor) -> Tensor:
    """Whether no tail is so heavy that few samples decide the mean, (n,)."""
    return _tail_index(quantiles, weights) > _UNRELIABLE


def mean_direction(angles: Tensor, weights: Tensor, period: Tensor) -> Tensor:
    """The direction (n,), in (−period/2, period/2], of the mean of unit vectors at angles."""
    turns = angles * (2 * math.pi / period)
    sine, cosine = _average(turns.sin(), weights), _average(turns.cos(), weights)
    return torch.atan2(sine, cosine) * (period / (2 * math.pi))


def _average(values: Tensor, weights: Tensor) -> Tensor:
    of_components = (values * NODE_WEIGHTS.to(values).view(-1, 1)).sum(1)
    return (of_components * weights).sum(0)


def _tail_index(quantiles: Tensor, weights: Tensor) -> Tensor:
    """The index of a Pareto tail with the growth of the mean quantiles, (n,), heavier tail.

    From the level 0.16 to 0.04 and on to 0.006, the larger of both.
    """
    nodes = torch.tensor([[_MIDDLE + k for k in _TAIL_NODES], [_MIDDLE - k for k in _TAIL_NODES]])
    nodes = nodes.to(quantiles.device)
    average = (quantiles * weights.unsqueeze(1)).sum(0)  # (k, n)
    distances = (average[nodes] - average[_MIDDLE]).abs()  # (2, 3, n)
    growth = (distances[:, 1:] / distances[:, :-1]).log().nan_to_num(0.0)
    log_levels = -_TAIL_LEVELS.to(quantiles)[nodes].log().diff(dim=1).unsqueeze(-1)
    return (log_levels / growth.clamp_min(1e-9)).amax(1).amin(0)


def _tamed(quantiles: Tensor) -> Tensor:
    """Quantiles (m, k, n) with bounded growth in the tails."""
    last = [_MIDDLE - _LAST_FREE_NODE, _MIDDLE + _LAST_FREE_NODE]
    levels = _TAIL_LEVELS.to(quantiles)
    growth = (levels[last[0]] / levels).clamp_min(1.0) ** (1 / _RELIABLE)
    center = quantiles[:, [_MIDDLE]]
    ends = quantiles[:, last] - center
    low, high = ends.amin(1, keepdim=True), ends.amax(1, keepdim=True)
    bounds = growth.unsqueeze(-1)
    return center + (quantiles - center).clamp(low * bounds, high * bounds)
