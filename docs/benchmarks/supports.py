"""The gain in held-out log-likelihood if integer columns and angles are declared.

    OMP_NUM_THREADS=1 python docs/benchmarks/supports.py DATA --out FILE
    python docs/benchmarks/supports.py --page FILE > docs/benchmarks/supports.md

Integers are scored by the log-probability of their unit intervals. Without the declaration this
is the mean density over the points of the interval at which a declared density is evaluated.
"""

import sys
import time
from pathlib import Path

import numpy as np
from page import table
from records import append, option_parser, read, use_one_thread
from tables import Split, final_split

from skflow import NormalizingFlowDensity
from skflow.preprocessing.support_transform import offsets_in_bins

TABLES = {
    "nyc_flights": None,
    "shuttle_ad": None,
    "wine_red_raw": None,
    "wine_red_raw, quality": [11],
}
ANGLES = {"cover_ad, aspect": ([1], ("circular", 360)), "cover_ad": (None, {1: ("circular", 360)})}
HERE = Path(__file__).parent


def main(arguments=None):
    args = option_parser(__doc__, seeds=(0, 1)).parse_args(arguments)
    use_one_thread()
    for seed in args.seeds:
        for name, columns in TABLES.items():
            rows = split(name, args.data, seed, columns)
            integer = (rows.train == np.round(rows.train)).all(0)
            declared = ["integer" if whole else None for whole in integer]
            append(args.out, {"set": name, "seed": seed} | compare(rows, declared, integer))
        for name, (columns, declared) in ANGLES.items():
            rows = split(name, args.data, seed, columns)
            integer = np.zeros(rows.train.shape[1], bool)
            append(args.out, {"set": name, "seed": seed} | compare(rows, declared, integer))


def split(name, data, seed, columns):
    """Training and test samples of a data set, or of some of its columns."""
    rows = final_split(name.split(",")[0], data, seed)
    kept = slice(None) if columns is None else columns
    return Split(rows.train[:, kept], rows.test[:, kept])


def compare(rows, declared, integer):
    """Scores with and without the declaration, and their paired difference."""
    scores = {}
    for which, support in (("undeclared", None), ("declared", declared)):
        start = time.perf_counter()
        model = NormalizingFlowDensity(random_state=0, support=support).fit(rows.train)
        seconds = time.perf_counter() - start
        offsets = [0.0] if support else offsets_in_bins(integer)
        each = np.array([model.score_samples(rows.test + offset) for offset in offsets])
        scores[which] = np.logaddexp.reduce(each) - np.log(len(offsets)), seconds
    gain = scores["declared"][0] - scores["undeclared"][0]
    record = {"n": len(rows.train), "d": rows.train.shape[1]}
    record |= {which: float(score.mean()) for which, (score, _) in scores.items()}
    record |= {f"{which}_s": round(seconds, 1) for which, (_, seconds) in scores.items()}
    return record | {"gain": float(gain.mean()), "se": float(gain.std() / np.sqrt(len(gain)))}


def page(records):
    """The page as Markdown."""
    rows = []
    for r in records:
        gain = f"{r['gain']:+.2f} ± {r['se']:.2f}".replace("-", "−")
        numbers = [f"{r[w]:.2f}".replace("-", "−") for w in ("undeclared", "declared")]
        seconds = [f"{r[w + '_s']:.0f}" for w in ("undeclared", "declared")]
        rows.append([f"{r['set']}, {r['n']:,} × {r['d']}", r["seed"], *numbers, gain, *seconds])
    head = ["set", "split", "undeclared", "declared", "gain", "fit, s", "declared, s"]
    return (HERE / "supports.md.in").read_text().format(table=table(head, rows))


if __name__ == "__main__":
    if sys.argv[1:2] == ["--page"]:
        print(page(read(Path(sys.argv[2]))))
    else:
        main()
