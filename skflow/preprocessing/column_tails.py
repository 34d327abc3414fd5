"""Tails: where the tails of a column begin, and how heavy they are."""

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from skflow.flows.bijections import ParetoTails
from skflow.flows.bijections.pareto_tails import Tail

_SAMPLES_PER_TAIL = 20  # if that is between the following fractions of all samples
_MIN_FRACTION, _MAX_FRACTION = 0.01, 0.05
_NORMAL, _END = -1.0, -16.0  # shapes of `ParetoTails`: as light as a normal, and lighter
_SHAPES = torch.from_numpy(np.append(_NORMAL, np.linspace(0.0, 1.0, 21)))  # to choose from
_PRIOR_DEVIATION = 0.15  # of a shape, a priori normal around 0: a tail has few samples
_PENALTIES = 0.5 * (_SHAPES.clamp_min(0) / _PRIOR_DEVIATION).square()
_MIN_THRESHOLD = 0.5  # in standardized units


class Thresholds(NamedTuple):
    """Values (d,) of the columns at which their lower and upper tails begin."""

    low: Tensor
    high: Tensor

    @classmethod
    def of(cls, x: Tensor, weights: Tensor) -> "Thresholds":
        """Quantiles of columns x (n, d) with weights (n,)."""
        fractions = weights / weights.sum()
        n_effective = 1 / float(fractions.square().sum())
        level = min(max(_SAMPLES_PER_TAIL / n_effective, _MIN_FRACTION), _MAX_FRACTION)
        return cls(_lower_quantile(x, fractions, level), -_lower_quantile(-x, fractions, level))


def _lower_quantile(x: Tensor, fractions: Tensor, level: float) -> Tensor:
    """A quantile of each column of x (n, d), one of its values."""
    ordered, order = x.sort(dim=0)
    weights = fractions[order]
    middle = weights.cumsum(0) - weights / 2  # so that rounding does not decide
    index = (middle < level).sum(0, keepdim=True).clamp_max(len(x) - 1)
    return ordered.gather(0, index).squeeze(0)


def fit_tails(z: Tensor, weights: Tensor, df: float) -> ParetoTails:
    """The tails of columns that are about standard normal between their thresholds.

    Parameters
    ----------
    z : Tensor of shape (n, d)
    weights : Tensor of shape (n,)
    df : float
        Degrees of freedom of the Student t that the tails are mapped to.
    """
    thresholds = Thresholds.of(z, weights)
    low = thresholds.low.clamp_max(-_MIN_THRESHOLD)
    high = thresholds.high.clamp_min(_MIN_THRESHOLD)
    lower, upper = _shapes(-z, weights, -low, df), _shapes(z, weights, high, df)
    return ParetoTails(low, high, lower, upper, torch.tensor(df, dtype=z.dtype))


def _shapes(z: Tensor, weights: Tensor, thresholds: Tensor, df: float) -> Tensor:
    """The shapes (d,) of maximum penalized likelihood of the upper tails of z (n, d)."""
    shapes = []
    for column, threshold in zip(z.T, thresholds, strict=True):
        beyond = column > threshold
        if not beyond.any():  # the largest value is repeated: it looks like an end
            shapes.append(_END)
            continue
        w = weights[beyond] * (len(weights) / weights.sum())
        scores = _log_density(column[beyond] - threshold, threshold, df) @ w - _PENALTIES
        shapes.append(float(_SHAPES[scores.argmax()]))
    return torch.tensor(shapes, dtype=z.dtype)


def _log_density(excess: Tensor, threshold: Tensor, df: float) -> Tensor:
    """log p of excesses (k,) under tails of each of the candidate shapes, (n_shapes, k)."""
    rate = (df + 1) * threshold / (df + threshold.square())
    tail = Tail.of(rate, _SHAPES.unsqueeze(1))
    return tail.log_rate(excess) - tail.hazard(excess)
