"""One fit over the processes that torchrun has started, each with a shard of the rows."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from itertools import count

import torch
import torch.distributed as dist

from skflow.runtime.processes import ProcessGroup, TorchProcessGroup, use_process_group

_meetings = count()


@contextmanager
def shards(timeout: float = 600.0) -> Iterator[ProcessGroup]:
    """Fit over the processes that torchrun has started, each with its own shard of the rows.

    In the block, ``fit(X)`` takes the X of each process as a part of one table. All processes
    end with the same density: that of the whole table, up to the order of its minibatches.
    Every process has to make the same calls of ``fit``, with the same parameters; everything
    else, scoring too, is each process's own. `max_rows` and `batch_size` are of all processes
    together.

    Rows are numbered within shards in errors. A process that fails ends its block with the
    error, and the others with a ``RuntimeError``.

    Parameters
    ----------
    timeout : float, default=600.0
        Seconds after which a process that does not answer counts as lost.

    Returns
    -------
    context manager
        Of an object with `size`, the number of processes, and `rank`, that of this one, from 0.

    Raises
    ------
    RuntimeError
        Where torchrun has not started this process.

    See Also
    --------
    skflow.NormalizingFlowDensity : What is fitted.

    Examples
    --------
    With ``torchrun --nproc-per-node 2 script.py``::

        with shards() as team:
            X = np.load(f"shard_{team.rank}.npy", mmap_mode="r")
            density = NormalizingFlowDensity(random_state=0).fit(X)
    """
    here = not dist.is_initialized()
    if here and "RANK" not in os.environ:
        raise RuntimeError(
            "shards() spreads a fit over processes that torchrun has started, and this one was "
            "started otherwise. Try: torchrun --nproc-per-node 2 script.py"
        )
    if here:
        backend = "cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo"
        _start(backend, timedelta(seconds=timeout))
    try:
        with use_process_group(TorchProcessGroup(timeout)) as processes:
            yield processes
    finally:
        if here:
            dist.destroy_process_group()


def _start(backend: str, timeout: timedelta) -> None:
    """Meet the other processes, at a place of its own for every time that they meet."""
    store, rank, size = next(dist.rendezvous("env://", timeout=timeout))
    place = dist.PrefixStore(f"shards/{next(_meetings)}", store)
    dist.init_process_group(backend, store=place, rank=rank, world_size=size, timeout=timeout)
