"""ClassWhiten: remove the location and the correlation of each class."""

from collections.abc import Callable

import torch
from torch import Tensor

from skflow.flows.bijections.bijection import Bijection


class ClassWhiten(Bijection):
    """z = L_k⁻¹ (x − loc_k), where k is the index of the largest entry of the context; fixed.

    Parameters
    ----------
    loc : Tensor of shape (n_classes, d)
    factor : Tensor of shape (n_classes, d, d)
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
        def color(k: int, rows: Tensor) -> Tensor:
            return (self.factor[k] @ rows.mT).mT + self.loc[k]

        label = self._label(z, context)
        return self._by_class(color, z, label), self._log_diagonal()[label]

    def _label(self, x: Tensor, context: Tensor | None) -> Tensor:
        """The class of each row, (..., n); without context the first one for all rows."""
        if context is None:
            return torch.zeros(x.shape[:-1], dtype=torch.long, device=x.device)
        return context[..., : len(self.loc)].argmax(-1)

    def _by_class(
        self, class_map: Callable[[int, Tensor], Tensor], rows: Tensor, label: Tensor
    ) -> Tensor:
        """Map all rows by the maps of the classes, and keep that of each row's own class."""
        out = rows
        for k in range(len(self.loc)):
            is_own = label == k
            # mostly, all rows of a call have one class, and the other maps are skipped
            if is_own.is_meta or torch.compiler.is_compiling() or is_own.any():
                out = torch.where(is_own.unsqueeze(-1), class_map(k, rows), out)
        return out

    def _log_diagonal(self) -> Tensor:
        return self.factor.diagonal(dim1=-2, dim2=-1).log().sum(-1)
