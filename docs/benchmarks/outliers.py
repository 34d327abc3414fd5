"""ROC-AUC of outlier scores, fitted on the contaminated rows without labels.

    OMP_NUM_THREADS=1 python docs/benchmarks/outliers.py DATA --out FILE

Two sets are made from scikit-learn's: the malignant tumours of breast_cancer, thinned to 36, and
the zeros of digits (16 components), thinned to 20, are the outliers among the others.
`false_alarms` is the share of 5,000 fresh rows of a clean Gaussian that p < 0.05 calls outliers.
"""

import argparse
import time
import warnings
from pathlib import Path

import numpy as np
import torch
from quality import append, read
from sklearn.datasets import load_breast_cancer, load_digits
from sklearn.decomposition import PCA
from sklearn.ensemble import IsolationForest
from sklearn.metrics import roc_auc_score
from sklearn.mixture import GaussianMixture
from sklearn.neighbors import KernelDensity
from sklearn.preprocessing import StandardScaler

from skflow import NormalizingFlowDensity, NormalizingFlowOutlierDetector

SETS = "annthyroid_ad cover_ad shuttle_ad ionosphere_rnade breast_cancer digits".split()  # noqa: SIM905
MOST_ROWS = 20_000

MODELS = {
    "skflow": lambda X: NormalizingFlowOutlierDetector(random_state=0).fit(X),
    "skflow's density": lambda X: NormalizingFlowDensity(random_state=0).fit(X),
    "IsolationForest": lambda X: IsolationForest(random_state=0).fit(X),
    "GaussianMixture": lambda X: GaussianMixture(8, reg_covar=1e-4, random_state=0).fit(X),
    "KernelDensity": lambda X: KernelDensity(bandwidth=0.5).fit(X[:5000]),
}


def thinned(X, odd, n_odd):
    some = np.random.default_rng(0).permutation(np.flatnonzero(odd))[:n_odd]
    kept = np.concatenate([np.flatnonzero(~odd), some])
    return X[kept], odd[kept]


def load(name, data):
    if name == "breast_cancer":
        X, y = load_breast_cancer(return_X_y=True)
        X, odd = thinned(X, y == 0, 36)
    elif name == "digits":
        X, y = load_digits(return_X_y=True)
        X, odd = thinned(X, y == 0, 20)
        X = PCA(16, random_state=0).fit_transform(X)
    else:
        arrays = np.load(data / f"{name}.npz")
        X, odd = arrays["X"], arrays["is_outlier"].astype(bool)
    order = np.random.default_rng(0).permutation(len(X))[:MOST_ROWS]
    X, odd = X[order], odd[order]
    return StandardScaler().fit_transform(X[:, X.std(0) > 0]), odd


def false_alarms(n, d, seed):
    """How often p < 0.05 where nothing is odd."""
    rng = np.random.default_rng(seed)
    mixing = rng.normal(size=(d, d))
    detector = NormalizingFlowOutlierDetector(random_state=0).fit(rng.normal(size=(n, d)) @ mixing)
    return float((detector.p_value(rng.normal(size=(5000, d)) @ mixing) < 0.05).mean())


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    torch.set_num_threads(1)
    warnings.filterwarnings("ignore")
    done = {(r["set"], r["model"]) for r in read(args.out)}
    for name in SETS:
        X, odd = load(name, args.data)
        for which, fit in MODELS.items():
            if (name, which) not in done:
                start = time.perf_counter()
                auc = float(roc_auc_score(odd, -fit(X).score_samples(X)))
                record = {"set": name, "model": which, "n": len(X), "d": X.shape[1], "auc": auc}
                append(args.out, record | {"seconds": round(time.perf_counter() - start, 1)})
    for n in (200, 1000, 5000):
        name = f"clean, {n} × 4"
        if (name, "skflow") not in done:
            rates = [false_alarms(n, 4, seed) for seed in range(5)]
            append(
                args.out, {"set": name, "model": "skflow", "false_alarms": float(np.mean(rates))}
            )


if __name__ == "__main__":
    main()
