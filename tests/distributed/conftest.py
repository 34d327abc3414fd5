"""Fixtures for tests with several processes on the loopback interface, limited in time."""

import os
import signal

import psutil
import pytest
import torch
from dask.distributed import Client, LocalCluster
from threadpoolctl import threadpool_limits

LIMIT = 300  # seconds per test, after which a test that hangs fails


@pytest.fixture(autouse=True)
def time_limit():
    def time_out(*_):
        raise TimeoutError(f"The test has taken {LIMIT} s.")

    before = signal.signal(signal.SIGALRM, time_out)
    signal.alarm(LIMIT)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.fixture
def one_thread():
    """Limit this process to one thread, as many as a worker has."""
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
