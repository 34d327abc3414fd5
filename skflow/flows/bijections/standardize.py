"""Centre and scale every column."""

import math

import torch
from torch import Tensor

from skflow.flows.bijections.bijection import Bijection, for_every_row


class Standardize(Bijection):
    """z = (x − loc) / scale, a fixed map fitted from data; loc and scale have shape (d,).

    Rows so far out that squares would overflow are pulled in along their ray, and their
    density falls as that of a t with one degree of freedom.
    """

    loc: Tensor
    scale: Tensor

    def __init__(self, loc: Tensor, scale: Tensor):
        super().__init__()
        self.register_buffer("loc", loc)
        self.register_buffer("scale", scale)

    @classmethod
    def fit(cls, x: Tensor, weights: Tensor) -> "Standardize":
        """Weighted mean and standard deviation; a constant column keeps unit scale."""
        share = weights / weights.sum()
        loc = share @ x
        centred = x - loc
        largest = centred.abs().amax(0)  # so that squares neither overflow nor vanish
        scale = largest * (share @ (centred / largest).square()).sqrt()
        constant = x.amax(0) == x.amin(0)
        loc = torch.where(constant, x[0], loc)  # exact, where the mean has rounded
        return cls(loc, torch.where(constant, torch.ones_like(scale), scale))

    def forward(self, x: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        largest = torch.finfo(x.dtype).max
        z = ((x - self.loc) / self.scale).clamp(-largest, largest)
        log_det = for_every_row(-self.scale.log().sum(-1), x)
        reach = math.sqrt(largest) / 1e3
        far = (z.detach().abs().amax(-1, keepdim=True) / reach).clamp_min(1)
        return z / far, log_det - (x.shape[-1] + 1) * far.squeeze(-1).log()

    def inverse(self, z: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        return z * self.scale + self.loc, for_every_row(self.scale.log().sum(-1), z)
