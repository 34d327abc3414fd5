"""Held-out log-likelihood and fit time of skflow and its peers on the same splits.

    OMP_NUM_THREADS=1 taskset -c 0 python docs/benchmarks/quality.py DATA --out results.jsonl

DATA is the folder of the data sets. `--development` scores a fifth of the training samples
instead of the test samples: all decisions were based on it, and the test samples are used for
the final table only. `--models ablations` removes the elements of the default configuration
one at a time. A run continues where an earlier one stopped.
"""

import time

import numpy as np
from models import ABLATIONS, model
from records import Records, option_parser, use_one_thread
from tables import SETS, development_split, final_split

MODELS = ("skflow", "skflow fast", "NormflowsNSF", "ZukoNSF", "KDE", "GMM", "Vine")


def main(arguments=None):
    parser = option_parser(__doc__, sets=SETS, models=MODELS, seeds=(0, 1))
    parser.add_argument("--development", action="store_true")
    args = parser.parse_args(arguments)
    use_one_thread()
    split = development_split if args.development else final_split
    models = list(ABLATIONS) if args.models == ["ablations"] else args.models
    records = Records(args.out, "set", "model", "seed")
    for name in args.sets:
        for seed in args.seeds:
            rows = split(name, args.data, seed)
            for which in models:
                records.add(measure, which, rows, set=name, model=which, seed=seed)


def measure(name, rows):
    """Fit and score a model; the log-likelihoods are in nats per sample."""
    record = {"n": len(rows.train), "d": rows.train.shape[1]}
    try:
        start = time.perf_counter()
        fitted = model(name).fit(rows.train)
        record["fit_s"] = round(time.perf_counter() - start, 3)
        start = time.perf_counter()
        scores = np.asarray(fitted.score_samples(rows.test))
        record["score_s"] = round(time.perf_counter() - start, 4)
    except Exception as error:  # the failure of a peer is a result
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


if __name__ == "__main__":
    main()
