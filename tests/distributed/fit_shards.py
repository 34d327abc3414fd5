"""What torchrun runs in test_shards.py: fit this process's shard, and write down what came.

    fit_shards.py FOLDER ESTIMATOR [FAILURE]

FOLDER has X.npy, y.npy, shards.npy (the number of each row's shard) and gets a file a process.
"""

import os
import pickle
import signal
import sys
import time
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
    """Ends the first process when it has written its third state."""

    due = True
    n_written = 0

    def write(self, state):
        super().write(state)
        self.n_written += 1
        if self.n_written == 3:
            os.kill(os.getpid(), signal.SIGKILL)


def main(folder, name, failure=None):
    torch.set_num_threads(1)
    X, y, shard = (np.load(Path(folder) / f"{part}.npy") for part in ("X", "y", "shards"))
    estimator = ESTIMATORS[name]
    if failure in ("killed", "resumed"):
        estimator.set_params(checkpoint=Path(folder) / "checkpoint")
    if failure == "killed":
        skflow.estimators.flow_estimator.Checkpoint = Killed
    for k in range(5):  # processes that have met part, and meet again
        with shards(timeout=20) as processes:
            assert processes.all_gather(processes.rank + k) == [k, k + 1]
    with shards(timeout=20) as processes:
        mine = shard == processes.rank
        if failure == "columns" and processes.rank == 1:
            X = X[:, :1]
        if failure == "few":
            X = X[np.arange(600) % 3]
        if failure == "nan" and processes.rank == 1:
            X[np.flatnonzero(mine)[7], 1] = np.nan
        if failure == "silence" and processes.rank == 1:
            time.sleep(120)
        started = time.perf_counter()
        estimator.fit(X[mine], y[mine])
        print(f"{processes.rank}: {time.perf_counter() - started:.1f} s", file=sys.stderr)
    with open(Path(folder) / f"{os.environ['RANK']}.pickle", "wb") as file:
        pickle.dump(estimator, file)


if __name__ == "__main__":
    main(*sys.argv[1:])
