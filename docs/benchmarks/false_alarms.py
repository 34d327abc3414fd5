"""How often skflow.testing blames sound estimators: other rows and seeds in every run.

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

# One leaf: in a deeper tree, KernelDensity loses its tails to round-off (docs/testing.md).
KERNELS = KernelDensity(bandwidth=0.4, leaf_size=10_000)
QUICK = {"effort": "fast", "max_iter": 20, "tol": 10.0, "n_iter_no_change": 2}
SOUND = {
    "kernels": TransformedDensity(StandardScaler(), KERNELS),
    "one Gaussian": GaussianMixture(),
    "Gaussian after PCA": TransformedDensity(PCA(), GaussianMixture(reg_covar=1e-12)),
    "flow": NormalizingFlowDensity(flow="realnvp", **QUICK),
}


def alarms(estimator, seed):
    X = example_rows(1 + seed % 4, seed=seed)
    results = check_density(estimator, X, on_fail=None, random_state=seed)
    return [result for result in results if result["status"] == "failed"], Counter(
        result["status"] for result in results
    )


def main(runs, names):
    for name in names:
        blamed, statuses = 0, Counter()
        for seed in range(runs):
            failed, counts = alarms(SOUND[name], seed)
            blamed += bool(failed)
            statuses += counts
            for result in failed:
                print(name, seed, result["check_name"], result["exception"], flush=True)
        print(f"{name}: {blamed} of {runs} runs blamed; {dict(statuses)}", flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 50, sys.argv[2:] or SOUND)
