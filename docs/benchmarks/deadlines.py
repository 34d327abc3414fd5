"""Wall clocks of fits with a deadline: how long after max_time a fit returns, and how good it is.

    OMP_NUM_THREADS=1 python docs/benchmarks/deadlines.py --out FILE

Default fits to heavy-tailed rows, the cubes of normal ones. The log-likelihood is that of 2,000
other rows.
"""

import argparse
import time
from pathlib import Path

import numpy as np
from records import Records, use_one_thread

from skflow import NormalizingFlowDensity

SIZES = ((1000, 5), (8000, 6), (5000, 100), (100_000, 20))
SECONDS = (0.5, 1.0, 5.0, 30.0)
N_TEST = 2000


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True, help="JSON lines, appended to")
    args = parser.parse_args(arguments)
    use_one_thread()
    measure(100, 2, 0.1)  # imports and memory are not timed
    records = Records(args.out, "n", "d", "max_time")
    for n, d in SIZES:
        for seconds in SECONDS:
            records.add(measure, n, d, seconds, n=n, d=d, max_time=seconds)


def measure(n, d, max_time):
    """Seconds that a fit takes, and what it achieves."""
    rows, test = (rows_of(size, d, seed) for seed, size in enumerate((n, N_TEST)))
    start = time.perf_counter()
    density = NormalizingFlowDensity(max_time=max_time, random_state=0).fit(rows)
    seconds = time.perf_counter() - start
    return {
        "seconds": seconds,
        "n_epochs": density.n_iter_,
        "log_likelihood": float(density.score(test)),
    }


def rows_of(n, d, seed):
    """Cubes of correlated normal samples (n, d)."""
    rng = np.random.default_rng(seed)
    shared = rng.normal(size=(n, 1))
    return (0.6 * shared + 0.8 * rng.normal(size=(n, d))) ** 3


if __name__ == "__main__":
    main()
