"""The processes that fit one density: one, or those of torch.distributed.

A fit asks its team wherever processes could differ. Alone, all of that is nothing.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TypeVar

import numpy as np
import torch
import torch.distributed as dist
from torch import Generator, Tensor

T = TypeVar("T")


class ProcessGroup:
    """The processes that fit one density together: a single one.

    Attributes
    ----------
    size : int
        Number of processes.
    rank : int
        Number of this one, from 0.
    """

    size, rank = 1, 0

    def sum(self, values: Tensor) -> Tensor:
        """The sum of the processes' values, in place."""
        return values

    def mean(self, values: Tensor) -> Tensor:
        """The mean of the processes' values, in place."""
        return values

    def gather(self, value: T) -> list[T]:
        """The value of every process."""
        return [value]

    def broadcast(self, function: Callable[[], T]) -> T:
        """What the function returns in the first process, for all."""
        return function()

    def partition(self, index: np.ndarray) -> np.ndarray:
        """The part that is this process's of what all have."""
        return index

    def generator(self, common: Generator) -> Generator:
        """Random numbers of this process's own, from a generator that is the same in all."""
        return common

    def device(self, device: torch.device) -> torch.device:
        """This process's device, where no single one was asked for."""
        return device

    def pool(self, *tables: Any) -> tuple[Any, ...]:
        """The rows of all processes, one table below the other; None where a table is None.

        Raises
        ------
        ValueError
            Where the tables have other columns in other processes.
        """
        by_table = list(zip(*self.gather(tables), strict=True))
        for shards in by_table:
            shapes = [None if shard is None else shard.shape[1:] for shard in shards]
            if len(set(shapes)) > 1:
                raise ValueError(
                    "The shards of a table must have the same columns in all processes, but they "
                    f"are of these shapes, beside the rows: {shapes}."
                )
        return tuple(None if s[0] is None else np.concatenate(s) for s in by_table)

    def count(self, rows: Any) -> int:
        """The number of rows in all processes."""
        return sum(self.gather(len(rows)))


class TorchProcessGroup(ProcessGroup):
    """Those of torch's process group."""

    def __init__(self, timeout: float):
        self.size, self.rank = dist.get_world_size(), dist.get_rank()
        self._timeout = timeout

    def sum(self, values: Tensor) -> Tensor:
        with self._explained():
            dist.all_reduce(values)
        return values

    def mean(self, values: Tensor) -> Tensor:
        return self.sum(values).div_(self.size)

    def gather(self, value: T) -> list[T]:
        values: list[Any] = [None] * self.size
        with self._explained():
            dist.all_gather_object(values, value)
        return values

    def broadcast(self, function: Callable[[], T]) -> T:
        decided: list[Any] = [function() if self.rank == 0 else None]
        with self._explained():
            dist.broadcast_object_list(decided, src=0)
        return decided[0]

    def partition(self, index: np.ndarray) -> np.ndarray:
        return index[self.rank :: self.size]

    def generator(self, common: Generator) -> Generator:
        seeds = np.random.SeedSequence((common.initial_seed(), self.rank)).generate_state(1)
        return Generator().manual_seed(int(seeds[0]))

    def device(self, device: torch.device) -> torch.device:
        own = torch.device("cuda", int(os.environ.get("LOCAL_RANK", 0)))
        return own if str(device) == "cuda" else device

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except RuntimeError as error:
            raise RuntimeError(
                f"Process {self.rank} of {self.size} has lost the others: one of them has failed, "
                f"which its own error tells of, or has not answered for {self._timeout:g} s."
            ) from error


SINGLE_PROCESS = ProcessGroup()
_processes: ContextVar[ProcessGroup] = ContextVar("team", default=SINGLE_PROCESS)


def current_process_group() -> ProcessGroup:
    """The processes that a fit is spread over here and now."""
    return _processes.get()


@contextmanager
def use_process_group(processes: ProcessGroup) -> Iterator[ProcessGroup]:
    """In the block, fits are spread over these processes."""
    token = _processes.set(processes)
    try:
        yield processes
    finally:
        _processes.reset(token)
