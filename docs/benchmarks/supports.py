"""What declaring supports is worth: whole numbers and angles, held-out log-likelihoods.

    OMP_NUM_THREADS=1 python docs/benchmarks/supports.py DATA --out FILE
    python docs/benchmarks/supports.py --page FILE > docs/benchmarks/supports.md

Whole numbers are scored by the log-probability of their cells: without the declaration that is
the mean density over the places in the cell at which a declared density is looked at, too.
"""

import argparse
import time
import warnings
from pathlib import Path

import numpy as np
import torch
from page import table
from quality import append, read
from tables import final_split

from skflow import NormalizingFlowDensity
from skflow.preprocessing.dequantization import offsets_in_bins

TABLES = {
    "nyc_flights": None,
    "shuttle_ad": None,
    "wine_red_raw": None,
    "wine_red_raw, quality": [11],
}
HERE = Path(__file__).parent
ANGLES = {"cover_ad, aspect": ([1], ("circular", 360)), "cover_ad": (None, {1: ("circular", 360)})}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, nargs="?")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--page", type=Path)
    args = parser.parse_args()
    if args.page:
        print(page(read(args.page)))
        return
    torch.set_num_threads(1)
    warnings.filterwarnings("ignore")
    for seed in (0, 1):
        for name, columns in TABLES.items():
            train, test = split(name, args.data, seed, columns)
            whole = np.array([(column == np.round(column)).all() for column in train.T])
            declared = ["integer" if w else None for w in whole]
            compare(args.out, name, seed, train, test, declared, whole)
        for name, (columns, declared) in ANGLES.items():
            train, test = split(name, args.data, seed, columns)
            compare(args.out, name, seed, train, test, declared, np.zeros(train.shape[1], bool))


def split(name, data, seed, columns):
    """Training and test rows of a set, or of some of its columns."""
    name = name.split(",")[0]
    rows = final_split(name, data, seed)
    kept = slice(None) if columns is None else columns
    return rows.train[:, kept], rows.test[:, kept]


def compare(out, name, seed, train, test, declared, whole):
    """With and without the declaration, and the difference row by row."""
    scores = {}
    for which, support in (("undeclared", None), ("declared", declared)):
        start = time.perf_counter()
        model = NormalizingFlowDensity(random_state=0, support=support).fit(train)
        taken = time.perf_counter() - start
        places = [0.0] if support else offsets_in_bins(whole)
        each = np.array([model.score_samples(test + place) for place in places])
        scores[which] = np.logaddexp.reduce(each) - np.log(len(places)), taken
    gain = scores["declared"][0] - scores["undeclared"][0]
    record = {"set": name, "seed": seed, "n": len(train), "d": train.shape[1]}
    record |= {w: float(s.mean()) for w, (s, _) in scores.items()}
    record |= {f"{w}_s": round(t, 1) for w, (_, t) in scores.items()}
    record |= {"gain": float(gain.mean()), "se": float(gain.std() / np.sqrt(len(gain)))}
    append(out, record)


def page(records):
    """The page of a file of records."""
    rows = []
    for r in records:
        gain = f"{r['gain']:+.2f} ± {r['se']:.2f}".replace("-", "−")
        numbers = [f"{r[w]:.2f}".replace("-", "−") for w in ("undeclared", "declared")]
        seconds = [f"{r[w + '_s']:.0f}" for w in ("undeclared", "declared")]
        rows.append([f"{r['set']}, {r['n']:,} × {r['d']}", r["seed"], *numbers, gain, *seconds])
    head = ["set", "split", "undeclared", "declared", "gain", "fit, s", "declared, s"]
    return (HERE / "supports.md.in").read_text().format(table=table(head, rows))


if __name__ == "__main__":
    main()
