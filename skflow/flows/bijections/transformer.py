"""The contract of the scalar maps that coupling and autoregressive layers apply."""

from abc import ABC, abstractmethod

from torch import Tensor


class Transformer(ABC):
    """A monotone map of the real line for every value, given by raw parameters.

    The base class of the scalar maps of `Coupling` and `Autoregressive`, whose conditioner
    networks compute the raw parameters. Raw parameters that are all zero give the identity.

    Attributes
    ----------
    n_parameters : int
        Number of raw parameters per value.

    Notes
    -----
    Values are columns-first, (..., d, n), so that raw parameters (..., n_parameters, d, n) are
    contiguous over the rows.
    """

    n_parameters: int

    @abstractmethod
    def forward(self, x: Tensor, raw: Tensor) -> tuple[Tensor, Tensor]:
        """Map data to latent variables.

        Parameters
        ----------
        x : Tensor of shape (..., d, n)
            The data, columns-first.
        raw : Tensor of shape (..., n_parameters, d, n)
            The raw parameters of the map of each value.

        Returns
        -------
        z : Tensor of shape (..., d, n)
            The latent variables.
        log_slope : Tensor of shape (..., d, n)
            Logarithm of the derivative of z with respect to x.
        """

    @abstractmethod
    def inverse(self, z: Tensor, raw: Tensor) -> tuple[Tensor, Tensor]:
        """Map latent variables to data.

        Parameters
        ----------
        z : Tensor of shape (..., d, n)
            The latent variables, columns-first.
        raw : Tensor of shape (..., n_parameters, d, n)
            The raw parameters of the map of each value.

        Returns
        -------
        x : Tensor of shape (..., d, n)
            The data.
        log_slope : Tensor of shape (..., d, n)
            Logarithm of the derivative of x with respect to z.
        """
