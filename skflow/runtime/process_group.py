"""ProcessGroup: the processes that fit one density together, by default a single one.

Fitting code calls the group wherever the results of processes could differ. In a group of one
process these calls return their arguments unchanged.
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
    """A group of a single process, and the interface of larger ones.

    All methods except `partition`, `generator` and `device` are collective: every process of the
    group must call them, in the same order.

    Attributes
    ----------
    size : int
        Number of processes.
    rank : int
        Index of this process, from 0.
    """

    size, rank = 1, 0

    def sum(self, values: Tensor) -> Tensor:
        """Replace the values, in place, by their sum over the processes."""
        return values

    def mean(self, values: Tensor) -> Tensor:
        """Replace the values, in place, by their mean over the processes."""
        return values

    def all_gather(self, value: T) -> list[T]:
        """Return the values of all processes, by rank."""
        return [value]

    def broadcast(self, function: Callable[[], T]) -> T:
        """Call the function in process 0 only, and return its result in all processes."""
        return function()

    def partition(self, indices: np.ndarray) -> np.ndarray:
        """Return this process's subset of indices that are equal in all processes."""
        return indices

    def generator(self, shared: Generator) -> Generator:
        """Derive a generator of this process's own from one that is equal in all processes."""
        return shared

    def device(self, device: torch.device) -> torch.device:
        """Return the device of this process; a plain "cuda" stands for one GPU per process."""
        return device

    def gather_rows(self, *arrays: Any) -> tuple[Any, ...]:
        """Concatenate each array (n_k, ...) over the processes; None where an array is None.

        Raises
        ------
        ValueError
            If the shapes of an array differ in more than the number of rows.
        """
        by_array = list(zip(*self.all_gather(arrays), strict=True))
        for shards in by_array:
            shapes = [None if shard is None else shard.shape[1:] for shard in shards]
            if len(set(shapes)) > 1:
                raise ValueError(
                    "The shards of a table must have the same columns in all processes, but "
                    f"without the rows their shapes are {shapes}."
                )
        return tuple(None if s[0] is None else np.concatenate(s) for s in by_array)

    def count_rows(self, rows: Any) -> int:
        """Return the total number of rows in all processes."""
        return sum(self.all_gather(len(rows)))


class TorchProcessGroup(ProcessGroup):
    """The default process group of torch.distributed.

    Parameters
    ----------
    timeout : float
        The group's timeout in seconds, for error messages.
    """

    def __init__(self, timeout: float):
        self.size, self.rank = dist.get_world_size(), dist.get_rank()
        self._timeout = timeout

    def sum(self, values: Tensor) -> Tensor:
        with self._explained_failure():
            dist.all_reduce(values)
        return values

    def mean(self, values: Tensor) -> Tensor:
        return self.sum(values).div_(self.size)

    def all_gather(self, value: T) -> list[T]:
        values: list[Any] = [None] * self.size
        with self._explained_failure():
            dist.all_gather_object(values, value)
        return values

    def broadcast(self, function: Callable[[], T]) -> T:
        result: list[Any] = [function() if self.rank == 0 else None]
        with self._explained_failure():
            dist.broadcast_object_list(result, src=0)
        return result[0]

    def partition(self, indices: np.ndarray) -> np.ndarray:
        return indices[self.rank :: self.size]

    def generator(self, shared: Generator) -> Generator:
        seeds = np.random.SeedSequence((shared.initial_seed(), self.rank)).generate_state(1)
        return Generator().manual_seed(int(seeds[0]))

    def device(self, device: torch.device) -> torch.device:
        own = torch.device("cuda", int(os.environ.get("LOCAL_RANK", 0)))
        return own if str(device) == "cuda" else device

    @contextmanager
    def _explained_failure(self) -> Iterator[None]:
        try:
            yield
        except RuntimeError as error:
            raise RuntimeError(
                f"Process {self.rank} of {self.size} has lost the others: one of them has failed, "
                f"and its own error says why, or it has not answered for {self._timeout:g} s."
            ) from error


SINGLE_PROCESS = ProcessGroup()
_current: ContextVar[ProcessGroup] = ContextVar("process_group", default=SINGLE_PROCESS)


def current_process_group() -> ProcessGroup:
    """Return the process group that fits in this context are distributed over."""
    return _current.get()


@contextmanager
def use_process_group(processes: ProcessGroup) -> Iterator[ProcessGroup]:
    """Distribute the fits in a ``with`` block over a process group."""
    token = _current.set(processes)
    try:
        yield processes
    finally:
        _current.reset(token)
