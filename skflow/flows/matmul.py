"""Matrix products of single matrices or of stacks with one matrix per ensemble member.

For small matrices, the dispatch of ``torch.matmul`` takes longer than the product itself; these
functions call the kernel that fits the shapes directly.
"""

import torch
from torch import Tensor


def matmul(a: Tensor, b: Tensor) -> Tensor:
    """Return a b, (..., i, j) and (..., j, k) to (..., i, k)."""
    return torch.bmm(a, b) if a.dim() == b.dim() == 3 else a @ b


def add_matmul(c: Tensor, a: Tensor, b: Tensor, gain: float = 1.0) -> Tensor:
    """Return c + gain · a b, in one kernel where the shapes allow it."""
    if a.dim() == b.dim() == 2:
        return torch.addmm(c, a, b, alpha=gain)
    if a.dim() == b.dim() == 3:
        return torch.baddbmm(c, a, b, alpha=gain)
    return c + gain * (a @ b)
