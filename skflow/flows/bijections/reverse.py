"""Reverse: the columns in reverse order."""

from torch import Tensor

from skflow.flows.bijections.bijection import Bijection


class Reverse(Bijection):
    """The columns in reverse order, so that the next layer conditions them the other way round."""

    def forward(self, x: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        return x.mT.flip(-2).mT, x.new_zeros(x.shape[:-1])

    def inverse(self, z: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        return self.forward(z)
