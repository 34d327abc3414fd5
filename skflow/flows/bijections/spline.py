"""The scalar map that bends: monotone rational-quadratic splines."""

import math
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn.functional import softplus

from skflow.flows.bijections.rational_quadratic import coordinate
from skflow.flows.bijections.transformer import Transformer

_MIN_SHARE = 1e-3  # of the interval, for the width and the height of a bin
_MIN_SLOPE = 1e-3
_UNIT = math.log(math.expm1(1 - _MIN_SLOPE))  # raw slope 0 is slope 1
_BINS = -3  # raw parameters are (..., parameters, d, n): bins lead, rows stay contiguous
_PAIR = -4  # of widths and heights, (..., 2, n_bins, d, n)


class Spline(Transformer):
    """Rational-quadratic spline on [−bound, bound], the identity outside (Durkan et al. 2019).

    Raw parameters: n_bins for widths, n_bins for heights, and
    n_bins − 1 for the slopes at the inner knots. The slope at both ends is 1, that of the
    tails, so the density has no jump. Total: every finite input has an image and finite
    gradients.

    With the bin's width w, height h, slope s = h / w and end slopes rise and fall, at bin
    coordinate t (eqs. 4 and 5 of the paper, by repeated linear interpolation):
    z = bottom + h t a / q and log z' = log (s² m / q²), where a and b go from rise to s and
    from s to fall, m goes from a to b, and q from b to a, as t goes from 0 to 1.
    """

    def __init__(self, n_bins: int, bound: float = 4.0):
        self.n_bins = n_bins
        self.bound = bound
        self.n_parameters = 3 * n_bins - 1

    def forward(self, x: Tensor, raw: Tensor) -> tuple[Tensor, Tensor]:
        return _SplineForward.apply(x, raw, self.n_bins, self.bound)

    def inverse(self, z: Tensor, raw: Tensor) -> tuple[Tensor, Tensor]:
        position, inside = _position(z, self.bound)
        bins = _bins_at(position, raw, self.n_bins, self.bound, by_height=True)
        (w, h), (left, bottom) = bins.sizes.unbind(_BINS), bins.edges.unbind(_BINS)
        rise, fall = bins.slopes.unbind(_BINS)
        s = h / w
        t = coordinate(position - bottom, s, h, rise, fall)
        a, b = torch.lerp(rise, s, t), torch.lerp(s, fall, t)
        q, m = torch.lerp(b, a, t), torch.lerp(a, b, t)
        log_slope = ((s / q).square() * m).log()
        x = torch.addcmul(left, t, w)
        return torch.addcmul(z, inside, x - position), -log_slope * inside


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
        position, inside = _position(x, bound)
        bins = _bins_at(position, raw, n_bins, bound)
        (w, h), (left, bottom) = bins.sizes.unbind(_BINS), bins.edges.unbind(_BINS)
        rise, fall = bins.slopes.unbind(_BINS)
        s = h / w
        t = (position - left).div_(w).clamp_(0, 1)
        a, b = torch.lerp(rise, s, t), torch.lerp(s, fall, t)
        q, m = torch.lerp(b, a, t), torch.lerp(a, b, t)
        ratio = (t * a).div_(q)
        shift = torch.addcmul(bottom, h, ratio).sub_(position)
        log_slope = (s / q).square_().mul_(m).log_().mul_(inside)
        ctx.save_for_backward(*bins, s, t, a, b, q, m, ratio, inside)
        ctx.bound = bound
        return torch.addcmul(x, inside, shift), log_slope

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_z: Tensor, grad_log_slope: Tensor) -> tuple[Tensor | None, ...]:
        bins = _Bins(*ctx.saved_tensors[: len(_Bins._fields)])
        s, t, a, b, q, m, ratio, inside = ctx.saved_tensors[len(_Bins._fields) :]
        (w, h), (rise, fall) = bins.sizes.unbind(_BINS), bins.slopes.unbind(_BINS)
        gz, gl = grad_z * inside, grad_log_slope * inside
        gn, gm = (h * gz).div_(q), gl / m  # z = bottom + h n / q, n = t a
        gq = (gn * ratio).addcdiv_(gl, q, value=2).neg_()
        ga, gb = torch.lerp(gm, gn + gq, t), torch.lerp(gq, gm, t)
        g_rise, g_fall = torch.addcmul(ga, ga, t, value=-1), gb * t
        g_s = torch.lerp(gb, ga, t).addcdiv_(gl, s, value=2)
        g_t = (gm - gq).mul_(b - a).addcmul_(gn, a).addcmul_(ga, s - rise).addcmul_(gb, fall - s)
        g_position, g_rate = g_t.div_(w), g_s.div_(w)  # t = (position − left) / w, s = h / w
        g_width = (g_rate * s).addcmul_(g_position, t).neg_()
        g_height = torch.addcmul(g_rate, gz, ratio)
        gradients = [g_position.neg(), gz, g_width, g_height, g_rise, g_fall]
        grad_raw = _raw_gradients(bins, torch.stack(gradients, dim=_BINS), ctx.bound)
        return (grad_z - gz).add_(g_position), grad_raw, None, None


class _Bins(NamedTuple):
    """The bins that values are in; pairs, of widths and heights or both ends, lead."""

    sizes: Tensor  # (..., 2, d, n)
    edges: Tensor  # lower ones, from 0, (..., 2, d, n)
    slopes: Tensor  # at both ends, (..., 2, d, n)
    raw_slopes: Tensor
    knots: Tensor  # numbers of both ends, (..., 2, d, n)
    below: Tensor  # whether a bin is below, for all but the last, (..., n_bins − 1, d, n)
    probabilities: Tensor  # of all bins, (..., 2, n_bins, d, n)


def _position(x: Tensor, bound: float) -> tuple[Tensor, Tensor]:
    """Where in the interval, from 0 to its length, and 1 for what is inside."""
    inner = x.clamp(-bound, bound)
    return inner + bound, _where_equal(inner.detach(), x.detach())


def _where_equal(x: Tensor, y: Tensor) -> Tensor:
    """1 where x = y and 0 elsewhere, in the type and of the shape of y."""
    if torch.compiler.is_compiling():  # compiled code is slow at storing conditions
        return 1 - (x - y).sign().abs()
    return torch.eq(x, y, out=torch.empty_like(y))


def _where_reached(x: Tensor, y: Tensor) -> Tensor:
    """1 where x ≥ y and 0 elsewhere, in the type and of the shape of y."""
    if torch.compiler.is_compiling():
        return ((x - y).sign() + 1).clamp_max(1)
    return torch.ge(x, y, out=torch.empty_like(y))


def _bins_at(
    position: Tensor, raw: Tensor, n_bins: int, bound: float, by_height: bool = False
) -> _Bins:
    logits, inner_slopes = raw.split([2 * n_bins, n_bins - 1], dim=_BINS)
    probabilities = logits.unflatten(_BINS, (2, n_bins)).softmax(_BINS)
    least, free = _least_and_free(n_bins, bound)
    shares = torch.rsub(probabilities, least, alpha=-free)
    lower = shares.narrow(_BINS, 0, n_bins - 1)
    inner_knots = lower.detach().select(_PAIR, int(by_height)).cumsum(_BINS)
    below = _where_reached(position.detach().unsqueeze(_BINS), inner_knots)
    at = below.sum(_BINS).long()
    sizes = shares.gather(_BINS, _for_both(at)).squeeze(_BINS)
    edges = (lower * below.unsqueeze(_PAIR)).sum(_BINS)
    knots = torch.stack([at, at + 1], dim=_BINS)
    end = torch.zeros_like(position).unsqueeze(_BINS)
    raw_slopes = torch.cat([end, inner_slopes, end], dim=_BINS).gather(_BINS, knots).add_(_UNIT)
    slopes = softplus(raw_slopes).add_(_MIN_SLOPE)
    return _Bins(sizes, edges, slopes, raw_slopes, knots, below, probabilities)


def _least_and_free(n_bins: int, bound: float) -> tuple[float, float]:
    """The least size of a bin, and what all bins have beyond theirs."""
    return 2 * bound * _MIN_SHARE, 2 * bound * (1 - n_bins * _MIN_SHARE)


def _for_both(at: Tensor) -> Tensor:
    """The same bin's index for widths and heights, (..., 2, 1, d, n)."""
    return at.unsqueeze(_BINS).unsqueeze(_PAIR).expand(*at.shape[:-2], 2, 1, *at.shape[-2:])


def _raw_gradients(bins: _Bins, gradients: Tensor, bound: float) -> Tensor:
    """From those of edges, sizes and slopes, (..., 6, d, n), to those of raw parameters."""
    g_edges, g_sizes, g_slopes = gradients.split(2, dim=_BINS)
    n_bins = bins.probabilities.shape[_BINS]
    shape = [*gradients.shape[:_BINS], 3 * n_bins, *gradients.shape[-2:]]
    grad_raw = gradients.new_empty(shape)
    # slopes of all knots, the first of which the last height overwrites, and the last is cut off
    of_knots = grad_raw.narrow(_BINS, 2 * n_bins - 1, n_bins + 1).zero_()
    of_knots.scatter_(_BINS, bins.knots, bins.raw_slopes.sigmoid().mul_(g_slopes))
    of_shares = grad_raw.narrow(_BINS, 0, 2 * n_bins).unflatten(_BINS, (2, n_bins))
    _share_gradients(bins, g_edges, g_sizes, bound, out=of_shares)
    return grad_raw.narrow(_BINS, 0, 3 * n_bins - 1)


def _share_gradients(
    bins: _Bins, g_edges: Tensor, g_sizes: Tensor, bound: float, out: Tensor
) -> None:
    """Through edge = Σ_{k < bin} share_k, size = share_bin and the softmax p, to its logits.

    p_k (g_k − Σ p g), with g_k the edge's gradient below the bin, the size's in it and 0
    above. The sum needs only the p below and in the bin, which edge and size know.
    """
    n_bins = bins.probabilities.shape[_BINS]
    least, free = _least_and_free(n_bins, bound)
    at = bins.knots.narrow(_BINS, 0, 1)
    mean = torch.sub(bins.edges, at, alpha=least).mul_(g_edges)
    above = mean.addcmul_(g_sizes, bins.sizes).sub_(g_sizes, alpha=least).neg_().unsqueeze(_BINS)
    lower = out.copy_(above).narrow(_BINS, 0, n_bins - 1)  # copied: compiling refuses out= here
    lower.addcmul_(bins.below.unsqueeze(_PAIR), g_edges.unsqueeze(_BINS), value=free)
    within = torch.add(above, g_sizes.unsqueeze(_BINS), alpha=free)
    out.scatter_(_BINS, _for_both(at.squeeze(_BINS)), within).mul_(bins.probabilities)
