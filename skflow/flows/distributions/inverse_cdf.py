"""Quantiles by root finding: where a distribution function reaches a level."""

from collections.abc import Callable

import torch
from torch import Tensor

_MAX_ITER = 100  # of the root search
_TOLERANCE = 1e-10  # of the last step, relative to the width of the initial bracket


def inverse_cdf(
    cdf_and_density: Callable[[Tensor], tuple[Tensor, Tensor]],
    levels: Tensor,
    low: Tensor,
    high: Tensor,
    max_iter: int = _MAX_ITER,
    start: Tensor | None = None,
) -> Tensor:
    """Where distribution functions reach levels, by Newton's method within brackets.

    Parameters
    ----------
    cdf_and_density : callable
        From y (n,) to the n distribution functions and densities at their y.
    levels, low, high : Tensor of shape (n,)
        Between 0 and 1, and values below and above the roots.
    max_iter : int
        Number of steps, if they do not converge before.
    start : Tensor of shape (n,), optional
        Where to begin; by default in the middle of the brackets.

    Returns
    -------
    Tensor of shape (n,)
    """
    y = low.lerp(high, 0.5) if start is None else start
    tolerance = _TOLERANCE * (high - low)
    last = before_last = high - low  # lengths of steps
    for _ in range(max_iter):
        cdf, density = cdf_and_density(y)
        low, high = torch.where(cdf < levels, y, low), torch.where(cdf < levels, high, y)
        newton = y - (cdf - levels) / density
        # Newton's steps have to halve every other step, as the bracket does by bisection
        use_newton = (newton > low) & (newton < high) & ((newton - y).abs() < before_last / 2)
        y_next = torch.where(use_newton, newton, low.lerp(high, 0.5))
        before_last, last = last, (y_next - y).abs()
        y = y_next
        if bool((last <= tolerance).all()):
            break
    return y
