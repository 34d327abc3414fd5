"""Additive: the scalar map that shifts."""

import torch
from torch import Tensor

from skflow.flows.bijections.transformer import Transformer


class Additive(Transformer):
    """Shift z = x + shift, which preserves volume (Dinh et al. 2015).

    Raw parameters are (..., 1, d, n): the shift.
    """

    n_parameters = 1

    def forward(self, x: Tensor, raw: Tensor) -> tuple[Tensor, Tensor]:
        return x + raw[..., 0, :, :], torch.zeros_like(x)

    def inverse(self, z: Tensor, raw: Tensor) -> tuple[Tensor, Tensor]:
        return z - raw[..., 0, :, :], torch.zeros_like(z)
