"""One fit over two real processes, which torchrun starts."""

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

from skflow.distributed import current_team, shards

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
ESTIMATORS = runpy.run_path(str(HERE / "fit_shards.py"))["ESTIMATORS"]


def torchrun(script, *arguments, n=2):
    """A finished run of n processes; torchrun ends all when one fails."""
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


@pytest.fixture
def fit(tmp_path):
    """Fit an estimator over shards; returns what each process has."""
    X, y = make_moons(600, noise=0.1, random_state=0)

    def run(name, shard):
        for part, values in {"X": X, "y": y, "shards": shard}.items():
            np.save(tmp_path / f"{part}.npy", values)
        done = torchrun(HERE / "fit_shards.py", tmp_path, name)
        assert done.returncode == 0, done.stderr
        return [pickle.loads((tmp_path / f"{rank}.pickle").read_bytes()) for rank in range(2)]

    return X, y, run


HALVES = np.arange(600) % 2
SORTED = np.where(np.arange(600) < 100, 0, 1)
test_rows, test_y = make_moons(2000, noise=0.1, random_state=5)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "shard"),
    [
        ("density", HALVES),
        ("density", SORTED),
        ("bounded", SORTED),
        ("regressor", HALVES),
        ("classifier", SORTED),
        ("detector", HALVES),
    ],
)
def test_all_processes_end_with_the_density_of_the_whole_table(name, shard, fit):
    X, y, run = fit
    first, second = run(name, shard)
    assert pickle.dumps(first) == pickle.dumps(second)
    assert first.n_iter_ > 0
    alone = clone(ESTIMATORS[name]).fit(X, y)
    rows = (test_rows,) if name in ("density", "bounded", "detector") else (test_rows, test_y)
    log_p = "score_samples" if len(rows) == 1 else "log_prob"
    theirs, ours = (getattr(e, log_p)(*rows) for e in (first, alone))
    difference = theirs - ours
    error = difference.std() / np.sqrt(len(difference))
    assert difference.any()
    assert abs(difference.mean()) < 0.05 + 3 * error
    if name == "classifier":
        np.testing.assert_array_equal(first.priors_, alone.priors_)
    if name == "detector":
        assert first.offset_ == pytest.approx(alone.offset_, abs=0.1)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("failure", "message"),
    [
        ("nan", r"NaN in column 1 \(first in row 7;"),
        ("columns", r"same columns in all processes.*\[\(2,\), \(1,\)\]"),
        ("silence", "Process 0 of 2 has lost the others"),
    ],
)
def test_a_process_that_fails_ends_all_with_its_error(failure, message, fit, tmp_path):
    X, y, _ = fit
    for part, values in {"X": X, "y": y, "shards": HALVES}.items():
        np.save(tmp_path / f"{part}.npy", values)
    done = torchrun(HERE / "fit_shards.py", tmp_path, "density", failure)
    assert done.returncode != 0
    assert re.search(message, done.stderr), done.stderr
    assert not list(tmp_path.glob("*.pickle"))


@pytest.mark.slow
def test_the_example():
    done = torchrun(ROOT / "examples" / "fit_with_torchrun.py")
    assert done.returncode == 0, done.stderr
    lines = sorted(line for line in done.stdout.splitlines() if line.startswith("process"))
    assert [line.split(":")[0] for line in lines] == ["process 0 of 2", "process 1 of 2"]
    scores = [float(line.split(", ")[1].split()[0]) for line in lines]
    assert scores[0] == scores[1]
    assert -1.1 < scores[0] < -0.9


def test_without_torchrun_it_says_how_to_start_it(monkeypatch):
    monkeypatch.delenv("RANK", raising=False)
    with pytest.raises(RuntimeError, match="torchrun --nproc-per-node 2"), shards():
        pass
    assert current_team().size == 1
