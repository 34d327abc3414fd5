"""Spline: a monotone rational-quadratic spline as scalar map."""

import torch
from torch import Tensor

from skflow.flows.bijections.rational_quadratic import segment_inverse
from skflow.flows.bijections.transformer import Transformer
from skflow.flows.fused import spline_forward
from skflow.flows.spline_bins import bins_at, position_in


class Spline(Transformer):
    """Rational-quadratic spline on [−bound, bound], the identity outside (Durkan et al. 2019).

    Raw parameters are (..., 3 * n_bins − 1, d, n): n_bins for widths, n_bins for heights and
    n_bins − 1 for the slopes at the inner knots. The slope at both ends is 1, that of the
    identity, so the density has no jump. Every finite input has a finite image and finite
    gradients.

    In a bin of width w, height h, slope s = h / w and slopes rise and fall at its ends, at the
    coordinate t from 0 to 1 (eqs. 4 and 5 of the paper, by repeated linear interpolation):
    z = bottom + h t a / q and log z' = log (s² m / q²), where a goes from rise to s and b from
    s to fall, m goes from a to b, and q from b to a, as t goes from 0 to 1.

    Parameters
    ----------
    n_bins : int
        Number of bins.
    bound : float, default=4.0
        Half the length of the interval that the spline covers.
    fused : bool, default=True
        Whether `forward` takes its gradient from `skflow.flows.fused`. It is then several times
        faster, but has no second derivative and does not run under ``torch.func.grad``. Values
        are the same to the last bit.
    """

    def __init__(self, n_bins: int, bound: float = 4.0, fused: bool = True):
        self.n_bins = n_bins
        self.bound = bound
        self.fused = fused
        self.n_parameters = 3 * n_bins - 1

    def forward(self, x: Tensor, raw: Tensor) -> tuple[Tensor, Tensor]:
        if self.fused:
            return spline_forward(x, raw, self.n_bins, self.bound)
        position, inside = position_in(x, self.bound)
        bins = bins_at(position, raw, self.n_bins, self.bound)
        w, h, left, bottom, rise, fall = bins.unbind()
        s = h / w
        t = ((position - left) / w).clamp(0, 1)
        a, b = torch.lerp(rise, s, t), torch.lerp(s, fall, t)
        q, m = torch.lerp(b, a, t), torch.lerp(a, b, t)
        log_slope = ((s / q).square() * m).log()
        z = torch.addcmul(bottom, h, t * a / q)
        return torch.addcmul(x, inside, z - position), log_slope * inside

    def inverse(self, z: Tensor, raw: Tensor) -> tuple[Tensor, Tensor]:
        position, inside = position_in(z, self.bound)
        bins = bins_at(position, raw, self.n_bins, self.bound, by_height=True)
        w, h, left, bottom, rise, fall = bins.unbind()
        s = h / w
        t = segment_inverse(position - bottom, s, h, rise, fall)
        a, b = torch.lerp(rise, s, t), torch.lerp(s, fall, t)
        q, m = torch.lerp(b, a, t), torch.lerp(a, b, t)
        log_slope = ((s / q).square() * m).log()
        x = torch.addcmul(left, t, w)
        return torch.addcmul(z, inside, x - position), -log_slope * inside
