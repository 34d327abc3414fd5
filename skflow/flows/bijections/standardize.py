"""Standardize: center and scale every column."""

import math

import torch
from torch import Tensor

from skflow.flows.bijections.bijection import Bijection, for_every_row


class Standardize(Bijection):
    """z = (x − loc) / scale; fixed.

    `forward` moves rows whose squared norm would overflow towards the origin, onto a large
    sphere; with its log-determinant, their density falls as that of a Student t with one degree
    of freedom.

    Parameters
    ----------
    loc, scale : Tensor of shape (d,)
    """

    loc: Tensor
    scale: Tensor

    def __init__(self, loc: Tensor, scale: Tensor):
        super().__init__()
        self.register_buffer("loc", loc)
        self.register_buffer("scale", scale)

    @classmethod
    def fit(cls, x: Tensor, weights: Tensor) -> "Standardize":
        """Standardize by weighted means and standard deviations.

        Parameters
        ----------
        x : Tensor of shape (n, d)
        weights : Tensor of shape (n,)

        Returns
        -------
        Standardize
            With a scale of 1 for constant columns.
        """
        fractions = weights / weights.sum()
        loc = fractions @ x
        centered = x - loc
        largest = centered.abs().amax(0)  # so that squares neither overflow nor underflow
        scale = largest * (fractions @ (centered / largest).square()).sqrt()
        constant = x.amax(0) == x.amin(0)
        loc = torch.where(constant, x[0], loc)  # the mean may be rounded
        return cls(loc, torch.where(constant, torch.ones_like(scale), scale))

    def forward(self, x: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        largest = torch.finfo(x.dtype).max
        z = ((x - self.loc) / self.scale).clamp(-largest, largest)
        log_det = for_every_row(-self.scale.log().sum(-1), x)
        max_abs = math.sqrt(largest) / 1e3
        shrinkage = (z.detach().abs().amax(-1, keepdim=True) / max_abs).clamp_min(1)
        return z / shrinkage, log_det - (x.shape[-1] + 1) * shrinkage.squeeze(-1).log()

    def inverse(self, z: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        return z * self.scale + self.loc, for_every_row(self.scale.log().sum(-1), z)
