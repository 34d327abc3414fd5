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

    Where b is negative, a is above h s > 0, and the other form of the root is the safe one.
    """
    bend = up * (rise + fall - 2 * s)
    a, b, c = h * (s - rise) + bend, h * rise - bend, -s * up
    root = (b.square() - 4 * a * c).clamp_min(0).sqrt()
    positive = b > 0
    t = torch.where(positive, 2 * c, root - b) / torch.where(positive, -b - root, 2 * a)
    return t.clamp(0, 1)
