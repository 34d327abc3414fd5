"""ShuffleBuffer: training rows that are read in chunks at every epoch and shuffled in a buffer."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Generator

from skflow.training.stacked_rows import StackedRows


@dataclass(frozen=True)
class ShuffleBuffer:
    """A drop-in replacement for `StackedRows` in training that holds part of the rows at a time.

    Whenever the buffer is full, a random half of its rows is yielded before it is refilled, so
    that rows of several refills mix. A sorted table is mixed by its chunks being in random order
    and by many of them being in the buffer at once.

    Parameters
    ----------
    chunks : callable
        From a seed to an iterator over the chunks of one epoch, in an order set by the seed.
    buffer_size : int
        Rows held at once, not counting those of the chunk being added.
    batch_scale : float, default=1.0
        Factor on the batch size where several processes each train on a shard of the rows: the
        number of rows of this shard over the mean number of rows per shard.
    """

    chunks: Callable[[int], Iterator[StackedRows]]
    buffer_size: int
    batch_scale: float = 1.0

    def minibatches(self, size: int, generator: Generator) -> Iterator[StackedRows]:
        """Yield one epoch in random order.

        The generator is used by the call itself, not while iterating.
        """
        seed = int(torch.randint(2**31 - 1, (), generator=generator))
        shuffle_generator = Generator().manual_seed(seed)
        size = max(1, int(size * self.batch_scale))
        return (
            batch
            for rows in self._shuffled(self.chunks(seed), shuffle_generator)
            for batch in rows.batches(size)
        )

    def _shuffled(
        self, chunks: Iterator[StackedRows], generator: Generator
    ) -> Iterator[StackedRows]:
        buffer: list[StackedRows] = []
        for chunk in chunks:
            buffer.append(chunk)
            if sum(map(len, buffer)) >= self.buffer_size:
                rows = StackedRows.concatenate(buffer).shuffled(generator)
                half = len(rows) // 2
                buffer = [rows[:half]]
                yield rows[half:]
        if buffer:
            yield StackedRows.concatenate(buffer).shuffled(generator)
