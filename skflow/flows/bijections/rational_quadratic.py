"""One segment of a monotone rational-quadratic function, in both directions.

A segment of width w and height h has the mean slope s = h / w and the slopes rise and fall at
its left and right ends (Gregory & Delbourgo 1982; eqs. 4–8 and 29 of Durkan et al. 2019).
"""

import torch
from torch import Tensor


def segment_forward(
    t: Tensor, s: Tensor, h: Tensor, rise: Tensor, fall: Tensor
) -> tuple[Tensor, Tensor]:
    """Height above the bottom, and log-slope, at the coordinate t from 0 to 1."""
    u = t * (1 - t)
    q = s + (rise + fall - 2 * s) * u
    m = fall * t.square() + 2 * s * u + rise * (1 - t).square()
    return h * (s * t.square() + rise * u) / q, 2 * (s / q).log() + m.log()


def segment_inverse(height: Tensor, s: Tensor, h: Tensor, rise: Tensor, fall: Tensor) -> Tensor:
    """The coordinate t at a height above the bottom.

    It is the root of a t² + b t − c, with c = s · height, in the form that does not cancel:
    where b is negative, a is at least h s > 0, so dividing by a is safe.
    """
    bend = height * (rise + fall).sub(s, alpha=2)
    a, b, c = torch.addcmul(bend, h, s - rise), h * rise - bend, s * height
    root = torch.addcmul(b.square(), a, c, value=4).clamp_min(0).sqrt()
    half = (root + b.abs()) / 2
    positive = b > 0
    t = torch.where(positive, c, half) / torch.where(positive, half, a)
    return t.clamp(0, 1)
