"""One fit distributed over two processes that torchrun starts."""

import os
import pickle
import re
import runpy
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import make_moons

from skflow.distributed import shards
from skflow.runtime.process_group import current_process_group

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
ESTIMATORS = runpy.run_path(str(HERE / "fit_shards.py"))["ESTIMATORS"]


def torchrun(script, *arguments, n=2):
    """Run a script in n processes; torchrun terminates all of them if one fails."""
    return subprocess.run(
        [
            *(sys.executable, "-m", "torch.distributed.run"),
            *("--nproc-per-node", str(n), "--master-addr", "127.0.0.1", "--master-port", "0"),
            *("--rdzv-backend", "c10d", "--rdzv-endpoint", "127.0.0.1:0"),
            *("--local-addr", "127.0.0.1", script, *map(str, arguments)),
        ],
        env={
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "OMP_NUM_THREADS": "1",
            "GLOO_SOCKET_IFNAME": "lo",
        },
        capture_output=True,
        text=True,
        timeout=240,
    )


def table(name, n_rows, seed):
    """Two moons with their labels, or with a continuous target for the regressor."""
    X, labels = make_moons(n_rows, noise=0.1, random_state=seed)
    return X, np.sin(3 * X[:, 1]) + X[:, 0] if name == "regressor" else labels


def log_p(estimator, X, y):
    if hasattr(estimator, "log_prob"):
        return estimator.log_prob(X, y)
    return estimator.score_samples(X)


@pytest.fixture
def fit(tmp_path):
    """A function that fits an estimator to the shards of a table in two processes."""

    def run(name, shard, *failure):
        X, y = table(name, 600, 0)
        for array, values in {"X": X, "y": y, "shards": shard}.items():
            np.save(tmp_path / f"{array}.npy", values)
        return torchrun(HERE / "fit_shards.py", tmp_path, name, *failure)

    return run


HALVES = np.arange(600) % 2
SORTED = np.where(np.arange(600) < 100, 0, 1)


def assert_identical(first, second):
    state, other_state = first.__getstate__(), second.__getstate__()
    arrays, others = state.pop("_arrays"), other_state.pop("_arrays")
    assert arrays.keys() == others.keys()
    for name, array in arrays.items():
        np.testing.assert_array_equal(array, others[name], err_msg=name)
    assert repr(state) == repr(other_state)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "shard"),
    [
        ("density", HALVES),
        ("density", SORTED),
        ("bounded", SORTED),
        ("streamed", HALVES),
        ("streamed", SORTED),
        ("regressor", HALVES),
        ("classifier", SORTED),
        ("detector", HALVES),
    ],
)
def test_all_processes_get_the_density_of_the_whole_table(name, shard, fit, tmp_path):
    done = fit(name, shard)
    assert done.returncode == 0, done.stderr
    first, second = (pickle.loads((tmp_path / f"{k}.pickle").read_bytes()) for k in range(2))
    assert_identical(first, second)
    assert first.n_iter_ > 0
    single = clone(ESTIMATORS[name]).fit(*table(name, 600, 0))
    log_ps = (log_p(estimator, *table(name, 2000, 5)) for estimator in (first, single))
    difference = np.subtract(*log_ps)
    error = difference.std() / np.sqrt(len(difference))
    assert difference.any()
    assert abs(difference.mean()) < 0.05 + 3 * error
    if name == "classifier":
        np.testing.assert_array_equal(first.priors_, single.priors_)
    if name == "detector":
        assert first.offset_ == pytest.approx(single.offset_, abs=0.1)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("failure", "message"),
    [
        ("inf", r"infinity in column 1 \(first in row 7;"),
        ("columns", r"same columns in all processes.*\[\(2,\), \(1,\)\]"),
        ("silence", "Process 0 of 2 has lost the others"),
        ("few", "3 rows are too few for 2 processes"),
    ],
)
def test_a_failing_process_ends_the_run_with_its_error(failure, message, fit, tmp_path):
    done = fit("density", HALVES, failure)
    assert done.returncode != 0
    assert re.search(message, done.stderr), done.stderr
    assert not list(tmp_path.glob("*.pickle"))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "n_looks", "stage"),
    [
        ("detector", 1, "beginning"),
        ("streamed", 2, "reading rows"),
        ("density", 6, "selecting transforms"),
    ],
)
def test_the_clock_of_the_first_process_ends_the_fit_of_all(name, n_looks, stage, fit, tmp_path):
    done = fit(name, HALVES, f"late{n_looks}")
    assert done.returncode == 0, done.stderr
    assert done.stderr.count(f"took max_time=60 while {stage}.") == 2
    first, second = (pickle.loads((tmp_path / f"{k}.pickle").read_bytes()) for k in range(2))
    assert_identical(first, second)
    assert np.isfinite(log_p(first, *table(name, 600, 0))).all()
    assert set(first.weights_) <= {"start", "wide t"}


@pytest.mark.slow
def test_a_killed_fit_is_resumed_from_its_checkpoint(fit, tmp_path):
    killed = fit("density", HALVES, "killed")
    assert killed.returncode != 0
    assert (tmp_path / "checkpoint").exists()
    assert fit("density", HALVES, "resumed").returncode == 0
    resumed = [pickle.loads((tmp_path / f"{k}.pickle").read_bytes()) for k in range(2)]
    assert fit("density", HALVES).returncode == 0
    uninterrupted = pickle.loads((tmp_path / "0.pickle").read_bytes())
    for estimator in resumed:
        assert_identical(estimator.set_params(checkpoint=None), uninterrupted)
    assert not (tmp_path / "checkpoint").exists()


@pytest.mark.slow
def test_the_example_runs():
    done = torchrun(ROOT / "examples" / "fit_with_torchrun.py")
    assert done.returncode == 0, done.stderr
    lines = sorted(line for line in done.stdout.splitlines() if line.startswith("process"))
    assert [line.split(":")[0] for line in lines] == ["process 0 of 2", "process 1 of 2"]
    scores = [float(line.split(", ")[1].split()[0]) for line in lines]
    assert scores[0] == scores[1]
    assert -1.1 < scores[0] < -0.9


def test_without_torchrun_the_error_says_how_to_start_processes(monkeypatch):
    monkeypatch.delenv("RANK", raising=False)
    with pytest.raises(RuntimeError, match="torchrun --nproc-per-node 2"), shards():
        pass
    assert current_process_group().size == 1
