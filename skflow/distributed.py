"""Distributed fits: one fit over the processes of torchrun, each with a shard of the rows."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from itertools import count

import torch
import torch.distributed as dist

from skflow.runtime.process_group import ProcessGroup, TorchProcessGroup, use_process_group

_group_numbers = count()


@contextmanager
def shards(timeout: float = 600.0) -> Iterator[ProcessGroup]:
    """Fit over the processes that torchrun has started, each with its own shard of the rows.

    Within the ``with`` block, ``fit(X)`` treats the X of each process as a shard of one table.
    All processes end with the same density: that of the whole table, up to the order of the
    minibatches. Every process must make the same calls to ``fit`` with the same parameters;
    everything else, including scoring, is local to each process. `max_rows` and `batch_size` are
    totals over all processes.

    Error messages count rows within the shard. If a process fails,
    it raises its own error, and the others raise a ``RuntimeError``.

    Parameters
    ----------
    timeout : float, default=600.0
        Seconds after which a process that does not respond is considered lost.

    Returns
    -------
    context manager
        Yields an object with `size`, the number of processes, and `rank`, the index of this one,
        from 0.

    Raises
    ------
    RuntimeError
        If this process was not started by torchrun.

    See Also
    --------
    skflow.NormalizingFlowDensity : The density estimator.

    Examples
    --------
    With ``torchrun --nproc-per-node 2 script.py``::

        with shards() as group:
            X = np.load(f"shard_{group.rank}.npy", mmap_mode="r")
            density = NormalizingFlowDensity(random_state=0).fit(X)
    """
    owns_group = not dist.is_initialized()
    if owns_group and "RANK" not in os.environ:
        raise RuntimeError(
            "shards() distributes a fit over processes started by torchrun, but this process was "
            "not. Try: torchrun --nproc-per-node 2 script.py"
        )
    if owns_group:
        backend = "cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo"
        _init_process_group(backend, timedelta(seconds=timeout))
    try:
        with use_process_group(TorchProcessGroup(timeout)) as processes:
            yield processes
    finally:
        if owns_group:
            dist.destroy_process_group()


def _init_process_group(backend: str, timeout: timedelta) -> None:
    """Initialize torch's process group, under a prefix of the store that no earlier group used."""
    store, rank, size = next(dist.rendezvous("env://", timeout=timeout))
    prefixed = dist.PrefixStore(f"shards/{next(_group_numbers)}", store)
    dist.init_process_group(backend, store=prefixed, rank=rank, world_size=size, timeout=timeout)
