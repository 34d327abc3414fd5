"""How far a fit is from the truth, where the truth is known: KL(p ‖ q) in nats.

    OMP_NUM_THREADS=1 python docs/benchmarks/divergence.py DATA --out FILE

The mean of log p − log q over 20,000 fresh rows of p.
"""

import argparse
import warnings
from pathlib import Path

import numpy as np
import torch
from models import model
from quality import append, read
from tables import synthetic

SIZES = (1000, 5000, 20_000)
N_TEST = 20_000


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--models", default="skflow,skflow fast,GMM,KDE")
    args = parser.parse_args()
    torch.set_num_threads(1)
    warnings.filterwarnings("ignore")
    done = {(r["set"], r["model"], r["n"]) for r in read(args.out)}
    for name, truth in synthetic(args.data).items():
        if truth.conditional:
            continue
        test = np.asarray(truth.sample(N_TEST, 1)).reshape(N_TEST, truth.d)
        log_p = truth.log_prob(test)
        for n in SIZES:
            train = np.asarray(truth.sample(n, 2)).reshape(n, truth.d)
            for which in args.models.split(","):
                if (name, which, n) in done:
                    continue
                gaps = log_p - model(which).fit(train).score_samples(test)
                record = {"set": name, "d": truth.d, "model": which, "n": n}
                error = float(gaps.std() / np.sqrt(N_TEST))
                append(args.out, record | {"kl": float(gaps.mean()), "se": error})


if __name__ == "__main__":
    main()
