"""The small sets of the RNADE paper (Uria et al. 2013), by its protocol.

    OMP_NUM_THREADS=1 python docs/benchmarks/rnade.py DATA --out FILE

Ten folds, every column standardised by the training fold, mean log-likelihood of a test row.
"""

import argparse
import warnings
from pathlib import Path

import numpy as np
import torch
from models import PRESETS, model
from quality import append, read
from sklearn.model_selection import KFold
from tables import load

PUBLISHED = {  # mixtures of GaussianMixture; Uria et al. 2013, table 2, and 2014 for the ensemble
    "wine_red_rnade": {"RNADE-MoG": -9.36, "deep ensemble": -8.76},
    "boston_rnade": {"RNADE-MoG": -0.64},
    "ionosphere_rnade": {"RNADE-MoG": -2.50},
}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--sets", default=",".join(PUBLISHED))
    args = parser.parse_args()
    torch.set_num_threads(1)
    warnings.filterwarnings("ignore")
    done = {(r["set"], r["model"], r["fold"]) for r in read(args.out)}
    for name in args.sets.split(","):
        rows = load(name, args.data)
        folds = KFold(10, shuffle=True, random_state=0).split(rows)
        for fold, (seen, held_out) in enumerate(folds):
            mean, scale = rows[seen].mean(0), rows[seen].std(0)
            train, test = (rows[seen] - mean) / scale, (rows[held_out] - mean) / scale
            for preset in PRESETS:
                if (name, preset, fold) in done:
                    continue
                scores = model(preset).fit(train).score_samples(test)
                record = {"set": name, "model": preset, "fold": fold, "ll": float(scores.mean())}
                append(args.out, record | {"nonfinite": int((~np.isfinite(scores)).sum())})


if __name__ == "__main__":
    main()
