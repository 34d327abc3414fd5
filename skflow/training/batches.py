"""Rows of several members: shuffled, and dealt out in minibatches."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Generator, Tensor


@dataclass
class StackedRows:
    """Each member's own view of its rows: columns (members, d, n), weights (members, n).

    Members with fewer rows than others are filled up with rows of weight 0. Context, where
    there is one, is (members, c, n).
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
        """From one (n_k, d) and one (n_k,) a member."""
        longest = max(len(w) for w in weights)

        def columns_of(tables: list[Tensor]) -> Tensor:
            return torch.stack([_filled(t, longest).mT.contiguous() for t in tables])

        return cls(
            columns_of(rows),
            torch.stack([_filled(w, longest, 0.0) for w in weights]),
            None if context is None else columns_of(context),
        )

    @classmethod
    def joined(cls, blocks_: "list[StackedRows]") -> "StackedRows":
        """The rows of all parts, one after the other."""
        context = [part.context for part in blocks_ if part.context is not None]
        return cls(
            torch.cat([part.columns for part in blocks_], -1),
            torch.cat([part.weights for part in blocks_], -1),
            torch.cat(context, -1) if context else None,
        )

    def to(self, device: torch.device) -> "StackedRows":
        """The same rows on a device."""
        context = None if self.context is None else self.context.to(device)
        return StackedRows(self.columns.to(device), self.weights.to(device), context)

    def __len__(self) -> int:
        return self.weights.shape[-1]

    def take(self, index: Tensor) -> "StackedRows":
        """The rows at index (members, k)."""
        wide = index.unsqueeze(-2)

        def pick(columns: Tensor) -> Tensor:
            return columns.gather(-1, wide.expand(-1, columns.shape[-2], -1))

        return StackedRows(
            pick(self.columns),
            self.weights.gather(-1, index),
            None if self.context is None else pick(self.context),
        )

    def __getitem__(self, at: slice) -> "StackedRows":
        return StackedRows(
            self.columns[..., at],
            self.weights[..., at],
            None if self.context is None else self.context[..., at],
        )

    def blocks(self, size: int) -> Iterator["StackedRows"]:
        """The rows in order, at most `size` at a time."""
        for start in range(0, len(self), size):
            yield self[start : start + size]

    def batches(self, size: int) -> Iterator["StackedRows"]:
        """The rows in order, in parts of nearly equal size, at most `size`."""
        n_batches = -(-len(self) // size)
        ends = [k * len(self) // n_batches for k in range(n_batches + 1)]
        return (self[start:stop] for start, stop in pairwise(ends))

    def shuffled(self, generator: Generator) -> "StackedRows":
        """The rows in random order, another one for each member."""
        n_members, n_rows = self.weights.shape
        draws = [torch.randperm(n_rows, generator=generator) for _ in range(n_members)]
        return self.take(torch.stack(draws).to(self.weights.device))

    def minibatches(self, size: int, generator: Generator) -> Iterator["StackedRows"]:
        """One epoch: every row once, in random order, in batches of nearly equal size.

        What it takes of the generator, it takes at once.
        """
        return self.shuffled(generator).batches(size)


def _filled(table: Tensor, length: int, value: float | None = None) -> Tensor:
    """The table with rows added at its end: its first row again, or a value."""
    missing = length - len(table)
    if not missing:
        return table
    rest = table[:1].expand(missing, *table.shape[1:])
    return torch.cat([table, rest if value is None else torch.full_like(rest, value)])
