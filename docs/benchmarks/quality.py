"""Held-out log-likelihood and fit seconds of skflow and its peers on the same splits.

    OMP_NUM_THREADS=1 taskset -c 0 python docs/benchmarks/quality.py DATA --out results.jsonl

DATA is the folder of the sets. `--development` scores a fifth of the training rows instead of
the test rows: that is what every choice was made on. The test rows are for the final table.
`--models ablations` takes the recipe apart. Goes on where an earlier run stopped.
"""

import argparse
import json
import time
import warnings
from pathlib import Path

import numpy as np
import torch
from models import ABLATIONS, model
from tables import SETS, development_split, final_split


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--sets", default=",".join(SETS))
    parser.add_argument("--models", default="skflow,skflow fast,NormflowsNSF,ZukoNSF,KDE,GMM,Vine")
    parser.add_argument("--seeds", default="0,1")
    parser.add_argument("--development", action="store_true")
    args = parser.parse_args()
    torch.set_num_threads(1)
    warnings.filterwarnings("ignore")
    split = development_split if args.development else final_split
    done = {(r["set"], r["model"], r["seed"]) for r in read(args.out)}
    for name in args.sets.split(","):
        for seed in map(int, args.seeds.split(",")):
            rows = split(name, args.data, seed)
            for which in ABLATIONS if args.models == "ablations" else args.models.split(","):
                if (name, which, seed) not in done:
                    record = {"set": name, "model": which, "seed": seed} | measure(which, rows)
                    append(args.out, record)


def measure(name, rows):
    """Fit, score, and describe."""
    record = {"n": len(rows.train), "d": rows.train.shape[1]}
    try:
        start = time.perf_counter()
        fitted = model(name).fit(rows.train)
        record["fit_s"] = round(time.perf_counter() - start, 3)
        start = time.perf_counter()
        scores = np.asarray(fitted.score_samples(rows.test))
        record["score_s"] = round(time.perf_counter() - start, 4)
    except Exception as error:  # a peer's failure is a result
        return record | {"error": f"{type(error).__name__}: {error}"[:200]}
    record |= {
        "ll": float(scores.mean()),
        "se": float(scores.std() / np.sqrt(len(scores))),
        "worst": float(scores.min()),
        "nonfinite": int((~np.isfinite(scores)).sum()),
    }
    if hasattr(fitted, "stages"):
        record |= fitted.stages(rows.train, rows.test)
    return record


def read(path):
    """The records of a file, none where there is no file yet."""
    return [json.loads(line) for line in path.open()] if path.exists() else []


def append(path, record):
    """One more record."""
    print(json.dumps(record), flush=True)
    with path.open("a") as file:
        file.write(json.dumps(record) + "\n")


if __name__ == "__main__":
    main()
