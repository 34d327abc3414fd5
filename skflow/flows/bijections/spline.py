"""The scalar map that bends: monotone rational-quadratic splines."""

import math
from collections.abc import Callable
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
_PAIR = -4  # of widths and heights, (..., 2, n_bins, d, n)


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
        below = _bins_below(position, shares.select(_PAIR, 1))
        index = below.sum(_BINS)
        sizes, edges = _bin_at(index.long(), below, shares)
        (w, h), (left, bottom) = sizes.unbind(_BINS), edges.unbind(_BINS)
        rise, fall = _end_slopes(raw, *_end_knots(index, self.n_bins)).unbind(_BINS)
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
    eager torch. Conditions are ones and zeros of the data's own type, as it is faster to
    multiply by them than to select. `tests/flows/test_spline.py` holds it to a plain
    transcription of the paper.
    """

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, raw: Tensor, n_bins: int, bound: float
    ) -> tuple[Tensor, Tensor]:
        position = _position(x, bound)
        probabilities, shares = _shares(raw, n_bins)
        below = _bins_below(position, shares.select(_PAIR, 0))
        index = below.sum(_BINS)
        at = index.long()
        sizes, edges = _bin_at(at, below, shares)
        knots, inner = _end_knots(index, n_bins)
        slopes = _end_slopes(raw, knots, inner)
        (w, h), (left, bottom) = sizes.unbind(_BINS), edges.unbind(_BINS)
        rise, fall = slopes.unbind(_BINS)
        s = h / w
        t = (position - left).div_(w).clamp_(0, 1)
        rest = 1 - t
        u, tt = t * rest, t.square()
        q = torch.addcmul(s, _bend(s, rise, fall), u)
        m = torch.addcmul(fall * tt, rise, rest.square()).addcmul_(s, u, value=2)
        ratio = torch.addcmul(s * tt, rise, u).div_(q)
        z = torch.addcmul(bottom, h, ratio).mul_(2 * bound).sub_(bound)
        log_slope = (s / q).square_().mul_(m).log_()
        distance = x.abs()
        inside = _ones(torch.le, distance, bound)
        ctx.save_for_backward(
            probabilities, below, index, at, sizes, edges, knots, inner, slopes,
            s, t, q, m, ratio, inside,
        )  # fmt: skip
        ctx.bound = bound
        return torch.where(distance <= bound, z, x), log_slope.mul_(inside)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_z: Tensor, grad_log_slope: Tensor) -> tuple[Tensor | None, ...]:
        (
            probabilities, below, index, at, sizes, edges, knots, inner, slopes,
            s, t, q, m, ratio, inside,
        ) = ctx.saved_tensors  # fmt: skip
        (w, h), (rise, fall) = sizes.unbind(_BINS), slopes.unbind(_BINS)
        grad_inside = grad_z * inside
        gz, gl2 = grad_inside * (2 * ctx.bound), (grad_log_slope * inside).mul_(2)
        rest = 1 - t
        slant, u, tt, rr = rest - t, t * rest, t.square(), rest.square()
        gn, gm2 = h.mul(gz).div_(q), gl2 / m
        gq = torch.addcmul(gl2 / q, gn, ratio).neg_()
        g_rise = torch.addcmul((gn + gq).mul_(u), gm2, rr, value=0.5)
        g_fall = torch.addcmul(gq * u, gm2, tt, value=0.5)
        g_s = torch.addcmul(gl2 / s, gn, tt).addcmul_(gq, tt.add(rr)).addcmul_(gm2, u)
        g_t = torch.addcmul(rise * slant, s, t, value=2).mul_(gn)
        g_t.addcmul_(_bend(s, rise, fall).mul_(gq), slant)
        g_t.addcmul_((fall * t).addcmul_(s, slant).addcmul_(rise, rest, value=-1), gm2)
        g_left = (g_t / w).neg_()  # t = (position − left) / w
        g_width = (g_s * s).addcmul_(g_t, t).div_(w).neg_()
        g_height = (g_s / w).addcmul_(gz, ratio)
        shares = _share_gradients(
            probabilities,
            below,
            index,
            at,
            (edges, torch.stack([g_left, gz], dim=_BINS)),
            (sizes, torch.stack([g_width, g_height], dim=_BINS)),
        )
        g_slopes = torch.stack([g_rise, g_fall], dim=_BINS).mul_(inner)
        inner_slopes = _slope_gradients(probabilities.shape[_BINS] - 1, knots, slopes, g_slopes)
        grad_raw = torch.cat([shares.flatten(_PAIR, _BINS), inner_slopes], dim=_BINS)
        grad_x = (grad_z - grad_inside).sub_(g_left, alpha=1 / (2 * ctx.bound))
        return grad_x, grad_raw, None, None


def _position(x: Tensor, bound: float) -> Tensor:
    """Where in the interval, from 0 to 1."""
    return ((x + bound) / (2 * bound)).clamp_(0, 1)


def _shares(raw: Tensor, n_bins: int) -> tuple[Tensor, Tensor]:
    """Softmax, and shares of the interval for widths and heights, (..., 2, n_bins, d, n)."""
    both = raw.narrow(_BINS, 0, 2 * n_bins).unflatten(_BINS, (2, n_bins))
    probabilities = both.softmax(_BINS)
    uniform = torch.full((), 1 / n_bins, dtype=raw.dtype, device=raw.device)
    return probabilities, torch.lerp(probabilities, uniform, n_bins * _LEAST_SHARE)


def _bins_below(position: Tensor, shares: Tensor) -> Tensor:
    """Of each bin but the last whether the position lies beyond it, (..., n_bins − 1, d, n)."""
    knots = shares.detach().narrow(_BINS, 0, shares.shape[_BINS] - 1).cumsum(_BINS)
    return _ones(torch.ge, position.detach().unsqueeze(_BINS), knots)


def _ones(compare: Callable[..., Tensor], x: Tensor, y: Tensor | float) -> Tensor:
    """1 where the comparison holds and 0 elsewhere, in the type of x."""
    shape = x.shape if isinstance(y, float) else y.shape
    return compare(x, y, out=x.new_empty(shape))


def _bin_at(at: Tensor, below: Tensor, shares: Tensor) -> tuple[Tensor, Tensor]:
    """Sizes (w, h) and lower edges (left, bottom) of the bins, (..., 2, d, n) each."""
    sizes = shares.gather(_BINS, _for_both(at)).squeeze(_BINS)
    lower = shares.narrow(_BINS, 0, shares.shape[_BINS] - 1)
    return sizes, (lower * below.unsqueeze(_PAIR)).sum(_BINS)


def _for_both(at: Tensor) -> Tensor:
    """The same bin's index for widths and heights, (..., 2, 1, d, n)."""
    return at.unsqueeze(_BINS).unsqueeze(_PAIR).expand(*at.shape[:-2], 2, 1, *at.shape[-2:])


def _end_knots(index: Tensor, n_bins: int) -> tuple[Tensor, Tensor]:
    """Inner knots at both ends of the bins, (..., 2, d, n), and whether they are any.

    The ends of the interval are none: they are given the nearest.
    """
    ends = torch.stack([index - 1, index], dim=_BINS)
    knots = ends.clamp(0, max(n_bins - 2, 0))
    return knots.long(), _ones(torch.eq, ends, knots)


def _end_slopes(raw: Tensor, knots: Tensor, inner: Tensor) -> Tensor:
    """Slopes at the lower and the upper end of the bins, (..., 2, d, n)."""
    n_bins = (raw.shape[_BINS] + 1) // 3
    if n_bins == 1:
        return torch.ones_like(inner)
    chosen = raw.narrow(_BINS, 2 * n_bins, n_bins - 1).gather(_BINS, knots)
    return softplus((chosen * inner).add_(_UNIT)).add_(_LEAST_SLOPE)


def _bend(s: Tensor, rise: Tensor, fall: Tensor) -> Tensor:
    return (rise + fall).sub_(s, alpha=2)


def _share_gradients(
    probabilities: Tensor,
    below: Tensor,
    index: Tensor,
    at: Tensor,
    edges: tuple[Tensor, Tensor],
    sizes: tuple[Tensor, Tensor],
) -> Tensor:
    """Through edge = Σ_{k < bin} share_k, size = share_bin and the softmax p, to its logits.

    p_k (g_k − Σ p g), with g_k the edge's gradient below the bin, the size's in it and 0
    above. The sum needs only the p below and in the bin, which edge and size know.
    """
    (edge, g_edge), (size, g_size) = edges, sizes
    free = 1 - probabilities.shape[_BINS] * _LEAST_SHARE
    mean = torch.sub(edge, index.unsqueeze(_BINS), alpha=_LEAST_SHARE).mul_(g_edge)
    mean.addcmul_(g_size, size - _LEAST_SHARE)
    above = mean.neg().unsqueeze(_BINS)
    lower = torch.addcmul(above, below.unsqueeze(_PAIR), g_edge.unsqueeze(_BINS), value=free)
    gradients = torch.cat([lower, above], dim=_BINS)
    within = torch.sub(g_size, mean, alpha=1 / free).mul_(free)
    return gradients.scatter_(_BINS, _for_both(at), within.unsqueeze(_BINS)).mul_(probabilities)


def _slope_gradients(n_inner: int, knots: Tensor, slopes: Tensor, gradients: Tensor) -> Tensor:
    """Through softplus, whose slope is 1 − exp(−softplus), to the raw slopes."""
    out = slopes.new_zeros([*slopes.shape[:-3], n_inner, *slopes.shape[-2:]])
    if n_inner == 0:
        return out
    gradients = torch.sub(_LEAST_SLOPE, slopes).expm1_().mul_(gradients).neg_()
    return out.scatter_add_(_BINS, knots, gradients)
