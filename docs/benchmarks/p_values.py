"""False alarms of the outlier detector: the share of new rows with p <= 0.01, 0.05 and 0.1.

    OMP_NUM_THREADS=1 python docs/benchmarks/p_values.py --out FILE

Every fit has new rows, of one of three distributions without outliers: correlated normal
columns, lognormal ones, and two clusters. `predicted` is the share of new rows that `predict`
labels outliers, with contamination="auto".
"""

import argparse
import time
from pathlib import Path

import numpy as np
from records import Records, use_one_thread

from skflow import NormalizingFlowOutlierDetector

SIZES, COLUMNS = (100, 500, 5000), (1, 5, 20)
ALPHAS = (0.01, 0.05, 0.1)
FITS = {"fast": {100: 24, 500: 20, 5000: 14}, "full": {100: 4, 500: 3, 5000: 2}}  # in a cell
N_TEST = 5000


def rows_of(n, d, seed):
    """Rows to fit and new rows, from one distribution."""
    rng = np.random.default_rng((n, d, seed))
    mixing = rng.normal(size=(d, d))
    rows = rng.normal(size=(n + N_TEST, d)) @ mixing
    if seed % 3 == 1:
        rows = np.exp(rows / np.sqrt(d))
    if seed % 3 == 2:
        rows += 8 * np.sqrt(d) * (rng.random((n + N_TEST, 1)) < 0.3)
    return rows[:n], rows[n:]


def measure(effort, n, d, seed):
    """False alarms of one fit."""
    X, new = rows_of(n, d, seed)
    start = time.perf_counter()
    detector = NormalizingFlowOutlierDetector(effort=effort, random_state=seed).fit(X)
    seconds = round(time.perf_counter() - start, 2)
    p = detector.p_value(new)
    alarms = [float((p <= alpha).mean()) for alpha in ALPHAS]
    predicted = float((detector.predict(new) == -1).mean())
    return {"alarms": alarms, "predicted": predicted, "smallest": float(p.min()), "fit_s": seconds}


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True, help="JSON lines, appended to")
    args = parser.parse_args(arguments)
    use_one_thread()
    records = Records(args.out, "effort", "n", "d", "seed")
    for effort, numbers in FITS.items():
        for n in SIZES:
            for d in COLUMNS:
                for seed in range(numbers[n]):
                    labels = {"effort": effort, "n": n, "d": d, "seed": seed}
                    records.add(measure, *labels.values(), **labels)


if __name__ == "__main__":
    main()
