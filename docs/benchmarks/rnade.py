"""The small data sets of the RNADE paper (Uria et al. 2013), by its protocol.

    OMP_NUM_THREADS=1 python docs/benchmarks/rnade.py DATA --out FILE

Ten folds, every column standardized by the training fold, mean log-likelihood of a test sample.
"""

import numpy as np
from models import PRESETS, model
from records import Records, option_parser, use_one_thread
from sklearn.model_selection import KFold
from tables import load

PUBLISHED = {  # mixtures of Gaussians; Uria et al. 2013, table 2, and 2014 for the ensemble
    "wine_red_rnade": {"RNADE-MoG": -9.36, "deep ensemble": -8.76},
    "boston_rnade": {"RNADE-MoG": -0.64},
    "ionosphere_rnade": {"RNADE-MoG": -2.50},
}
N_FOLDS = 10


def main(arguments=None):
    args = option_parser(__doc__, sets=tuple(PUBLISHED)).parse_args(arguments)
    use_one_thread()
    records = Records(args.out, "set", "model", "fold")
    for name in args.sets:
        for fold, (train, test) in enumerate(standardized_folds(load(name, args.data))):
            for preset in PRESETS:
                records.add(measure, preset, train, test, set=name, model=preset, fold=fold)


def standardized_folds(rows):
    """Training and test samples of each fold, in units of the training samples."""
    for train, test in KFold(N_FOLDS, shuffle=True, random_state=0).split(rows):
        mean, scale = rows[train].mean(0), rows[train].std(0)
        yield (rows[train] - mean) / scale, (rows[test] - mean) / scale


def measure(preset, train, test):
    scores = model(preset).fit(train).score_samples(test)
    return {"ll": float(scores.mean()), "nonfinite": int((~np.isfinite(scores)).sum())}


if __name__ == "__main__":
    main()
