"""The tail of Student's t in torch alone: any degrees of freedom, differentiable, exportable.

With g² = ν log(1 + z²/ν), the density of a t in terms of g is exp(−g²/2) q(g²/ν) up to a
constant, where q(r)² = r / (1 − exp(−r)) is smooth and grows slowly. So

    P(Z > z) ∝ exp(−g²/2) ∫_0^∞ exp(−g s − s²/2) q((g + s)²/ν) ds

and a Gauss-Legendre rule over the part in which the exponential matters gives the integral.
"""

import math

import numpy as np
import torch
from torch import Tensor

_NODES, _WEIGHTS = (a / 2 for a in np.polynomial.legendre.leggauss(40))  # on [−½, ½]
_EXPONENT = 37.0  # exp(−37) is rounding error


def log_t_tail(z: Tensor, log_df: Tensor) -> Tensor:
    """log P(Z > z) for z ≥ 0 of any shape, under a t with exp(log_df) degrees of freedom.

    `log_df` is one number, or has a shape that broadcasts with that of z.

    At 0 it is exactly log ½, as the constant of the density comes from the same rule. The
    relative error is below 1e-11 from one degree of freedom on, and 1e-6 at 0.1.
    """
    df = log_df.exp()
    g = df.sqrt() * _root_of_log(z / df.sqrt())
    log_at_0 = _log_integral(torch.zeros_like(df), df)
    return _log_integral(g, df) - g.square() / 2 - log_at_0 - math.log(2)


def _root_of_log(y: Tensor) -> Tensor:
    """√log(1 + y²) for y ≥ 0; its gradient is right at 0, and neither overflows for large y."""
    is_small = y < 1
    small, large = torch.where(is_small, y, 0.0), torch.where(is_small, 1.0, y)
    square = small.square().clamp_min(torch.finfo(y.dtype).tiny)
    of_large = 2 * large.log() + large.reciprocal().square().log1p()
    return torch.where(is_small, small * (square.log1p() / square).sqrt(), of_large.sqrt())


def _log_integral(g: Tensor, df: Tensor) -> Tensor:
    """log of the integral over s, for g ≥ 0 of any shape."""
    nodes, weights = (torch.from_numpy(a).to(g) for a in (_NODES + 0.5, _WEIGHTS))
    end = 2 * _EXPONENT / ((g.square() + 2 * _EXPONENT).sqrt() + g)
    s, g = end.unsqueeze(-1) * nodes, g.unsqueeze(-1)
    r = ((g + s).square() / (df.unsqueeze(-1) if df.dim() else df)).clamp_min(
        torch.finfo(g.dtype).tiny
    )
    q = (r / -(-r).expm1()).sqrt()
    return ((-s * (g + s / 2)).exp() * q @ weights * end).log()
