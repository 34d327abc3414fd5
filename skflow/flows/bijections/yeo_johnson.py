"""Yeo-Johnson power transforms, column by column."""

import math

import torch
from scipy.optimize import minimize_scalar
from torch import Tensor

from skflow.flows.bijections.bijection import Bijection

_LAMBDAS = (-3.0, 5.0)


class YeoJohnson(Bijection):
    """The power transform of Yeo & Johnson (2000), made onto ℝ by straight tails.

    Beyond `low` and `high` each column goes on with the slope that it has there: the power
    transform itself is bounded on one side for λ < 0 or λ > 2, so that its inverse would be
    undefined and the density behind it would not integrate to 1.

    Parameters
    ----------
    lam, low, high : Tensor of shape (d,)
        Powers, and the interval outside of which the map is straight; low < 0 < high.
    """

    lam: Tensor
    low: Tensor
    high: Tensor

    def __init__(self, lam: Tensor, low: Tensor, high: Tensor):
        super().__init__()
        self.register_buffer("lam", lam)
        self.register_buffer("low", low)
        self.register_buffer("high", high)

    @classmethod
    def fit(cls, x: Tensor, weights: Tensor, min_slope: float = 0.0) -> "YeoJohnson":
        """Powers of maximum likelihood under a normal, for columns of about unit scale.

        The straight tails start at twice the extremes of the data, or where the slope falls
        below `min_slope`: what lies behind the map cannot be carried away by its inverse.
        """
        lam = torch.tensor([_best_power(column, weights) for column in x.T], dtype=x.dtype)
        low, high = 2 * x.amin(0).clamp_max(0) - 1, 2 * x.amax(0).clamp_min(0) + 1
        if min_slope > 0:
            low = torch.maximum(low, -_size_at_slope(min_slope, 2 - lam))
            high = torch.minimum(high, _size_at_slope(min_slope, lam))
        return cls(lam, low, high)

    def forward(self, x: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        inner = x.clamp(self.low, self.high)
        z, log_slope = _power(inner, self.lam)
        return z + log_slope.exp() * (x - inner), log_slope.sum(-1)

    def inverse(self, z: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        low, _ = _power(self.low, self.lam)
        high, _ = _power(self.high, self.lam)
        inner = z.clamp(low, high)
        x = _root(inner, self.lam)
        _, log_slope = _power(x, self.lam)
        return x + (-log_slope).exp() * (z - inner), -log_slope.sum(-1)


def _power(x: Tensor, lam: Tensor) -> tuple[Tensor, Tensor]:
    """The transform and the logarithm of its slope."""
    size, sign, power = _side(x, lam)
    log_size = size.log1p()
    return sign * _grown(log_size, power), (power - 1) * log_size


def _grown(log_size: Tensor, power: Tensor) -> Tensor:
    """(size^power − 1) / power, the logarithm for power 0."""
    straight = power == 0
    safe = torch.where(straight, 1.0, power)
    return torch.where(straight, log_size, (safe * log_size).expm1() / safe)


def _root(z: Tensor, lam: Tensor) -> Tensor:
    size, sign, power = _side(z, lam)
    straight = power == 0
    safe = torch.where(straight, 1.0, power)
    # below −1 only for images that no x has; their branch is not taken
    log_size = (safe * size).clamp_min(-1 + 1e-15).log1p() / safe
    return sign * torch.where(straight, size, log_size).expm1()


def _side(x: Tensor, lam: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """|x|, its sign, and the power that rules on that side."""
    positive = x >= 0
    return (
        torch.where(positive, x, -x),
        torch.where(positive, 1.0, -1.0).to(x),
        torch.where(positive, lam, 2 - lam),
    )


def _size_at_slope(slope: float, power: Tensor) -> Tensor:
    """Where (1 + |x|)^(power − 1) has fallen to a slope; nowhere for powers from 1 on."""
    falling = (power - 1).clamp_max(-1e-6)
    return torch.where(power < 1, (math.log(slope) / falling).expm1(), torch.inf)


def _best_power(column: Tensor, weights: Tensor) -> float:
    if bool((column == column[0]).all()):
        return 1.0
    share = weights / weights.sum()
    size, sign, _ = _side(column, column.new_tensor(1.0))
    log_size, positive = size.log1p(), sign > 0  # once, and not for every power

    def loss(lam: float) -> float:
        power = torch.where(positive, column.new_tensor(lam), 2 - lam)
        z = sign * _grown(log_size, power)
        variance = share @ (z - share @ z).square()
        return float(0.5 * variance.log() - share @ ((power - 1) * log_size))

    return float(minimize_scalar(loss, bounds=_LAMBDAS, method="bounded").x)
