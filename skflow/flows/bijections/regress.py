"""Regress: subtract a linear prediction from the context."""

from torch import Tensor

from skflow.flows.bijections.bijection import Bijection


class Regress(Bijection):
    """z = x − A c − b for a context c, and z = x − b without context; volume preserving, fixed.

    Parameters
    ----------
    coefficients : Tensor of shape (d, c)
    intercept : Tensor of shape (d,)
    """

    coefficients: Tensor
    intercept: Tensor

    def __init__(self, coefficients: Tensor, intercept: Tensor):
        super().__init__()
        self.register_buffer("coefficients", coefficients)
        self.register_buffer("intercept", intercept)

    def forward(self, x: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        return x - self._prediction(context), x.new_zeros(x.shape[:-1])

    def inverse(self, z: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        return z + self._prediction(context), z.new_zeros(z.shape[:-1])

    def _prediction(self, context: Tensor | None) -> Tensor:
        intercept = self.intercept.unsqueeze(-2)
        return intercept if context is None else context @ self.coefficients.mT + intercept
