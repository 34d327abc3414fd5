"""Training on a table that is not held in memory: cost of imperfect shuffling, and peak memory.

    OMP_NUM_THREADS=1 python docs/benchmarks/streaming.py --out FILE [--only mixing memory]

Each fit is one epoch, in its own process. Log-likelihoods are means over 50,000 new samples.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow
from pyarrow.parquet import ParquetWriter
from records import append, use_one_thread
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
GROUP = 10_000  # rows of a Parquet row group
BLOCK = 1_000_000  # rows generated at a time
N_TEST = 50_000


def rows(n, seed=0):
    """Samples (n, D) from a curved density."""
    X = data(n, D, seed)
    X[:, 1::2] += np.square(X[:, ::2])
    return X


def mixing(folder):
    """BLOCK rows in random order and sorted by the first column, in memory or streamed."""
    shuffled = rows(BLOCK)
    for order, X in (("random", shuffled), ("sorted", shuffled[shuffled[:, 0].argsort()])):
        paths = write(folder / order, X)
        for max_rows in (BLOCK, BLOCK // 50):
            yield {"what": order} | fit(paths["map"], stream=False, max_rows=max_rows)
        for kind in ("map", "parquet"):
            for max_rows in (BLOCK // 10, BLOCK // 50):
                yield {"what": order} | fit(paths[kind], stream=True, max_rows=max_rows)


def memory(folder):
    """Streaming fits to 8 and 16 blocks with one max_rows, and a fit to the 8 blocks in memory."""
    for n_blocks in (8, 16):
        path = folder / f"{n_blocks}.npy"
        table = np.lib.format.open_memmap(path, "w+", np.float64, (n_blocks * BLOCK, D))
        for k in range(n_blocks):
            table[k * BLOCK : (k + 1) * BLOCK] = rows(BLOCK, k)
        table.flush()
        yield {"what": f"{n_blocks * BLOCK:,} × {D}"} | fit(path, stream=True, max_rows=BLOCK // 2)
    held = fit(folder / "8.npy", stream=False, max_rows=8 * BLOCK)
    yield {"what": f"{8 * BLOCK:,} × {D}"} | held


def write(folder, X):
    """X as a memory map and as a Parquet file, paths by name."""
    folder.mkdir()
    np.save(folder / "X.npy", X)
    table = pyarrow.table({f"x{j}": column for j, column in enumerate(X.T)})
    with ParquetWriter(folder / "X.parquet", table.schema) as file:
        file.write_table(table, GROUP)
    return {"map": folder / "X.npy", "parquet": folder / "X.parquet"}


def fit(path, **params):
    """The record of a fit to a file, in another process."""
    command = [sys.executable, __file__, "--fit", str(path), json.dumps(FLOW | params)]
    return params | json.loads(subprocess.check_output(command)) | {"kind": path.suffix[1:]}


def measure(path, params):
    """Time, peak memory and held-out log-likelihood of a fit in this process."""
    X = path if path.endswith("parquet") else np.load(path, mmap_mode="r")
    with AnonymousMemory() as used:
        start = time.process_time()
        density = NormalizingFlowDensity(**params).fit(X)
        seconds = time.process_time() - start
    density.set_params(dtype="float32")
    test = rows(N_TEST, 99)
    if path.endswith("parquet"):
        del density.feature_names_in_  # the test samples have no names
    log_p = density.score_samples(test)
    return {
        "seconds": seconds,
        "peak_gb": used.peak,
        "log_likelihood": log_p.mean(),
        "error": log_p.std() / np.sqrt(len(log_p)),
    }


SECTIONS = {"mixing": mixing, "memory": memory}


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path)
    parser.add_argument("--only", nargs="+", choices=SECTIONS, default=list(SECTIONS))
    parser.add_argument("--fit", nargs=2, metavar=("FILE", "PARAMS"))
    args = parser.parse_args(arguments)
    if args.fit:
        use_one_thread()
        print(json.dumps(measure(args.fit[0], json.loads(args.fit[1]))))
        return
    for name in args.only:
        with tempfile.TemporaryDirectory() as folder:
            for record in SECTIONS[name](Path(folder)):
                append(args.out, {"section": name} | record)


if __name__ == "__main__":
    main()
