"""False alarms of skflow.testing on correct estimators, with new data and seeds in every run.

python docs/benchmarks/false_alarms.py [runs] [names ...]
"""

import sys
from collections import Counter

from sklearn.decomposition import PCA
from sklearn.mixture import GaussianMixture
from sklearn.neighbors import KernelDensity
from sklearn.preprocessing import StandardScaler

from skflow import NormalizingFlowDensity
from skflow.compose import TransformedDensity
from skflow.testing import check_density
from skflow.testing.example_data import example_rows

# A single leaf: with more, KernelDensity loses its tails to rounding (docs/testing.md).
KERNELS = KernelDensity(bandwidth=0.4, leaf_size=10_000)
QUICK = {"effort": "fast", "max_iter": 20, "tol": 10.0, "n_iter_no_change": 2}
CORRECT = {
    "kernels": TransformedDensity(StandardScaler(), KERNELS),
    "one Gaussian": GaussianMixture(),
    "Gaussian after PCA": TransformedDensity(PCA(), GaussianMixture(reg_covar=1e-12)),
    "flow": NormalizingFlowDensity(flow="realnvp", **QUICK),
}


def failed_checks(estimator, seed):
    """The failed checks, and the number of checks by status."""
    X = example_rows(1 + seed % 4, seed=seed)
    results = check_density(estimator, X, on_fail=None, random_state=seed)
    failed = [result for result in results if result["status"] == "failed"]
    return failed, Counter(result["status"] for result in results)


def main(n_runs=50, *names):
    for name in names or CORRECT:
        n_failed, statuses = 0, Counter()
        for seed in range(int(n_runs)):
            failed, counts = failed_checks(CORRECT[name], seed)
            n_failed += bool(failed)
            statuses += counts
            for result in failed:
                print(name, seed, result["check_name"], result["exception"], flush=True)
        print(f"{name}: {n_failed} of {n_runs} runs with a failure; {dict(statuses)}", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
