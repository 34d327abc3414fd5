"""Fit in another process that kills itself between two checkpoints."""

import signal
import subprocess
import sys

import numpy as np

_SCRIPT = """
import os, signal
import numpy as np
import skflow.serialization.checkpoint, skflow.estimators.flow_estimator, skflow.data.sources
from skflow import {estimator}

class Killed(skflow.serialization.checkpoint.Checkpoint):
    n_written = 0

    due = True

    def write(self, state):
        super().write(state)
        Killed.n_written += 1
        if Killed.n_written == {n_written}:
            os.kill(os.getpid(), signal.SIGKILL)

skflow.estimators.flow_estimator.Checkpoint = Killed
skflow.data.sources._CHUNK_SIZE = {chunk}
X = np.load({rows!r})
{estimator}(**{params!r}).fit({arguments})
"""


def kill(
    folder,
    X,
    n_written,
    params,
    estimator="NormalizingFlowDensity",
    arguments="X",
    chunk=1 << 16,
):
    """Fit until the n-th checkpoint; return the parameters of a fit that resumes from it."""
    rows = folder / "rows.npy"
    np.save(rows, X)
    params = params | {"checkpoint": str(folder / "checkpoint")}
    script = _SCRIPT.format(
        estimator=estimator,
        n_written=n_written,
        chunk=chunk,
        rows=str(rows),
        params=params,
        arguments=arguments,
    )
    process = subprocess.run([sys.executable, "-W", "ignore", "-c", script], check=False)
    assert process.returncode == -signal.SIGKILL
    assert (folder / "checkpoint").exists()
    return params
