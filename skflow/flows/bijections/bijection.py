"""The contract that every bijection keeps."""

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn


class Bijection(nn.Module, ABC):
    """An invertible map of ℝ^d onto itself that knows its log-determinant.

    ``forward`` goes from data to latent, the direction of training; ``inverse`` from latent
    to data, the direction of sampling. Both return the image and ``log |det ∂out/∂in|`` of the
    direction called, so the two log-determinants of a round trip cancel.

    Shapes: x and z (..., n, d), context (..., n, c) or None, log_det (..., n). Every map is
    written in terms of the trailing axes. When its parameters carry a leading axis, one
    slice per member of an ensemble, the same code maps all members at once.
    """

    inverse_by_column = False  # whether it goes column by column, and wants many rows at a time

    @abstractmethod
    def forward(self, x: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Map data to latent."""

    @abstractmethod
    def inverse(self, z: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Map latent to data."""


def for_every_row(log_det: Tensor, x: Tensor) -> Tensor:
    """Repeat a log-determinant that does not depend on the row: (...,) to (..., n)."""
    return log_det.unsqueeze(-1).expand(x.shape[:-1])


def with_context(columns: Tensor, context: Tensor | None) -> Tensor:
    """What a conditioner sees: columns (..., d, n), and the context's below them."""
    if context is None:
        return columns
    return torch.cat([columns, context.mT.expand(*columns.shape[:-2], -1, -1)], dim=-2)
