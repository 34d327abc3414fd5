"""Accuracy, log-loss and calibration of the classifier, beside GaussianNB and QDA.

    OMP_NUM_THREADS=1 python docs/benchmarks/classes.py DATA --out FILE

Thirty splits, 80 to 20; three, of 6,000 rows at most, where there are more than 2,000. QDA gets
standardised columns, and as little `reg_param` of 0, 1e-4, 1e-3 and 1e-2 as it can do with.
"""

import argparse
import time
import warnings
from pathlib import Path

import numpy as np
import sklearn.datasets
import torch
from quality import append, read
from sklearn.decomposition import PCA
from sklearn.discriminant_analysis import QuadraticDiscriminantAnalysis
from sklearn.metrics import log_loss
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skflow import NormalizingFlowClassifier

SETS = ("wine", "iris", "breast_cancer", "digits", "ionosphere_rnade", "sdss_photometry")
MOST_ROWS = 6000


def qda(X, y):
    for strength in (0, 1e-4, 1e-3, 1e-2):
        model = QuadraticDiscriminantAnalysis(reg_param=strength)
        try:
            return make_pipeline(StandardScaler(), model).fit(X, y)
        except np.linalg.LinAlgError:
            continue
    raise ValueError("no reg_param is enough")


MODELS = {
    "skflow": lambda X, y: NormalizingFlowClassifier(random_state=0).fit(X, y),
    "skflow fast": lambda X, y: NormalizingFlowClassifier(effort="fast", random_state=0).fit(X, y),
    "GaussianNB": lambda X, y: GaussianNB().fit(X, y),
    "QDA": qda,
}


def load(name, data):
    if name in ("wine", "iris", "breast_cancer", "digits"):
        X, y = getattr(sklearn.datasets, f"load_{name}")(return_X_y=True)
        return (PCA(16, random_state=0).fit_transform(X) if name == "digits" else X), y
    arrays = np.load(data / f"{name}.npz")
    return arrays["X"], arrays["y"]


def calibration_error(probabilities, hit, n_bins=15):
    """Expected calibration error of the predicted class (Guo et al. 2017)."""
    confidence = probabilities.max(1)
    bins = np.minimum((confidence * n_bins).astype(int), n_bins - 1)
    return sum(abs((hit - confidence)[bins == b].sum()) for b in range(n_bins)) / len(hit)


def measure(fit, X, y, T, t):
    start = time.perf_counter()
    model = fit(X, y)
    probabilities = model.predict_proba(T)
    hit = model.classes_[probabilities.argmax(1)] == t
    return {
        "n": len(X),
        "d": X.shape[1],
        "accuracy": float(hit.mean()),
        "log_loss": float(log_loss(t, probabilities, labels=model.classes_)),
        "calibration_error": float(calibration_error(probabilities, hit)),
        "seconds": round(time.perf_counter() - start, 1),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    torch.set_num_threads(1)
    warnings.filterwarnings("ignore")
    done = {(r["set"], r["model"], r["seed"]) for r in read(args.out)}
    for name in SETS:
        X, y = load(name, args.data)
        for seed in range(30 if len(X) < 2000 else 3):
            order = np.random.default_rng(seed).permutation(len(X))[:MOST_ROWS]
            train, test = np.split(order, [len(order) * 4 // 5])
            varies = X[train].std(0) > 0
            rows = X[train][:, varies], y[train], X[test][:, varies], y[test]
            for which, fit in MODELS.items():
                if (name, which, seed) not in done:
                    record = {"set": name, "model": which, "seed": seed}
                    append(args.out, record | measure(fit, *rows))


if __name__ == "__main__":
    main()
