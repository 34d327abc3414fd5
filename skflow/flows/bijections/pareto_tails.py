"""ParetoTails: columns with generalized Pareto tails, made Student t or normal there."""

import math
from typing import NamedTuple

import torch
from torch import Tensor

from skflow.flows.bijections.bijection import Bijection

_FAR_HAZARD = 6.0  # one sample in 400 of a tail is beyond; there its shape is ½
_MAX_HAZARD = 40.0  # beyond which, where no sample comes, the map is linear
_FAR_SHAPE = 0.5
_SMALL = 1e-6  # shape below which the tail is exponential


class ParetoTails(Bijection):
    """z = x up to a threshold u on either side; tails of x become those of a Student t; fixed.

    Beyond u, the excess e = |x| − u has the cumulative hazard E = log(1 + ξκe) / ξ of a
    generalized Pareto distribution with shape ξ and scale 1 / κ (Pickands 1975), and z has about
    that of a Student t: ((ν+1) / 2) log((ν + z²) / (ν + u²)) = E. With κ = (ν+1) u / (ν + u²)
    the slope is continuous. A Student t z thus becomes a column that is the same between the
    thresholds, and beyond them has the tail of index 1 / ξ that the column's own values support,
    whatever ν is. A shape of 0 stands for an exponential tail. A negative shape stands for a tail
    that is onto the half-line, too, but as light as that of a normal: E = κe + |ξ| e² / 2.

    From E = 6 on, the shape is ½ whatever it was before: farther out than any sample, a density
    should fall slowly.

    Parameters
    ----------
    low, high : Tensor of shape (d,)
        Thresholds; low < 0 < high.
    shape_low, shape_high : Tensor of shape (d,)
        Shapes ξ of the lower and the upper tails.
    df : Tensor of shape ()
        Degrees of freedom ν of z; 1e4 for a normal.
    """

    low: Tensor
    high: Tensor
    shape_low: Tensor
    shape_high: Tensor
    df: Tensor

    def __init__(
        self, low: Tensor, high: Tensor, shape_low: Tensor, shape_high: Tensor, df: Tensor
    ):
        super().__init__()
        self.register_buffer("low", low)
        self.register_buffer("high", high)
        self.register_buffer("shape_low", shape_low)
        self.register_buffer("shape_high", shape_high)
        self.register_buffer("df", df)

    def forward(self, x: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        u, tail, sign = self._by_sign(x)
        magnitude = sign * x
        excess = (magnitude - u).clamp_min(0)
        inner = torch.minimum(excess, tail.end)
        square = (self.df + u.square()) * (2 * tail.hazard(inner) / (self.df + 1)).expm1()
        z = (u.square() + square).sqrt()
        log_slope = tail.log_rate(inner) - self._log_rate(z)
        outer = (z - u) + log_slope.exp() * (excess - inner)
        return sign * (torch.minimum(magnitude, u) + outer), log_slope.sum(-1)

    def inverse(self, z: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        u, tail, sign = self._by_sign(z)
        magnitude = sign * z
        base = self.df + u.square()
        max_square = base * torch.expm1(2 * _MAX_HAZARD / (self.df + 1))
        inner = torch.minimum(torch.maximum(magnitude, u), (u.square() + max_square).sqrt())
        hazard = (self.df + 1) / 2 * ((inner - u) * (inner + u) / base).log1p()
        excess = tail.excess(hazard)
        log_slope = tail.log_rate(excess) - self._log_rate(inner)
        outer = excess + (-log_slope).exp() * (magnitude - inner).clamp_min(0)
        return sign * (torch.minimum(magnitude, u) + outer), -log_slope.sum(-1)

    def _by_sign(self, x: Tensor) -> tuple[Tensor, "Tail", Tensor]:
        """Threshold and tail on the side of each value, and that side, ±1."""
        positive = x >= 0
        sides = (-self.low, self.shape_low), (self.high, self.shape_high)
        lower, upper = (Tail.of(self._log_rate(u).exp(), shape) for u, shape in sides)
        tail = Tail(*(torch.where(positive, b, a) for a, b in zip(lower, upper, strict=True)))
        u = torch.where(positive, self.high, -self.low)
        return u, tail, torch.where(positive, 1.0, -1.0).to(x)

    def _log_rate(self, z: Tensor) -> Tensor:
        """log of the hazard rate of a Student t, (ν+1) z / (ν + z²)."""
        return ((self.df + 1) * z / (self.df + z.square())).log()


class Tail(NamedTuple):
    """The distribution of excesses, elementwise.

    `rate` and `far_rate` are the hazard rates at 0 and at `far`, from which on the tail has the
    shape of far tails; at `end` the cumulative hazard has its maximum.
    """

    rate: Tensor
    shape: Tensor
    far: Tensor
    far_rate: Tensor
    end: Tensor

    @classmethod
    def of(cls, rate: Tensor, shape: Tensor) -> "Tail":
        """A tail with a hazard rate at 0 and a shape."""
        far = _near_excess(torch.full_like(rate + shape, _FAR_HAZARD), rate, shape)
        far_rate = _near_rate(far, rate, shape)
        beyond = math.expm1(_FAR_SHAPE * (_MAX_HAZARD - _FAR_HAZARD)) / _FAR_SHAPE
        return cls(rate, shape, far, far_rate, far + beyond / far_rate)

    def hazard(self, excess: Tensor) -> Tensor:
        """The cumulative hazard, −log P(excess is larger)."""
        near = torch.minimum(excess, self.far)
        scaled = self.rate * near
        is_small, shape = _safe(self.shape)
        hazard = torch.where(is_small, scaled, (shape * scaled).log1p() / shape)
        normal = scaled - self.shape * near.square() / 2
        hazard = torch.where(self.shape < 0, normal, hazard)
        return hazard + (_FAR_SHAPE * self.far_rate * (excess - near)).log1p() / _FAR_SHAPE

    def excess(self, hazard: Tensor) -> Tensor:
        """The excess of a cumulative hazard."""
        beyond = (hazard - _FAR_HAZARD).clamp_min(0)
        near = _near_excess(hazard - beyond, self.rate, self.shape)
        return near + (_FAR_SHAPE * beyond).expm1() / (_FAR_SHAPE * self.far_rate)

    def log_rate(self, excess: Tensor) -> Tensor:
        """log of the hazard rate."""
        beyond = (excess - self.far).clamp_min(0)
        near = _near_rate(excess - beyond, self.rate, self.shape)
        return near.log() - (_FAR_SHAPE * self.far_rate * beyond).log1p()


def _near_excess(hazard: Tensor, rate: Tensor, shape: Tensor) -> Tensor:
    """The excess of a cumulative hazard, before the tail becomes a far one."""
    is_small, safe_shape = _safe(shape)
    pareto = torch.where(is_small, hazard, (safe_shape * hazard).expm1() / safe_shape) / rate
    root = (rate.square() - 2 * shape.clamp_max(0) * hazard).sqrt()
    return torch.where(shape < 0, 2 * hazard / (rate + root), pareto)


def _near_rate(excess: Tensor, rate: Tensor, shape: Tensor) -> Tensor:
    pareto = rate / (1 + shape.clamp_min(0) * rate * excess)
    return torch.where(shape < 0, rate - shape * excess, pareto)


def _safe(shape: Tensor) -> tuple[Tensor, Tensor]:
    """Where a tail is exponential, and shapes that one can divide by."""
    is_small = shape < _SMALL
    return is_small, torch.where(is_small, 1.0, shape)
