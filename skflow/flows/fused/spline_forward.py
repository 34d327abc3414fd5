"""Image and log-slope of a rational-quadratic spline together.

The names follow the docstring of `Spline`. Gradients of a loss are called g_…: `g_a` is the
gradient with respect to a.
"""

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from skflow.flows.spline_bins import (
    BINS,
    PAIR,
    Bins,
    bins_at,
    index_of_pair,
    min_and_free_size,
    position_in,
)


def spline_forward(x: Tensor, raw: Tensor, n_bins: int, bound: float) -> tuple[Tensor, Tensor]:
    """Return the image of x and its log-slope.

    Parameters
    ----------
    x : Tensor of shape (..., d, n)
    raw : Tensor of shape (..., 3 * n_bins - 1, d, n)
    n_bins : int
    bound : float

    Returns
    -------
    z : Tensor of shape (..., d, n)
    log_slope : Tensor of shape (..., d, n)
    """
    return _SplineForward.apply(x, raw, n_bins, bound)


class _SplineForward(torch.autograd.Function):
    """Autograd would save and revisit some thirty tensors of the size of the bins.

    The closed form saves two, and does everything else at the size of the data, which is
    several times faster in eager mode.
    """

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, raw: Tensor, n_bins: int, bound: float
    ) -> tuple[Tensor, Tensor]:
        position, inside = position_in(x, bound)
        bins = bins_at(position, raw, n_bins, bound)
        w, h, left, bottom, rise, fall = bins.unbind()
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
        bins = Bins(*ctx.saved_tensors[: len(Bins._fields)])
        s, t, a, b, q, m, ratio, inside = ctx.saved_tensors[len(Bins._fields) :]
        w, h, _, _, rise, fall = bins.unbind()
        g_z, g_l = grad_z * inside, grad_log_slope * inside
        g_n, g_m = (h * g_z).div_(q), g_l / m  # z = bottom + h n / q, with n = t a
        g_q = (g_n * ratio).addcdiv_(g_l, q, value=2).neg_()
        g_a, g_b = torch.lerp(g_m, g_n + g_q, t), torch.lerp(g_q, g_m, t)
        g_rise, g_fall = torch.addcmul(g_a, g_a, t, value=-1), g_b * t
        g_s = torch.lerp(g_b, g_a, t).addcdiv_(g_l, s, value=2)
        g_t = (g_m - g_q).mul_(b - a).addcmul_(g_n, a)
        g_t.addcmul_(g_a, s - rise).addcmul_(g_b, fall - s)
        g_position, g_h_by_s = g_t.div_(w), g_s.div_(w)  # t = (position − left) / w, s = h / w
        g_width = (g_h_by_s * s).addcmul_(g_position, t).neg_()
        g_height = torch.addcmul(g_h_by_s, g_z, ratio)
        gradients = [g_position.neg(), g_z, g_width, g_height, g_rise, g_fall]
        grad_raw = _raw_gradients(bins, torch.stack(gradients, dim=BINS), ctx.bound)
        return (grad_z - g_z).add_(g_position), grad_raw, None, None


def _raw_gradients(bins: Bins, gradients: Tensor, bound: float) -> Tensor:
    """From gradients of edges, sizes and slopes, (..., 6, d, n), to those of raw parameters."""
    g_edges, g_sizes, g_slopes = gradients.split(2, dim=BINS)
    n_bins = bins.probabilities.shape[BINS]
    shape = [*gradients.shape[:BINS], 3 * n_bins, *gradients.shape[-2:]]
    grad_raw = gradients.new_empty(shape)
    # Slopes of all knots: the first is then overwritten by the last height, the last cut off.
    g_knots = grad_raw.narrow(BINS, 2 * n_bins - 1, n_bins + 1).zero_()
    g_knots.scatter_(BINS, bins.knots, bins.raw_slopes.sigmoid().mul_(g_slopes))
    g_logits = grad_raw.narrow(BINS, 0, 2 * n_bins).unflatten(BINS, (2, n_bins))
    _write_logit_gradients(bins, g_edges, g_sizes, bound, out=g_logits)
    return grad_raw.narrow(BINS, 0, 3 * n_bins - 1)


def _write_logit_gradients(
    bins: Bins, g_edges: Tensor, g_sizes: Tensor, bound: float, out: Tensor
) -> None:
    """Through edge = Σ_{k < bin} size_k, size = size_bin and the softmax p, to its logits.

    The gradient is p_k (g_k − Σ p g), where g_k is the gradient of the edge for bins below the
    value's, that of the size for the value's bin, and 0 above. The sum involves only the p of
    the bins up to the value's, and these follow from edge and size.
    """
    n_bins = bins.probabilities.shape[BINS]
    min_size, free_size = min_and_free_size(n_bins, bound)
    index = bins.knots.narrow(BINS, 0, 1)
    mean = torch.sub(bins.edges, index, alpha=min_size).mul_(g_edges)
    mean.addcmul_(g_sizes, bins.sizes).sub_(g_sizes, alpha=min_size)
    above = mean.neg_().unsqueeze(BINS)
    lower = out.copy_(above).narrow(BINS, 0, n_bins - 1)  # torch.compile refuses out= here
    lower.addcmul_(bins.below.unsqueeze(PAIR), g_edges.unsqueeze(BINS), value=free_size)
    within = torch.add(above, g_sizes.unsqueeze(BINS), alpha=free_size)
    out.scatter_(BINS, index_of_pair(index.squeeze(BINS)), within).mul_(bins.probabilities)
