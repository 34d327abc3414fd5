"""Real processes on loopback: bounded in time, and gone when a test is over."""

import os
import signal

import psutil
import pytest
import torch
from dask.distributed import Client, LocalCluster
from threadpoolctl import threadpool_limits

LIMIT = 300  # seconds that a test may take; a hang is an error, not a hang


@pytest.fixture(autouse=True)
def within_the_limit():
    def give_up(*_):
        raise TimeoutError(f"The test has taken {LIMIT} s.")

    before = signal.signal(signal.SIGALRM, give_up)
    signal.alarm(LIMIT)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.fixture
def one_thread():
    """As many threads here as a worker has."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    with threadpool_limits(1):
        yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def cluster():
    """A scheduler and two worker processes."""
    with LocalCluster(
        n_workers=2,
        threads_per_worker=1,
        host="127.0.0.1",
        dashboard_address=None,
        worker_dashboard_address=None,
    ) as cluster:
        pids = [worker.pid for worker in cluster.workers.values()]
        yield cluster
    assert not any(psutil.pid_exists(pid) for pid in pids)


@pytest.fixture
def client(cluster):
    with Client(cluster) as client:
        client.wait_for_workers(2, timeout=60)
        assert os.getpid() not in client.run(os.getpid).values()
        yield client
