"""A weighted set of rows: merged, folded, and dealt out in minibatches."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from torch import Generator, Tensor

_LEAST_COUNTS = 200  # of the rarest row, that are recognised
_MOST_COPIES = 1_000_000
_MUCH, _ENOUGH = 5, 1000  # repetitions of a row, and rows in all


def merge(
    rows: np.ndarray, weights: np.ndarray, context: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    """Distinct rows in lexicographic order, and their summed weights with mean 1.

    Whatever is a function of the result treats a weight as a number of repetitions, takes no
    notice of the order of the rows or of a common factor of the weights, and cannot have
    equal rows on both sides of a fold. Rows of weight 0 are dropped. Rows with different
    contexts are different.
    """
    n_context = 0 if context is None else context.shape[1]
    both = rows if context is None else np.hstack([context, rows])
    both, weights = _merge(both, weights)
    given = None if context is None else np.ascontiguousarray(both[:, :n_context])
    return np.ascontiguousarray(both[:, n_context:]), weights, given


def _merge(rows: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    kept = weights > 0
    rows, weights = rows[kept] + 0.0, weights[kept]  # + 0.0 makes −0 and 0 equal
    order = np.lexsort([weights, *rows.T[::-1]])  # weights last: equal rows add up in one order
    rows, weights = rows[order], weights[order]
    first = np.concatenate([[True], (rows[1:] != rows[:-1]).any(1)])
    summed = np.add.reduceat(weights / weights.max(), np.flatnonzero(first))
    # in float32, so that a common factor cannot survive in the last bits
    normed = (summed * (len(summed) / summed.sum())).astype(np.float32)
    weighty = normed > 0
    return rows[first][weighty], normed[weighty].astype(np.float64)


def spread(n_rows: int, most: int, rng: np.random.Generator) -> np.ndarray:
    """Numbers of all rows, or of as many as allowed: one from each of so many equal stretches.

    In order, so that a file is read from its beginning to its end, once.
    """
    if n_rows <= most:
        return np.arange(n_rows)
    stretch = n_rows / most
    return ((np.arange(most) + rng.random(most)) * stretch).astype(np.int64).clip(0, n_rows - 1)


def repetitions(weights: np.ndarray) -> np.ndarray:
    """Numbers of repetitions in proportion to the weights, one for each row if there are none.

    Weights that count something, divided by whatever, become counts again: the least ones
    possible, but for a few values that repeat much, which lose by not being many.
    """
    ratios = weights / weights.min()
    for least in range(1, _LEAST_COUNTS):
        counts = np.round(least * ratios)
        if counts.sum() > _MOST_COPIES:
            break
        if np.allclose(counts, least * ratios, rtol=1e-5, atol=0):
            few = _MUCH * len(counts) < counts.sum() < _ENOUGH
            return counts.astype(np.int64) * (math.ceil(_ENOUGH / counts.sum()) if few else 1)
    return np.ones(len(weights), dtype=np.int64)


def effective_size(weights: np.ndarray) -> float:
    """Kish's effective number of rows, (Σw)² / Σw²."""
    return float(weights.sum() ** 2 / np.square(weights).sum())


def deal_folds(n_rows: int, n_folds: int, rng: np.random.Generator) -> np.ndarray:
    """A fold for every row, sizes equal to within one."""
    return rng.permutation(np.arange(n_rows) % n_folds)


@dataclass
class Rows:
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
    ) -> "Rows":
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
    def joined(cls, parts: "list[Rows]") -> "Rows":
        """The rows of all parts, one after the other."""
        context = [part.context for part in parts if part.context is not None]
        return cls(
            torch.cat([part.columns for part in parts], -1),
            torch.cat([part.weights for part in parts], -1),
            torch.cat(context, -1) if context else None,
        )

    def to(self, device: torch.device) -> "Rows":
        """The same rows on a device."""
        context = None if self.context is None else self.context.to(device)
        return Rows(self.columns.to(device), self.weights.to(device), context)

    def __len__(self) -> int:
        return self.weights.shape[-1]

    def take(self, index: Tensor) -> "Rows":
        """The rows at index (members, k)."""
        wide = index.unsqueeze(-2)

        def pick(columns: Tensor) -> Tensor:
            return columns.gather(-1, wide.expand(-1, columns.shape[-2], -1))

        return Rows(
            pick(self.columns),
            self.weights.gather(-1, index),
            None if self.context is None else pick(self.context),
        )

    def __getitem__(self, at: slice) -> "Rows":
        return Rows(
            self.columns[..., at],
            self.weights[..., at],
            None if self.context is None else self.context[..., at],
        )

    def blocks(self, size: int) -> Iterator["Rows"]:
        """The rows in order, at most `size` at a time."""
        for start in range(0, len(self), size):
            yield self[start : start + size]

    def batches(self, size: int) -> Iterator["Rows"]:
        """The rows in order, in parts of nearly equal size, at most `size`."""
        n_batches = -(-len(self) // size)
        ends = [k * len(self) // n_batches for k in range(n_batches + 1)]
        return (self[start:stop] for start, stop in pairwise(ends))

    def shuffled(self, generator: Generator) -> "Rows":
        """The rows in random order, another one for each member."""
        n_members, n_rows = self.weights.shape
        draws = [torch.randperm(n_rows, generator=generator) for _ in range(n_members)]
        return self.take(torch.stack(draws).to(self.weights.device))

    def minibatches(self, size: int, generator: Generator) -> Iterator["Rows"]:
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
