"""The scalar map that bends: monotone rational-quadratic splines."""

import math

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn.functional import softplus

_LEAST_SHARE = 1e-3  # of the interval, for the width and the height of a bin
_LEAST_SLOPE = 1e-3
_UNIT = math.log(math.expm1(1 - _LEAST_SLOPE))  # raw slope 0 is slope 1
_BINS = -3  # raw parameters are (..., parameters, d, n): bins lead, rows stay contiguous


class Spline:
    """Rational-quadratic spline on [−bound, bound], the identity outside (Durkan et al. 2019).

    Raw parameters, shapes as in `Additive`: n_bins for widths, n_bins for heights, and
    n_bins − 1 for the slopes at the inner knots; all zero is the identity. The slope at both
    ends is 1, that of the tails, so the density has no jump. Total: every finite input has an
    image and finite gradients.
    """

    def __init__(self, n_bins: int, bound: float = 4.0):
        self.n_bins = n_bins
        self.bound = bound
        self.n_parameters = 3 * n_bins - 1

    def forward(self, x: Tensor, raw: Tensor) -> tuple[Tensor, Tensor]:
        return _SplineForward.apply(x, raw, self.n_bins, self.bound)

    def inverse(self, z: Tensor, raw: Tensor) -> tuple[Tensor, Tensor]:
        inside = z.abs() <= self.bound
        clamped = z.clamp(-self.bound, self.bound)
        widths, heights = _shares(raw, self.n_bins)
        index = _bin_of(clamped, heights, self.bound)
        left, width = _edge_and_size(widths, index, self.bound)
        bottom, height = _edge_and_size(heights, index, self.bound)
        slope, rise, fall = height / width, *_end_slopes(raw, index, self.n_bins)
        # the root of a quadratic in the bin coordinate, eqs. 6–8 and 29 of the paper
        up = clamped - bottom
        bend = up * (rise + fall - 2 * slope)
        a, b, c = height * (slope - rise) + bend, height * rise - bend, -slope * up
        root = (b.square() - 4 * a * c).clamp_min(0).sqrt()
        t = (2 * c / (-b - root)).clamp(0, 1)
        log_slope = _log_slope(t, slope, rise, fall)
        x = torch.where(inside, left + t * width, z)
        return x, torch.where(inside, -log_slope, 0.0)


class _SplineForward(torch.autograd.Function):
    """Image and log-slope together, with closed-form gradients.

    Autograd would save and revisit some thirty tensors of the size of the bins; the closed
    form needs two, and everything else at the size of the data. Eager torch, 4 to 5 times as
    fast. `tests/flows/test_spline.py` holds it to a plain transcription of the paper.
    """

    @staticmethod
    def forward(ctx, x: Tensor, raw: Tensor, n_bins: int, bound: float):
        clamped = x.clamp(-bound, bound)
        widths, heights = _shares(raw, n_bins)
        index = _bin_of(clamped, widths, bound)
        left, width = _edge_and_size(widths, index, bound)
        bottom, height = _edge_and_size(heights, index, bound)
        rise, fall = _end_slopes(raw, index, n_bins)
        slope = height / width
        t = ((clamped - left) / width).clamp(0, 1)
        u = t * (1 - t)
        q = slope + (rise + fall - 2 * slope) * u
        inside = x.abs() <= bound
        z = torch.where(inside, bottom + height * (slope * t * t + rise * u) / q, x)
        log_slope = torch.where(inside, _log_slope(t, slope, rise, fall), 0.0)
        ctx.save_for_backward(raw, widths, heights, index, inside, t, width, height, rise, fall)
        ctx.n_bins, ctx.bound = n_bins, bound
        return z, log_slope

    @staticmethod
    @once_differentiable
    def backward(ctx, grad_z: Tensor, grad_log_slope: Tensor):
        raw, widths, heights, index, inside, t, width, height, rise, fall = ctx.saved_tensors
        grad_inside = torch.where(inside, grad_z, 0.0)
        grad_t, grad_width, grad_height, grad_rise, grad_fall = _bin_gradients(
            grad_inside, torch.where(inside, grad_log_slope, 0.0), t, width, height, rise, fall
        )
        grad_x = torch.where(inside, grad_t / width, grad_z)
        grad_raw = torch.empty_like(raw)
        k = ctx.n_bins
        # t = (x − left) / width and z = bottom + …: the edges collect the bins before them
        _share_gradients(
            grad_raw.narrow(_BINS, 0, k), widths, index, -grad_t / width, grad_width, ctx.bound
        )
        _share_gradients(
            grad_raw.narrow(_BINS, k, k), heights, index, grad_inside, grad_height, ctx.bound
        )
        _slope_gradients(grad_raw.narrow(_BINS, 2 * k, k - 1), raw, index, grad_rise, grad_fall)
        return grad_x, grad_raw, None, None


def _bin_gradients(gz, gl, t, width, height, rise, fall):
    """Gradients by bin coordinate (through x alone), width, height and the two end slopes.

    z = bottom + height · n / q and log z' = 2 log s + log m − 2 log q, with s = height / width,
    u = t (1 − t), n = s t² + rise u, q = s + (rise + fall − 2 s) u and
    m = fall t² + 2 s u + rise (1 − t)². The width also moves t, by −t / width.
    """
    s = height / width
    one_t = 1 - t
    u, tt, one_tt = t * one_t, t * t, one_t * one_t
    both = rise + fall - 2 * s
    q = s + both * u
    ratio = (s * tt + rise * u) / q
    gz_q = gz * height / q  # ∂z/∂n, as height / q
    gl_m = gl / (fall * tt + 2 * s * u + rise * one_tt)
    gq = -gz_q * ratio - 2 * gl / q
    dt = gz_q * (2 * s * t + rise * (one_t - t))
    dt = dt + gq * both * (one_t - t) + 2 * gl_m * (fall * t + s * (one_t - t) - rise * one_t)
    ds = gz_q * tt + gq * (1 - 2 * u) + 2 * (gl / s + gl_m * u)
    d_rise = (gz_q + gq) * u + gl_m * one_tt
    d_fall = gq * u + gl_m * tt
    d_width = -(ds * s + dt * t) / width
    return dt, d_width, gz * ratio + ds / width, d_rise, d_fall


def _share_gradients(out, shares, index, grad_edge, grad_size, bound):
    """Into `out`: through edge = 2 bound Σ_{k<index} share_k − bound, size and the softmax."""
    scale = 2 * bound
    k = shares.shape[_BINS]
    bins = torch.arange(k, device=index.device).view(k, 1, 1)
    at = index.unsqueeze(_BINS)
    edge, size = grad_edge.unsqueeze(_BINS), grad_size.unsqueeze(_BINS)
    torch.mul(edge, bins < at, out=out)
    out.scatter_(_BINS, at, size)
    probabilities = (shares - _LEAST_SHARE).mul_(scale)  # softmax · (1 − k least) · 2 bound
    mean = (probabilities * out).sum(_BINS, keepdim=True)
    out.sub_(mean / (scale * (1 - k * _LEAST_SHARE))).mul_(probabilities)


def _slope_gradients(out, raw, index, grad_rise, grad_fall):
    """Into `out`: the rise of bin k is the slope at inner knot k − 1, its fall that at k."""
    last = out.shape[_BINS] - 1
    out.zero_()
    if last < 0:
        return
    raw_slopes = raw.narrow(_BINS, raw.shape[_BINS] - last - 1, last + 1)
    for knot, grad, inner in (
        (index - 1, grad_rise, index > 0),
        (index, grad_fall, index <= last),
    ):
        at = knot.clamp(0, last).unsqueeze(_BINS)
        slope_of_raw = (raw_slopes.gather(_BINS, at) + _UNIT).sigmoid_()
        out.scatter_add_(_BINS, at, slope_of_raw * torch.where(inner, grad, 0.0).unsqueeze(_BINS))


def _shares(raw: Tensor, n_bins: int) -> tuple[Tensor, Tensor]:
    """Shares of the interval that the bins take in width and in height, summing to 1."""
    free = 1 - n_bins * _LEAST_SHARE
    widths, heights = raw.narrow(_BINS, 0, n_bins), raw.narrow(_BINS, n_bins, n_bins)
    return (
        widths.softmax(_BINS) * free + _LEAST_SHARE,
        heights.softmax(_BINS) * free + _LEAST_SHARE,
    )


def _bin_of(x: Tensor, shares: Tensor, bound: float) -> Tensor:
    """Index of the bin of each x in [−bound, bound]: how many inner knots it has passed."""
    inner = shares.narrow(_BINS, 0, shares.shape[_BINS] - 1).cumsum(_BINS)
    return (((x + bound) / (2 * bound)).unsqueeze(_BINS) >= inner).sum(_BINS)


def _edge_and_size(shares: Tensor, index: Tensor, bound: float) -> tuple[Tensor, Tensor]:
    """Lower edge and size of the bins."""
    at = index.unsqueeze(_BINS)
    ends = shares.cumsum(_BINS)
    size = shares.gather(_BINS, at).squeeze(_BINS)
    end = ends.gather(_BINS, at).squeeze(_BINS)
    return (end - size) * (2 * bound) - bound, size * (2 * bound)


def _end_slopes(raw: Tensor, index: Tensor, n_bins: int) -> tuple[Tensor, Tensor]:
    """Slopes at the lower and the upper end of the bins; 1 at the ends of the interval."""
    if n_bins == 1:
        ones = torch.ones_like(raw[..., 0, :, :])
        return ones, ones
    raw_slopes = raw.narrow(_BINS, 2 * n_bins, n_bins - 1)
    rise, fall = (
        torch.where(
            inner,
            _LEAST_SLOPE
            + softplus(
                raw_slopes.gather(_BINS, knot.clamp(0, n_bins - 2).unsqueeze(_BINS)).squeeze(_BINS)
                + _UNIT
            ),
            1.0,
        )
        for knot, inner in ((index - 1, index > 0), (index, index < n_bins - 1))
    )
    return rise, fall


def _log_slope(t: Tensor, slope: Tensor, rise: Tensor, fall: Tensor) -> Tensor:
    """Eq. 5 of the paper, at bin coordinate t."""
    rest = 1 - t
    u = t * rest
    mixed = fall * t.square() + 2 * slope * u + rise * rest.square()
    return 2 * slope.log() + mixed.log() - 2 * (slope + (rise + fall - 2 * slope) * u).log()
