"""YeoJohnson: a power transform per column."""

import math

import torch
from scipy.optimize import minimize_scalar
from torch import Tensor

from skflow.flows.bijections.bijection import Bijection

_LAMBDA_BOUNDS = (-3.0, 5.0)
_MIN_END = 0.1  # absolute value at which the linear tails begin


class YeoJohnson(Bijection):
    """The power transform of Yeo & Johnson (2000), continued linearly so that it is onto ℝ; fixed.

    Beyond `low` and `high` the map of each column continues with the slope that it has there.
    The power transform itself is bounded on one side for λ < 0 or λ > 2: its inverse would be
    undefined there, and the density would not integrate to 1.

    Parameters
    ----------
    lam : Tensor of shape (d,)
        Powers λ.
    low, high : Tensor of shape (d,)
        The interval outside of which the map is linear; low < 0 < high.
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
    def fit(
        cls,
        x: Tensor,
        weights: Tensor,
        min_slope: float = 0.0,
        linear_beyond: tuple[Tensor, Tensor] | None = None,
    ) -> "YeoJohnson":
        """Choose the powers by maximum likelihood under a normal distribution.

        Parameters
        ----------
        x : Tensor of shape (n, d)
            Columns of about unit scale.
        weights : Tensor of shape (n,)
        min_slope : float
            The linear tails begin where the slope falls below `min_slope`, if not before, which
            bounds the slope of the inverse.
        linear_beyond : tuple of two Tensors of shape (d,), optional
            Where the linear tails begin. By default, and where these values do not enclose 0,
            at the extremes of the data.

        Returns
        -------
        YeoJohnson
        """
        lam = torch.tensor([_best_power(column, weights) for column in x.T], dtype=x.dtype)
        low, high = x.amin(0).clamp_max(-_MIN_END), x.amax(0).clamp_min(_MIN_END)
        if linear_beyond is not None:
            first, last = linear_beyond
            low, high = torch.where(first < 0, first, low), torch.where(last > 0, last, high)
        if min_slope > 0:
            low = torch.maximum(low, -_magnitude_at_slope(min_slope, 2 - lam))
            high = torch.minimum(high, _magnitude_at_slope(min_slope, lam))
        return cls(lam, low, high)

    def forward(self, x: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        inner = x.clamp(self.low, self.high)
        z, log_slope = _yeo_johnson(inner, self.lam)
        return z + log_slope.exp() * (x - inner), log_slope.sum(-1)

    def inverse(self, z: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        low, _ = _yeo_johnson(self.low, self.lam)
        high, _ = _yeo_johnson(self.high, self.lam)
        inner = z.clamp(low, high)
        x = _inverse_yeo_johnson(inner, self.lam)
        _, log_slope = _yeo_johnson(x, self.lam)
        return x + (-log_slope).exp() * (z - inner), -log_slope.sum(-1)


def _yeo_johnson(x: Tensor, lam: Tensor) -> tuple[Tensor, Tensor]:
    """The transform, and the logarithm of its slope."""
    magnitude, sign, power = _by_sign(x, lam)
    log_size = magnitude.log1p()
    return sign * _box_cox(log_size, power), (power - 1) * log_size


def _box_cox(log_size: Tensor, power: Tensor) -> Tensor:
    """(size^power − 1) / power, and log size for power 0."""
    is_log = power == 0
    safe_power = torch.where(is_log, 1.0, power)
    return torch.where(is_log, log_size, (safe_power * log_size).expm1() / safe_power)


def _inverse_yeo_johnson(z: Tensor, lam: Tensor) -> Tensor:
    magnitude, sign, power = _by_sign(z, lam)
    is_log = power == 0
    safe_power = torch.where(is_log, 1.0, power)
    # the argument is below −1 only for z outside the range, which the caller clamps
    log_size = (safe_power * magnitude).clamp_min(-1 + 1e-15).log1p() / safe_power
    return sign * torch.where(is_log, magnitude, log_size).expm1()


def _by_sign(x: Tensor, lam: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """|x|, the sign of x, and the power for that sign: λ or 2 − λ."""
    positive = x >= 0
    return (
        torch.where(positive, x, -x),
        torch.where(positive, 1.0, -1.0).to(x),
        torch.where(positive, lam, 2 - lam),
    )


def _magnitude_at_slope(slope: float, power: Tensor) -> Tensor:
    """|x| at which the slope (1 + |x|)^(power − 1) has fallen to a value; ∞ for powers ≥ 1."""
    exponent = (power - 1).clamp_max(-1e-6)
    return torch.where(power < 1, (math.log(slope) / exponent).expm1(), torch.inf)


def _best_power(column: Tensor, weights: Tensor) -> float:
    if bool((column == column[0]).all()):
        return 1.0
    fractions = weights / weights.sum()
    magnitude, sign, _ = _by_sign(column, column.new_tensor(1.0))
    log_size, positive = magnitude.log1p(), sign > 0  # the same for all powers

    def loss(lam: float) -> float:
        power = torch.where(positive, column.new_tensor(lam), 2 - lam)
        z = sign * _box_cox(log_size, power)
        variance = fractions @ (z - fractions @ z).square()
        return float(0.5 * variance.log() - fractions @ ((power - 1) * log_size))

    return float(minimize_scalar(loss, bounds=_LAMBDA_BOUNDS, method="bounded").x)
