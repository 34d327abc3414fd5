"""Training on all rows of a table that is not held: what mixing costs, and what memory it takes.

    OMP_NUM_THREADS=1 python docs/benchmarks/streaming.py --out FILE [--only mixing memory]

Each fit is one epoch, in a process of its own. Log-likelihoods are of 50,000 other rows.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path

import numpy as np
import pyarrow
import torch
from pyarrow.parquet import ParquetWriter
from quality import append
from speed import AnonymousMemory, data

from skflow import NormalizingFlowDensity

FLOW = {
    "flow": "nsf",
    "effort": "fast",
    "batch_size": 1024,
    "max_iter": 1,
    "tol": 0.0,
    "n_iter_no_change": 60,
    "random_state": 0,
}
D = 8
GROUP = 10_000  # rows of a group of Parquet's
BLOCK = 1_000_000  # rows made at a time


def rows(n, seed=0):
    """Rows that are bent: more of them, of one distribution, for a larger n."""
    X = data(n, D, seed)
    X[:, 1::2] += np.square(X[:, ::2])
    return X


def mixing(folder):
    """A million rows in random order and sorted by their first column, held or read again."""
    shuffled = rows(BLOCK)
    for order, X in (("random", shuffled), ("sorted", shuffled[shuffled[:, 0].argsort()])):
        paths = written(folder / order, X)
        yield {"what": order} | fit(paths["map"], stream=False, max_rows=BLOCK)
        yield {"what": order} | fit(paths["map"], stream=False, max_rows=20_000)
        for kind in ("map", "parquet"):
            for max_rows in (100_000, 20_000):
                yield {"what": order} | fit(paths[kind], stream=True, max_rows=max_rows)


def ema_decay(folder):
    """Tables of 0.5 and of 1 GB under one bound, and the shorter one held whole."""
    for n_blocks in (8, 16):
        path = folder / f"{n_blocks}.npy"
        table = np.lib.format.open_memmap(path, "w+", np.float64, (n_blocks * BLOCK, D))
        for k in range(n_blocks):
            table[k * BLOCK : (k + 1) * BLOCK] = rows(BLOCK, k)
        table.flush()
        yield {"what": f"{n_blocks},000,000 × 8"} | fit(path, stream=True, max_rows=500_000)
    yield {"what": "8,000,000 × 8"} | fit(folder / "8.npy", stream=False, max_rows=8 * BLOCK)


def written(folder, X):
    folder.mkdir()
    np.save(folder / "X.npy", X)
    table = pyarrow.table({f"x{j}": column for j, column in enumerate(X.T)})
    with ParquetWriter(folder / "X.parquet", table.schema) as file:
        file.write_table(table, GROUP)
    return {"map": folder / "X.npy", "parquet": folder / "X.parquet"}


def fit(path, **params):
    """What a fit of a file took and was worth, in another process."""
    command = [sys.executable, __file__, "--fit", str(path), json.dumps(FLOW | params)]
    return params | json.loads(subprocess.check_output(command)) | {"kind": path.suffix[1:]}


def fit_here(path, params):
    warnings.filterwarnings("ignore")
    torch.set_num_threads(1)
    X = path if path.endswith("parquet") else np.load(path, mmap_mode="r")
    with AnonymousMemory() as used:
        start = time.process_time()
        density = NormalizingFlowDensity(**params).fit(X)
        taken = time.process_time() - start
    density.set_params(dtype="float32")
    test = rows(50_000, 99)
    if path.endswith("parquet"):
        del density.feature_names_in_
    log_p = density.score_samples(test)
    print(
        json.dumps(
            {
                "seconds": taken,
                "peak_gb": used.peak,
                "log_likelihood": log_p.mean(),
                "error": log_p.std() / np.sqrt(len(log_p)),
            }
        )
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path)
    parser.add_argument("--only", nargs="+", default=["mixing", "memory"])
    parser.add_argument("--fit", nargs=2)
    args = parser.parse_args()
    if args.fit:
        fit_here(args.fit[0], json.loads(args.fit[1]))
        return
    for section in (mixing, ema_decay):
        if section.__name__ in args.only:
            with tempfile.TemporaryDirectory() as folder:
                for record in section(Path(folder)):
                    append(args.out, {"section": section.__name__} | record)
                    print(record, flush=True)


if __name__ == "__main__":
    main()
