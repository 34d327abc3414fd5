"""One piece of a monotone rational-quadratic function, forward and back.

A piece of width w and height h, slope s = h / w, with slopes rise and fall at its ends
(Gregory & Delbourgo 1982; eqs. 4–8 and 29 of Durkan et al. 2019).
"""

import torch
from torch import Tensor


def climb(t: Tensor, s: Tensor, h: Tensor, rise: Tensor, fall: Tensor) -> tuple[Tensor, Tensor]:
    """Height above the bottom, and log-slope, at coordinate t from 0 to 1."""
    u = t * (1 - t)
    q = s + (rise + fall - 2 * s) * u
    m = fall * t.square() + 2 * s * u + rise * (1 - t).square()
    return h * (s * t.square() + rise * u) / q, 2 * (s / q).log() + m.log()


def coordinate(up: Tensor, s: Tensor, h: Tensor, rise: Tensor, fall: Tensor) -> Tensor:
    """The coordinate t at a given height: the root of a quadratic, without cancellation.

    Of a t² + b t − c, with c = s · up. Where b is negative, a is above h s > 0, and the other
    form of the root is the safe one.
    """
    bend = up * (rise + fall).sub(s, alpha=2)
    a, b, c = torch.addcmul(bend, h, s - rise), h * rise - bend, s * up
    root = torch.addcmul(b.square(), a, c, value=4).clamp_min(0).sqrt()
    half = (root + b.abs()) / 2
    positive = b > 0
    t = torch.where(positive, c, half) / torch.where(positive, half, a)
    return t.clamp(0, 1)
