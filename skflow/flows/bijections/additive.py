"""The scalar map that only shifts."""

import torch
from torch import Tensor


class Additive:
    """z = x + shift (Dinh et al. 2015): volume preserving; raw parameter 0 is the identity.

    A transformer maps scalars: x (..., d, n), one column a row, with raw parameters
    (..., n_parameters, d, n) from a conditioner; it returns the image and log |dz/dx|.
    """

    n_parameters = 1

    def forward(self, x: Tensor, raw: Tensor) -> tuple[Tensor, Tensor]:
        return x + raw[..., 0, :, :], torch.zeros_like(x)

    def inverse(self, z: Tensor, raw: Tensor) -> tuple[Tensor, Tensor]:
        return z - raw[..., 0, :, :], torch.zeros_like(z)
