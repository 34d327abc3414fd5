"""The contract of a bijection."""

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn


class Bijection(nn.Module, ABC):
    """An invertible map onto ℝ^d, with its log-determinant; the base class of all bijections.

    `forward` maps data to latent variables, the direction of training, and `inverse` maps
    latent variables to data, the direction of sampling. Both return the image and
    ``log |det ∂out/∂in|`` of the direction called, so the log-determinants of a round trip
    cancel.

    The domain, from which `forward` maps, is ℝ^d too, unless the class says otherwise. Both
    directions and their gradients stay finite for inputs up to 1e15 in absolute value, and
    tensors are created on the device and in the dtype of the inputs. Learned bijections are at
    or near the identity at first, and draw their initial parameters from a `torch.Generator`.

    Notes
    -----
    Shapes: x and z are (..., n, d), the context is (..., n, c) or None, and log_det (..., n).
    Maps are written in terms of the trailing axes. If the parameters have a leading axis, with
    one slice per ensemble member, the same code maps all members at once.
    """

    sequential_inverse = False  # whether `inverse` maps one column after another

    @abstractmethod
    def forward(self, x: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Map data to latent variables.

        Parameters
        ----------
        x : Tensor of shape (..., n, d)
            The data.
        context : Tensor of shape (..., n, c), optional
            What the map is conditioned on, one row per row of x.

        Returns
        -------
        z : Tensor of shape (..., n, d)
            The latent variables.
        log_det : Tensor of shape (..., n)
            Logarithm of the absolute determinant of the Jacobian ∂z/∂x, in nats.
        """

    @abstractmethod
    def inverse(self, z: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Map latent variables to data.

        Parameters
        ----------
        z : Tensor of shape (..., n, d)
            The latent variables.
        context : Tensor of shape (..., n, c), optional
            What the map is conditioned on, one row per row of z.

        Returns
        -------
        x : Tensor of shape (..., n, d)
            The data.
        log_det : Tensor of shape (..., n)
            Logarithm of the absolute determinant of the Jacobian ∂x/∂z, in nats.
        """


def for_every_row(log_det: Tensor, x: Tensor) -> Tensor:
    """Expand a log-determinant that is the same for all rows of x: (...,) to (..., n)."""
    return log_det.unsqueeze(-1).expand(x.shape[:-1])


def with_context(columns: Tensor, context: Tensor | None) -> Tensor:
    """The input of a conditioner: columns (..., k, n) on top of those of the context."""
    if context is None:
        return columns
    return torch.cat([columns, context.mT.expand(*columns.shape[:-2], -1, -1)], dim=-2)
