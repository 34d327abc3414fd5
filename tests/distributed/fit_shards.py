"""The script that test_shards.py runs with torchrun: fit to this process's shard and pickle.

    fit_shards.py FOLDER ESTIMATOR [FAILURE]

FOLDER contains X.npy, y.npy and shards.npy (the rank that each row belongs to); every process
writes its fitted estimator there.
"""

import os
import pickle
import signal
import sys
import time
from functools import partial
from pathlib import Path

import numpy as np
import torch

import skflow.estimators.flow_estimator
from skflow import (
    NormalizingFlowClassifier,
    NormalizingFlowDensity,
    NormalizingFlowOutlierDetector,
    NormalizingFlowRegressor,
)
from skflow.distributed import shards
from skflow.fitting.stages import Stages
from skflow.serialization.checkpoint import Checkpoint

QUICK = {
    "n_transforms": 2,
    "hidden_layer_sizes": 8,
    "n_bins": 4,
    "max_iter": 30,
    "batch_size": 128,
    "tol": 10.0,
    "random_state": 0,
}
ESTIMATORS = {
    "density": NormalizingFlowDensity(**QUICK),
    "bounded": NormalizingFlowDensity(**QUICK, max_rows=300),
    "streamed": NormalizingFlowDensity(**QUICK, max_rows=300, stream=True),
    "regressor": NormalizingFlowRegressor(**QUICK),
    "classifier": NormalizingFlowClassifier(**QUICK),
    "detector": NormalizingFlowOutlierDetector(**QUICK, contamination=0.1),
}


class Killed(Checkpoint):
    """A checkpoint that kills the process that writes it after the third write."""

    due = True
    n_written = 0

    def write(self, state):
        super().write(state)
        self.n_written += 1
        if self.n_written == 3:
            os.kill(os.getpid(), signal.SIGKILL)


class Clock:
    """A clock that is late from some look on; those of other processes than the first are not."""

    def __init__(self, n_looks):
        self.n_looks = n_looks if os.environ["RANK"] == "0" else np.inf

    def __call__(self):
        self.n_looks -= 1
        return 0.0 if self.n_looks >= 0 else 1e9


def main(folder, name, failure=None):
    torch.set_num_threads(1)
    X, y, shard = (np.load(Path(folder) / f"{array}.npy") for array in ("X", "y", "shards"))
    estimator = ESTIMATORS[name]
    if failure in ("killed", "resumed"):
        estimator.set_params(checkpoint=Path(folder) / "checkpoint")
    if failure == "killed":
        skflow.estimators.flow_estimator.Checkpoint = Killed
    if failure is not None and failure.startswith("late"):
        clock = Clock(int(failure.removeprefix("late")))
        skflow.estimators.flow_estimator.Stages = partial(Stages, clock=clock)
        estimator.set_params(max_time=60)
    for k in range(5):  # process groups can be created repeatedly
        with shards(timeout=20) as processes:
            assert processes.all_gather(processes.rank + k) == [k, k + 1]
    with shards(timeout=20) as processes:
        in_shard = shard == processes.rank
        if failure == "columns" and processes.rank == 1:
            X = X[:, :1]
        if failure == "few":
            X = X[np.arange(600) % 3]
        if failure == "inf" and processes.rank == 1:
            X[np.flatnonzero(in_shard)[7], 1] = np.inf
        if failure == "silence" and processes.rank == 1:
            time.sleep(120)
        started = time.perf_counter()
        estimator.fit(X[in_shard], y[in_shard])
        print(f"{processes.rank}: {time.perf_counter() - started:.1f} s", file=sys.stderr)
    with open(Path(folder) / f"{os.environ['RANK']}.pickle", "wb") as file:
        pickle.dump(estimator, file)


if __name__ == "__main__":
    main(*sys.argv[1:])
