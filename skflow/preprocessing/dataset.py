"""A weighted data set in tensors, and its splits into training and held-out samples."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from skflow.flows.bijections import Chain
from skflow.flows.distributions.interval import Interval

# where a bin ends that reaches the bound of its column; `Standardize` would shrink all columns of
# a row with a greater value, and with them the bins of the other columns
_FAR = 1e100


@dataclass(frozen=True)
class WeightedDataset:
    """Samples with weights, and a context if the density is conditional; all float64.

    Parameters
    ----------
    x : Tensor of shape (n, d)
        The samples, whose density is to be fitted.
    weights : Tensor of shape (n,)
        Their weights, with mean 1.
    context : Tensor of shape (n, c), optional
        What the density is conditional on.
    log_det : Tensor of shape (n,), optional
        Log-determinant of the transform that led from the user's units to `x`.
    bin_bounds : Tensor of shape (2, n, d), optional
        Lower and upper end of the unit interval that each integer was dequantized into. In
        columns of real numbers both equal `x`.
    observed : ndarray of shape (n, d), optional
        The samples as they were before they were dequantized.
    counts : ndarray of shape (n,), optional
        The weights as the user gave them, those of equal rows added up.
    cells : Interval, optional
        The values that become the integer of each sample, if integers are the only column.
    """

    x: Tensor
    weights: Tensor
    context: Tensor | None = None
    log_det: Tensor | None = None
    bin_bounds: Tensor | None = None
    observed: np.ndarray | None = None
    counts: np.ndarray | None = None
    cells: Interval | None = None

    @classmethod
    def of(
        cls, rows: np.ndarray, weights: np.ndarray, context: np.ndarray | None = None
    ) -> "WeightedDataset":
        """A data set of float64 arrays, whose memory it shares."""
        c = None if context is None else torch.from_numpy(context)
        return cls(torch.from_numpy(rows), torch.from_numpy(weights), c, observed=rows)

    def __len__(self) -> int:
        return len(self.x)

    @property
    def known_context(self) -> Tensor:
        """The context of a conditional density, which always has one."""
        assert self.context is not None
        return self.context

    @property
    def log_dets(self) -> Tensor:
        """The log-determinant of each sample, (n,); zeros if there was no transform."""
        return torch.zeros_like(self.weights) if self.log_det is None else self.log_det

    def take(self, index: np.ndarray | Tensor | slice) -> "WeightedDataset":
        """The samples of the given indices, with all that belongs to them."""
        return WeightedDataset(
            self.x[index],
            self.weights[index],
            None if self.context is None else self.context[index],
            None if self.log_det is None else self.log_det[index],
            None if self.bin_bounds is None else self.bin_bounds[:, index],
            None if self.observed is None else self.observed[index],
            None if self.counts is None else self.counts[index],
            None if self.cells is None else self.cells[index],
        )

    def transform(self, chain: Chain) -> "WeightedDataset":
        """The samples mapped by a chain of bijections."""
        x, log_det = chain(self.x)
        cells = None if self.cells is None else self.cells.through(chain)
        bounds = self.bin_bounds
        if bounds is not None:
            for bijection in chain.bijections:
                bounds = bijection(bounds)[0].clamp(-_FAR, _FAR)
        return replace(self, x=x, log_det=log_det, bin_bounds=bounds, cells=cells)

    def transform_context(self, chain: Chain) -> "WeightedDataset":
        """The same samples with their context mapped by a chain of bijections."""
        return self if self.context is None else replace(self, context=chain(self.context)[0])

    def blocks(self, size: int) -> Iterator["WeightedDataset"]:
        """Consecutive blocks of at most `size` samples."""
        for start in range(0, len(self), size):
            yield self.take(slice(start, start + size))

    def mean(self, values: Tensor, subset: Tensor | slice = slice(None)) -> float:
        """Weighted mean of one value per sample, (n,), over all samples or a subset."""
        weights = self.weights[subset]
        return float(weights @ values[subset] / weights.sum())

    @property
    def arrays(self) -> list[np.ndarray]:
        """Samples, weights and context, which determine the result of a fit."""
        tensors = [self.x, self.weights, self.context]
        return [tensor.numpy() for tensor in tensors if tensor is not None]


@dataclass(frozen=True)
class Split:
    """Indices of the samples that an ensemble member trains on, and of those held out."""

    train: np.ndarray
    held_out: np.ndarray
