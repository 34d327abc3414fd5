"""The scalar map that bends: monotone rational-quadratic splines."""

import math
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn.functional import softplus

from skflow.flows.bijections.rational_quadratic import climb, coordinate
from skflow.flows.bijections.transformer import Transformer

_LEAST_SHARE = 1e-3  # of the interval, for the width and the height of a bin
_LEAST_SLOPE = 1e-3
_UNIT = math.log(math.expm1(1 - _LEAST_SLOPE))  # raw slope 0 is slope 1
_BINS = -3  # raw parameters are (..., parameters, d, n): bins lead, rows stay contiguous


class Spline(Transformer):
    """Rational-quadratic spline on [−bound, bound], the identity outside (Durkan et al. 2019).

    Raw parameters: n_bins for widths, n_bins for heights, and
    n_bins − 1 for the slopes at the inner knots. The slope at both ends is 1, that of the
    tails, so the density has no jump. Total: every finite input has an image and finite
    gradients.

    With the bin's width w, height h, slope s = h / w and end slopes rise and fall, at bin
    coordinate t and u = t (1 − t) (eqs. 4 and 5 of the paper):
    z = bottom + h n / q and log z' = log (s² m / q²), where n = s t² + rise u,
    q = s + (rise + fall − 2 s) u and m = fall t² + 2 s u + rise (1 − t)².
    """

    def __init__(self, n_bins: int, bound: float = 4.0):
        self.n_bins = n_bins
        self.bound = bound
        self.n_parameters = 3 * n_bins - 1

    def forward(self, x: Tensor, raw: Tensor) -> tuple[Tensor, Tensor]:
        return _SplineForward.apply(x, raw, self.n_bins, self.bound)

    def inverse(self, z: Tensor, raw: Tensor) -> tuple[Tensor, Tensor]:
        position = _position(z, self.bound)
        _, shares = _shares(raw, self.n_bins)
        index = _bin_of(position, shares.detach().select(_BINS - 1, 1))
        (w, h), (left, bottom), _ = _bins_at(index, shares)
        rise, fall = _end_slopes(raw, index, self.n_bins).unbind(_BINS)
        s = h / w
        t = coordinate(position - bottom, s, h, rise, fall)
        _, log_slope = climb(t, s, h, rise, fall)
        inside = z.abs() <= self.bound
        x = torch.where(inside, (left + t * w) * (2 * self.bound) - self.bound, z)
        return x, torch.where(inside, -log_slope, 0.0)


class _SplineForward(torch.autograd.Function):
    """Image and log-slope together, with closed-form gradients.

    Autograd would keep and revisit some thirty tensors of the size of the bins; the closed
    form keeps two, and does everything else at the size of the data: several times faster in
    eager torch. `tests/flows/test_spline.py` holds it to a plain transcription of the paper.
    """

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, raw: Tensor, n_bins: int, bound: float
    ) -> tuple[Tensor, Tensor]:
        position = _position(x, bound)
        probabilities, shares = _shares(raw, n_bins)
        index = _bin_of(position, shares.select(_BINS - 1, 0))
        sizes, edges, below = _bins_at(index, shares)
        slopes = _end_slopes(raw, index, n_bins)
        (w, h), (left, bottom), (rise, fall) = sizes, edges, slopes.unbind(_BINS)
        s = h / w
        t = ((position - left) / w).clamp_(0, 1)
        rest = 1 - t
        u = t * rest
        q = torch.addcmul(s, rise + fall - 2 * s, u)
        m = torch.addcmul(fall * t.square(), rise, rest.square()).addcmul_(s, u, value=2)
        ratio = torch.addcmul(s * t.square(), rise, u).div_(q)
        inside = x.abs() <= bound
        z = torch.addcmul(bottom, h, ratio).mul_(2 * bound).sub_(bound)
        log_slope = (s / q).square_().mul_(m).log_()
        ctx.save_for_backward(
            probabilities, below, index, w, h, left, bottom, slopes, t, q, m, ratio, inside
        )
        ctx.bound = bound
        return torch.where(inside, z, x), log_slope.masked_fill_(~inside, 0.0)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_z: Tensor, grad_log_slope: Tensor) -> tuple[Tensor | None, ...]:
        probabilities, below, index, w, h, left, bottom, slopes, t, q, m, ratio, inside = (
            ctx.saved_tensors
        )
        rise, fall = slopes.unbind(_BINS)
        gz = grad_z * inside * (2 * ctx.bound)
        gl = grad_log_slope * inside
        s, rest, slant = h / w, 1 - t, 1 - 2 * t
        u, tt, rr = t * rest, t.square(), rest.square()
        gl_q, gn, gm = 2 * gl / q, gz * h / q, gl / m
        gq = -torch.addcmul(gl_q, gn, ratio)
        g_rise = torch.addcmul((gn + gq) * u, gm, rr)
        g_fall = torch.addcmul(gq * u, gm, tt)
        g_s = torch.addcmul(2 * gl / s, gn, tt).addcmul_(gq, 1 - 2 * u).addcmul_(gm, u, value=2)
        g_t = gn * torch.addcmul(rise * slant, s, t, value=2)
        g_t.addcmul_(gq * (rise + fall - 2 * s), slant)
        g_t.addcmul_(gm, torch.addcmul(fall * t - rise * rest, s, slant), value=2)
        g_left = g_t / -w  # t = (position − left) / w
        g_width = torch.addcmul(g_s * s, g_t, t) / -w
        g_height = torch.addcmul(g_s / w, gz, ratio)
        k = below.shape[_BINS]
        grad_raw = below.new_empty([*t.shape[:-2], 3 * k - 1, *t.shape[-2:]])
        widths, heights, inner = grad_raw.split([k, k, k - 1], dim=_BINS)
        p_width, p_height = probabilities.unbind(_BINS - 1)
        _share_gradients(widths, p_width, below, index, left, w, g_left, g_width)
        _share_gradients(heights, p_height, below, index, bottom, h, gz, g_height)
        _slope_gradients(inner, index, slopes, torch.stack([g_rise, g_fall], dim=_BINS))
        return torch.where(inside, g_left / (-2 * ctx.bound), grad_z), grad_raw, None, None


def _position(x: Tensor, bound: float) -> Tensor:
    """Where in the interval, from 0 to 1."""
    return ((x + bound) / (2 * bound)).clamp(0, 1)


def _shares(raw: Tensor, n_bins: int) -> tuple[Tensor, Tensor]:
    """Softmax, and shares of the interval for widths and heights, (..., 2, n_bins, d, n)."""
    both = raw.narrow(_BINS, 0, 2 * n_bins).unflatten(_BINS, (2, n_bins))
    probabilities = both.softmax(_BINS)
    uniform = torch.full((), 1 / n_bins, dtype=raw.dtype, device=raw.device)
    return probabilities, torch.lerp(probabilities, uniform, n_bins * _LEAST_SHARE)


def _bin_of(position: Tensor, shares: Tensor) -> Tensor:
    """Index of the bin: how many inner knots the position has passed."""
    with torch.no_grad():
        knots = shares.narrow(_BINS, 0, shares.shape[_BINS] - 1).cumsum(_BINS)
        passed = torch.ge(position.unsqueeze(_BINS), knots, out=knots)  # faster than as bool
        return passed.sum(_BINS).long()


def _bins_at(index: Tensor, shares: Tensor) -> tuple[list[Tensor], list[Tensor], Tensor]:
    """Sizes (w, h) and lower edges (left, bottom) of the bins, and which bins lie below."""
    at = index.unsqueeze(_BINS)
    n_bins = shares.shape[_BINS]
    bins = torch.arange(n_bins, dtype=shares.dtype, device=shares.device).view(n_bins, 1, 1)
    below = (at.to(shares.dtype) - bins).clamp_(0, 1)
    pair = shares.unbind(_BINS - 1)
    sizes = [share.gather(_BINS, at).squeeze(_BINS) for share in pair]
    return sizes, [(share * below).sum(_BINS) for share in pair], below


def _end_slopes(raw: Tensor, index: Tensor, n_bins: int) -> Tensor:
    """Slopes at the lower and the upper end of the bins, (..., 2, d, n)."""
    knots = _end_knots(index)
    if n_bins == 1:
        return torch.ones_like(knots, dtype=raw.dtype)
    chosen = raw.narrow(_BINS, 2 * n_bins, n_bins - 1).gather(_BINS, knots.clamp(0, n_bins - 2))
    inner = (knots >= 0) & (knots <= n_bins - 2)
    return torch.where(inner, softplus(chosen + _UNIT) + _LEAST_SLOPE, 1.0)


def _end_knots(index: Tensor) -> Tensor:
    """Inner knots at both ends of the bins; −1 and n_bins − 1 are the ends of the interval."""
    return torch.stack([index - 1, index], dim=_BINS)


def _share_gradients(
    out: Tensor,
    probabilities: Tensor,
    below: Tensor,
    index: Tensor,
    edge: Tensor,
    size: Tensor,
    g_edge: Tensor,
    g_size: Tensor,
) -> None:
    """Into `out`, through edge = Σ_{k < bin} share_k, size = share_bin, and the softmax p.

    p_k (g_k − Σ p g), with g_k = g_edge below the bin, g_size in it and 0 above. The sum needs
    only the p below and in the bin, which edge and size know.
    """
    free = 1 - below.shape[_BINS] * _LEAST_SHARE
    mean = g_edge * (edge - _LEAST_SHARE * index.to(edge.dtype)) + g_size * (size - _LEAST_SHARE)
    above = -mean.unsqueeze(_BINS)
    torch.addcmul(above, below, g_edge.unsqueeze(_BINS), value=free, out=out)
    out.scatter_(_BINS, index.unsqueeze(_BINS), (free * g_size - mean).unsqueeze(_BINS))
    out.mul_(probabilities)


def _slope_gradients(out: Tensor, index: Tensor, slopes: Tensor, gradients: Tensor) -> None:
    """Into `out`, through softplus, whose slope is 1 − exp(−softplus), to the raw slopes."""
    n_inner = out.shape[_BINS]
    if n_inner == 0:
        return
    knots = _end_knots(index)
    inner = (knots >= 0) & (knots < n_inner)
    gradients = gradients * inner * -torch.expm1(_LEAST_SLOPE - slopes)
    out.zero_().scatter_add_(_BINS, knots.clamp(0, n_inner - 1), gradients)
