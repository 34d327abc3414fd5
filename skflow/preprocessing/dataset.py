"""Weighted rows, and how they are split between training and validation."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from skflow.flows.bijections import Chain


@dataclass(frozen=True)
class WeightedDataset:
    """Weighted rows in standardised units, float64: x (n, d), w (n,), context c (n, k) or None.

    `log_det` (n,) is that of the links which led from the user's units to x, None for 0. Where
    columns are of whole numbers, `cells` has the lower and the upper end of each row's cell,
    (2, n, d); in other columns both are x.
    """

    x: Tensor
    w: Tensor
    c: Tensor | None = None
    log_det: Tensor | None = None
    cells: Tensor | None = None

    @property
    def context(self) -> Tensor:
        """The context, where there has to be one."""
        assert self.c is not None
        return self.c

    def take(self, index: np.ndarray | Tensor | slice) -> "WeightedDataset":
        """Some of the rows."""
        c, log_det = (None if t is None else t[index] for t in (self.c, self.log_det))
        cells = None if self.cells is None else self.cells[:, index]
        return WeightedDataset(self.x[index], self.w[index], c, log_det, cells)

    @property
    def volume(self) -> Tensor:
        """The log-determinant of every row, (n,)."""
        return torch.zeros_like(self.w) if self.log_det is None else self.log_det

    def through(self, given: Chain) -> "WeightedDataset":
        """The same rows, their context sent through links."""
        return self if self.c is None else replace(self, c=given(self.c)[0])

    def blocks(self, size: int) -> Iterator["WeightedDataset"]:
        """The rows in order, at most `size` at a time."""
        for start in range(0, len(self.x), size):
            yield self.take(slice(start, start + size))

    def mean(self, values: Tensor, some: Tensor | slice = slice(None)) -> float:
        """Weighted mean of one value a row, over all rows or some of them."""
        w = self.w[some]
        return float(w @ values[some] / w.sum())


@dataclass(frozen=True)
class Split:
    """Which rows a member may see, and which it leaves out."""

    seen: np.ndarray
    held_out: np.ndarray
