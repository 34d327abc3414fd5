"""Remove location and correlation, class by class."""

from collections.abc import Callable

import torch
from torch import Tensor

from skflow.flows.bijections.bijection import Bijection


class ClassWhiten(Bijection):
    """z = L_k⁻¹ (x − loc_k), k being the largest entry of the context; a fixed map.

    Parameters
    ----------
    loc : Tensor of shape (k, d)
    factor : Tensor of shape (k, d, d)
        Lower triangular L_k.
    """

    loc: Tensor
    factor: Tensor

    def __init__(self, loc: Tensor, factor: Tensor):
        super().__init__()
        self.register_buffer("loc", loc)
        self.register_buffer("factor", factor)

    def forward(self, x: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        def whiten(k: int, rows: Tensor) -> Tensor:
            return torch.linalg.solve_triangular(
                self.factor[k], (rows - self.loc[k]).mT, upper=False
            ).mT

        label = self._label(x, context)
        return self._by_class(whiten, x, label), -self._log_diagonal()[label]

    def inverse(self, z: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        def colour(k: int, rows: Tensor) -> Tensor:
            return (self.factor[k] @ rows.mT).mT + self.loc[k]

        label = self._label(z, context)
        return self._by_class(colour, z, label), self._log_diagonal()[label]

    def _label(self, x: Tensor, context: Tensor | None) -> Tensor:
        """The class of each row; without context all are of the first."""
        if context is None:
            return torch.zeros(x.shape[:-1], dtype=torch.long, device=x.device)
        return context[..., : len(self.loc)].argmax(-1)

    def _by_class(
        self, move: Callable[[int, Tensor], Tensor], rows: Tensor, label: Tensor
    ) -> Tensor:
        out = rows
        for k in range(len(self.loc)):
            own = label == k
            if (
                own.is_meta or torch.compiler.is_compiling() or own.any()
            ):  # mostly all rows are asked about one class at a time
                out = torch.where(own.unsqueeze(-1), move(k, rows), out)
        return out

    def _log_diagonal(self) -> Tensor:
        return self.factor.diagonal(dim1=-2, dim2=-1).log().sum(-1)
