"""ParetoTails: columns with generalized Pareto tails, made Student t or normal there."""

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
        inner = torch.minimum(excess, tail.excess(torch.full_like(u, _MAX_HAZARD)))
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
        u = torch.where(positive, self.high, -self.low)
        shape = torch.where(positive, self.shape_high, self.shape_low)
        tail = Tail(self._log_rate(u).exp(), shape)
        return u, tail, torch.where(positive, 1.0, -1.0).to(x)

    def _log_rate(self, z: Tensor) -> Tensor:
        """log of the hazard rate of a Student t, (ν+1) z / (ν + z²)."""
        return ((self.df + 1) * z / (self.df + z.square())).log()


class Tail(NamedTuple):
    """The distribution of excesses, elementwise: hazard rate at 0, and shape."""

    rate: Tensor
    shape: Tensor

    def hazard(self, excess: Tensor) -> Tensor:
        """The cumulative hazard, −log P(excess is larger)."""
        far, far_rate = self._far()
        near = torch.minimum(excess, far)
        scaled = self.rate * near
        is_small, shape = self._safe_shape()
        hazard = torch.where(is_small, scaled, (shape * scaled).log1p() / shape)
        normal = scaled - self.shape * near.square() / 2
        hazard = torch.where(self.shape < 0, normal, hazard)
        return hazard + (_FAR_SHAPE * far_rate * (excess - near)).log1p() / _FAR_SHAPE

    def excess(self, hazard: Tensor) -> Tensor:
        """The excess of a cumulative hazard."""
        _, far_rate = self._far()
        beyond = (hazard - _FAR_HAZARD).clamp_min(0)
        near = self._near_excess(hazard - beyond)
        return near + (_FAR_SHAPE * beyond).expm1() / (_FAR_SHAPE * far_rate)

    def log_rate(self, excess: Tensor) -> Tensor:
        """log of the hazard rate."""
        far, far_rate = self._far()
        beyond = (excess - far).clamp_min(0)
        near = self._near_rate(excess - beyond)
        return near.log() - (_FAR_SHAPE * far_rate * beyond).log1p()

    def _far(self) -> tuple[Tensor, Tensor]:
        """Excess and hazard rate from which the tail has the shape of far tails."""
        far = self._near_excess(torch.full_like(self.rate, _FAR_HAZARD))
        return far, self._near_rate(far)

    def _near_excess(self, hazard: Tensor) -> Tensor:
        is_small, shape = self._safe_shape()
        pareto = torch.where(is_small, hazard, (shape * hazard).expm1() / shape) / self.rate
        curvature = -self.shape.clamp_max(0)
        root = (self.rate.square() + 2 * curvature * hazard).sqrt()
        normal = 2 * hazard / (self.rate + root)
        return torch.where(self.shape < 0, normal, pareto)

    def _near_rate(self, excess: Tensor) -> Tensor:
        pareto = self.rate / (1 + self.shape.clamp_min(0) * self.rate * excess)
        return torch.where(self.shape < 0, self.rate - self.shape * excess, pareto)

    def _safe_shape(self) -> tuple[Tensor, Tensor]:
        """Where the tail is exponential, and shapes that one can divide by."""
        is_small = self.shape < _SMALL
        return is_small, torch.where(is_small, 1.0, self.shape)
