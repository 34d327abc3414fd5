"""Process groups: a single process, and two real processes over gloo."""

import multiprocessing
import os
import sys

import numpy as np
import pytest
import torch
import torch.distributed as dist
from torch import Generator

from skflow.runtime.process_group import (
    SINGLE_PROCESS,
    ProcessGroup,
    TorchProcessGroup,
    current_process_group,
    use_process_group,
)


def test_a_single_process_returns_its_arguments():
    group, values, generator = ProcessGroup(), torch.arange(3.0), Generator().manual_seed(3)
    assert (group.size, group.rank) == (1, 0)
    assert group.sum(values) is values
    assert group.mean(values) is values
    assert group.all_gather("x") == ["x"]
    assert group.broadcast(lambda: 5) == 5
    assert group.partition(np.arange(4)).tolist() == [0, 1, 2, 3]
    assert group.generator(generator) is generator
    assert group.device(torch.device("cuda")) == torch.device("cuda")
    assert group.count_rows(np.zeros((7, 2))) == 7
    rows, missing = group.gather_rows(np.eye(2), None)
    assert rows.tolist() == np.eye(2).tolist()
    assert missing is None


def test_the_current_group_is_set_within_the_block_and_restored_after_errors():
    other = ProcessGroup()
    assert current_process_group() is SINGLE_PROCESS
    with use_process_group(other) as group:
        assert group is current_process_group() is other
    with pytest.raises(KeyError), use_process_group(other):
        raise KeyError
    assert current_process_group() is SINGLE_PROCESS


def in_group(rank, path, results):
    """Call every method in one of two processes, and put the results into the queue."""
    if sys.platform == "linux":
        os.environ["GLOO_SOCKET_IFNAME"] = "lo"
    store = dist.FileStore(str(path), 2)
    dist.init_process_group("gloo", store=store, rank=rank, world_size=2)
    group = TorchProcessGroup(timeout=20)
    try:
        shared = Generator().manual_seed(3)
        own = np.full((rank + 1, 2), float(rank))
        rows, missing = group.gather_rows(own, None)
        try:
            group.gather_rows(np.zeros((1, 2 + rank)))
        except ValueError as error:
            message = str(error)
        results.put(
            {
                "rank": group.rank,
                "sum": group.sum(torch.tensor([1.0, rank])).tolist(),
                "mean": group.mean(torch.tensor([1.0, rank])).tolist(),
                "all_gather": group.all_gather(10 * rank),
                "broadcast": group.broadcast(lambda: rank),
                "partition": group.partition(np.arange(5)).tolist(),
                "draw": torch.rand((), generator=group.generator(shared)).item(),
                "rows": rows.tolist(),
                "missing": missing,
                "n_rows": group.count_rows(own),
                "message": message,
            }
        )
    finally:
        dist.destroy_process_group()


@pytest.fixture(scope="module")
def two_results(tmp_path_factory):
    """The results of both processes, by rank."""
    context = multiprocessing.get_context("spawn")
    results, path = context.Queue(), tmp_path_factory.mktemp("group") / "store"
    processes = [context.Process(target=in_group, args=(k, path, results)) for k in range(2)]
    for process in processes:
        process.start()
    gathered = [results.get(timeout=120) for _ in processes]
    for process in processes:
        process.join(60)
    assert [process.exitcode for process in processes] == [0, 0]
    return sorted(gathered, key=lambda result: result["rank"])


@pytest.mark.parametrize(
    ("method", "expected"),
    [
        ("sum", [2.0, 1.0]),
        ("mean", [1.0, 0.5]),
        ("all_gather", [0, 10]),
        ("broadcast", 0),
        ("rows", [[0.0, 0.0], [1.0, 1.0], [1.0, 1.0]]),
        ("missing", None),
        ("n_rows", 3),
    ],
)
def test_collective_results_are_equal_in_both_processes(two_results, method, expected):
    assert [result[method] for result in two_results] == [expected, expected]


def test_partitions_are_disjoint_and_complete(two_results):
    assert [result["partition"] for result in two_results] == [[0, 2, 4], [1, 3]]


def test_generators_differ_between_processes(two_results):
    assert two_results[0]["draw"] != two_results[1]["draw"]


def test_shards_with_different_columns_are_rejected_in_both_processes(two_results):
    for result in two_results:
        assert "same columns in all processes" in result["message"]
        assert "[(2,), (3,)]" in result["message"]
