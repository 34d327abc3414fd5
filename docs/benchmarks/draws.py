"""Draws of fitted densities: how many are far outside the data, and whether their means are right.

    OMP_NUM_THREADS=1 python docs/benchmarks/draws.py DATA --out FILE

A drawn value is far outside if it is more than the range of the training samples below the
smallest or above the largest of them; `own` is the fraction of such values among held-out
samples. The mean of a column's draws should be within 0.1 standard deviations of that of the
training samples, or within two standard errors; `shifted` counts the columns in which it is not.
Columns whose tail is so heavy that means say little, of a shape above 0.5, are not asked. DATA is
the folder of the data sets of quality.py and of those in `WITH_TAILS`.
"""

import time

import numpy as np
from peers import GMM
from records import Records, option_parser, use_one_thread
from tables import SETS, final_split

from skflow import NormalizingFlowDensity

WITH_TAILS = ("danish", "diamonds", "loans", "pbc", "eustocks", "saratoga")
N_DRAWS = 20_000
MODELS = ("skflow", "GMM")


def main(arguments=None):
    names = (*SETS, *WITH_TAILS)
    args = option_parser(__doc__, sets=names, models=MODELS, seeds=(0,)).parse_args(arguments)
    use_one_thread()
    records = Records(args.out, "set", "model", "seed")
    for name in args.sets:
        for seed in args.seeds:
            rows = final_split(name, args.data, seed)
            for model in args.models:
                records.add(measure, model, rows, seed, set=name, model=model, seed=seed)


def measure(model, rows, seed):
    """Fit a model, score the held-out samples and draw from it."""
    start = time.perf_counter()
    if model == "skflow":
        density = NormalizingFlowDensity(random_state=seed).fit(rows.train)
        draws = density.sample(N_DRAWS, random_state=seed)
    else:
        density = GMM().fit(rows.train)
        draws = density.model_.sample(N_DRAWS)[0] * density.scale_ + density.mean_
    seconds = time.perf_counter() - start
    scores = density.score_samples(rows.test)
    return {
        "n": len(rows.train),
        "d": rows.train.shape[1],
        "seconds": round(seconds, 1),
        "ll": float(scores.mean()),
        "se": float(scores.std() / np.sqrt(len(scores))),
        "outside": far_outside(draws, rows.train),
        "own": far_outside(rows.test, rows.train),
        **shifts(draws, rows.train),
    }


def far_outside(draws, train):
    """The fraction of values that are more than a range outside the training samples."""
    low, high = train.min(0), train.max(0)
    width = high - low
    return float(((draws < low - width) | (draws > high + width)).mean())


def shifts(draws, train):
    """The largest shift of a mean in standard deviations, and the number of shifted columns."""
    shift = np.abs(draws.mean(0) - train.mean(0)) / train.std(0)
    asked = np.array([tail_shape(column) <= 0.5 for column in train.T])
    shifted = asked & (shift > max(0.1, 2 / np.sqrt(len(train))))
    return {"shift": float(shift[asked].max(initial=0)), "shifted": int(shifted.sum())}


def tail_shape(column):
    """The shape of the heavier tail by probability-weighted moments (Hosking & Wallis 1987)."""
    return max(_shape(np.sort(column)[::-1]), _shape(np.sort(-column)[::-1]))


def _shape(descending):
    n = max(10, len(descending) // 20)
    excess = np.sort(descending[:n] - descending[n])
    if excess[-1] == 0:
        return 0.0
    mean = excess.mean()
    weighted = float(np.mean(excess * (1 - (np.arange(n) + 0.65) / n)))
    return 2 - mean / (mean - 2 * weighted)


if __name__ == "__main__":
    main()
