"""Rows that are read again at every epoch, and shuffled in a buffer."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Generator

from skflow.training.batches import StackedRows


@dataclass(frozen=True)
class ShuffleBuffer:
    """What trains like `StackedRows`, and holds some of them at a time.

    A full buffer deals out half of its rows, whichever, before it is filled up again: rows meet
    those of several fillings. What mixes a table that is sorted is that its chunks come in
    random order, and that many of them are in the buffer.

    Parameters
    ----------
    chunks : callable
        From a seed to the chunks of an epoch, in an order of their own.
    n_buffer : int
        Rows held at once, beside those of a chunk.
    share : float, default=1.0
        Of a batch that comes from here, where several processes have rows of their own: over
        the mean of their shares.
    """

    chunks: Callable[[int], Iterator[StackedRows]]
    n_buffer: int
    share: float = 1.0

    def minibatches(self, size: int, generator: Generator) -> Iterator[StackedRows]:
        """One epoch in random order; what it takes of the generator, it takes at once."""
        seed = int(torch.randint(2**31 - 1, (), generator=generator))
        own = Generator().manual_seed(seed)
        size = max(1, int(size * self.share))
        return (
            batch for rows in self._dealt(self.chunks(seed), own) for batch in rows.batches(size)
        )

    def _dealt(self, chunks: Iterator[StackedRows], generator: Generator) -> Iterator[StackedRows]:
        held: list[StackedRows] = []
        for chunk in chunks:
            held.append(chunk)
            if sum(map(len, held)) >= self.n_buffer:
                rows = StackedRows.joined(held).shuffled(generator)
                half = len(rows) // 2
                held = [rows[:half]]
                yield rows[half:]
        if held:
            yield StackedRows.joined(held).shuffled(generator)
