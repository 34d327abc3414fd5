"""The bins of a rational-quadratic spline: their sizes and slopes, and which one a value is in.

Raw parameters are (..., 3 n_bins − 1, d, n): n_bins logits of widths, n_bins logits of heights
and n_bins − 1 slopes at the inner knots (section 3.1 of Durkan et al. 2019). The axis of the
bins comes before the columns, so that softmax, cumulative sums and comparisons over bins run
along contiguous rows.
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import softplus

MIN_FRACTION = 1e-3  # of the interval, for the width and the height of a bin
MIN_SLOPE = 1e-3
BINS = -3  # axis of the bins, or of pairs of widths and heights or of both ends
PAIR = -4  # axis of widths and heights where the bins have an axis too
_UNIT_SLOPE = math.log(math.expm1(1 - MIN_SLOPE))  # so that a raw slope of 0 is the slope 1


class Bins(NamedTuple):
    """The bin that each value lies in.

    A Spline needs sizes, edges and slopes; the rest is for the gradients of
    `skflow.flows.fused.spline_forward`.
    """

    sizes: Tensor  # width and height, (..., 2, d, n)
    edges: Tensor  # left and bottom, counted from 0, (..., 2, d, n)
    slopes: Tensor  # at the left and the right knot, (..., 2, d, n)
    raw_slopes: Tensor  # before softplus, (..., 2, d, n)
    knots: Tensor  # indices of the left and the right knot, (..., 2, d, n)
    below: Tensor  # 1 for bins below the value's, without the last, (..., n_bins − 1, d, n)
    probabilities: Tensor  # softmax of the logits of all bins, (..., 2, n_bins, d, n)

    def unbind(self) -> tuple[Tensor, ...]:
        """Width, height, left, bottom, left slope and right slope, each (..., d, n)."""
        return (*self.sizes.unbind(BINS), *self.edges.unbind(BINS), *self.slopes.unbind(BINS))


def position_in(x: Tensor, bound: float) -> tuple[Tensor, Tensor]:
    """The position in [−bound, bound], counted from 0, and 1 for values inside, 0 outside."""
    inner = x.clamp(-bound, bound)
    return inner + bound, _equal(inner.detach(), x.detach())


def bins_at(
    position: Tensor, raw: Tensor, n_bins: int, bound: float, by_height: bool = False
) -> Bins:
    """The bins that positions lie in.

    Parameters
    ----------
    position : Tensor of shape (..., d, n)
        From 0 to 2 bound, along the widths or the heights.
    raw : Tensor of shape (..., 3 * n_bins - 1, d, n)
    n_bins : int
    bound : float
    by_height : bool
        Whether positions are heights.

    Returns
    -------
    Bins
    """
    logits, inner_slopes = raw.split([2 * n_bins, n_bins - 1], dim=BINS)
    probabilities = logits.unflatten(BINS, (2, n_bins)).softmax(BINS)
    min_size, free_size = min_and_free_size(n_bins, bound)
    all_sizes = torch.rsub(probabilities, min_size, alpha=-free_size)
    lower = all_sizes.narrow(BINS, 0, n_bins - 1)
    inner_knots = lower.detach().select(PAIR, int(by_height)).cumsum(BINS)
    below = _greater_equal(position.detach().unsqueeze(BINS), inner_knots)
    index = below.sum(BINS).long()
    sizes = all_sizes.gather(BINS, index_of_pair(index)).squeeze(BINS)
    edges = (lower * below.unsqueeze(PAIR)).sum(BINS)
    knots = torch.stack([index, index + 1], dim=BINS)
    end = torch.zeros_like(position).unsqueeze(BINS)
    raw_slopes = torch.cat([end, inner_slopes, end], dim=BINS).gather(BINS, knots)
    raw_slopes = raw_slopes.add_(_UNIT_SLOPE)
    slopes = softplus(raw_slopes).add_(MIN_SLOPE)
    return Bins(sizes, edges, slopes, raw_slopes, knots, below, probabilities)


def min_and_free_size(n_bins: int, bound: float) -> tuple[float, float]:
    """The minimum size of a bin, and what the minima of all bins leave of the interval."""
    return 2 * bound * MIN_FRACTION, 2 * bound * (1 - n_bins * MIN_FRACTION)


def index_of_pair(index: Tensor) -> Tensor:
    """Indices of bins, (..., d, n), for both widths and heights: (..., 2, 1, d, n)."""
    return index.unsqueeze(BINS).unsqueeze(PAIR).expand(*index.shape[:-2], 2, 1, *index.shape[-2:])


# Conditions are ones and zeros of the data's own dtype: multiplying by them is faster than
# selecting. Compiled code stores comparisons slowly, so there they are arithmetic.


def _equal(x: Tensor, y: Tensor) -> Tensor:
    """1 where x = y and 0 elsewhere, in the dtype and the shape of y."""
    if torch.compiler.is_compiling():
        return 1 - (x - y).sign().abs()
    return torch.eq(x, y, out=torch.empty_like(y))


def _greater_equal(x: Tensor, y: Tensor) -> Tensor:
    """1 where x ≥ y and 0 elsewhere, in the dtype and the shape of y."""
    if torch.compiler.is_compiling():
        return ((x - y).sign() + 1).clamp_max(1)
    return torch.ge(x, y, out=torch.empty_like(y))
