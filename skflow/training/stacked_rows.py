"""StackedRows: the training rows of all ensemble members, shuffled and split into minibatches."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Generator, Tensor


@dataclass
class StackedRows:
    """Each member's rows: columns (members, d, n), weights (members, n).

    Members with fewer rows than others are padded with rows of weight 0. The context, if there
    is one, is (members, c, n).
    """

    columns: Tensor
    weights: Tensor
    context: Tensor | None = None

    @classmethod
    def stack(
        cls,
        rows: list[Tensor],
        weights: list[Tensor],
        context: list[Tensor] | None = None,
    ) -> "StackedRows":
        """Stack rows (n_k, d), weights (n_k,) and context (n_k, c), one of each per member k."""
        length = max(len(w) for w in weights)

        def as_columns(tables: list[Tensor]) -> Tensor:
            return torch.stack([_pad(table, length).mT.contiguous() for table in tables])

        return cls(
            as_columns(rows),
            torch.stack([_pad(w, length, 0.0) for w in weights]),
            None if context is None else as_columns(context),
        )

    @classmethod
    def concatenate(cls, chunks: "list[StackedRows]") -> "StackedRows":
        """Concatenate the rows of all chunks."""
        context = [chunk.context for chunk in chunks if chunk.context is not None]
        return cls(
            torch.cat([chunk.columns for chunk in chunks], -1),
            torch.cat([chunk.weights for chunk in chunks], -1),
            torch.cat(context, -1) if context else None,
        )

    def to(self, device: torch.device) -> "StackedRows":
        """Return the same rows on a device."""
        context = None if self.context is None else self.context.to(device)
        return StackedRows(self.columns.to(device), self.weights.to(device), context)

    def __len__(self) -> int:
        return self.weights.shape[-1]

    def take(self, indices: Tensor) -> "StackedRows":
        """Return the rows at indices of shape (members, k)."""
        expanded = indices.unsqueeze(-2)

        def take_columns(columns: Tensor) -> Tensor:
            return columns.gather(-1, expanded.expand(-1, columns.shape[-2], -1))

        return StackedRows(
            take_columns(self.columns),
            self.weights.gather(-1, indices),
            None if self.context is None else take_columns(self.context),
        )

    def __getitem__(self, rows: slice) -> "StackedRows":
        return StackedRows(
            self.columns[..., rows],
            self.weights[..., rows],
            None if self.context is None else self.context[..., rows],
        )

    def blocks(self, size: int) -> Iterator["StackedRows"]:
        """Yield the rows in order, in blocks of `size` rows; the last one may be smaller."""
        for start in range(0, len(self), size):
            yield self[start : start + size]

    def batches(self, size: int) -> Iterator["StackedRows"]:
        """Yield the rows in order, in batches of nearly equal size, at most `size` rows each."""
        n_batches = -(-len(self) // size)
        ends = [k * len(self) // n_batches for k in range(n_batches + 1)]
        return (self[start:stop] for start, stop in pairwise(ends))

    def shuffled(self, generator: Generator) -> "StackedRows":
        """Return the rows in random order, a different one for each member."""
        n_members, n_rows = self.weights.shape
        orders = [torch.randperm(n_rows, generator=generator) for _ in range(n_members)]
        return self.take(torch.stack(orders).to(self.weights.device))

    def minibatches(self, size: int, generator: Generator) -> Iterator["StackedRows"]:
        """Yield one epoch: each row once, in random order, in batches of nearly equal size.

        The generator is used by the call itself, not while iterating.
        """
        return self.shuffled(generator).batches(size)


def _pad(values: Tensor, length: int, fill_value: float | None = None) -> Tensor:
    """Pad the first axis to `length` with `fill_value`, or by default with the first entry."""
    n_missing = length - len(values)
    if not n_missing:
        return values
    padding = values[:1].expand(n_missing, *values.shape[1:])
    if fill_value is not None:
        padding = torch.full_like(padding, fill_value)
    return torch.cat([values, padding])
