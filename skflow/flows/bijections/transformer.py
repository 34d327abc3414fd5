"""The contract of the scalar maps that coupling and autoregressive layers steer."""

from abc import ABC, abstractmethod

from torch import Tensor


class Transformer(ABC):
    """A monotone map of the line, one for every value, given by raw parameters.

    Shapes: x and z (..., d, n), one column of the data a row; raw parameters
    (..., n_parameters, d, n), as a conditioner makes them; the log-slope ``log |∂out/∂in|`` has
    the shape of x. Raw parameters that are all zero give the identity.
    """

    n_parameters: int

    @abstractmethod
    def forward(self, x: Tensor, raw: Tensor) -> tuple[Tensor, Tensor]:
        """Map data to latent; returns the image and its log-slope."""

    @abstractmethod
    def inverse(self, z: Tensor, raw: Tensor) -> tuple[Tensor, Tensor]:
        """Map latent to data; returns the image and its log-slope."""
