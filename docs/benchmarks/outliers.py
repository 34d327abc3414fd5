"""ROC-AUC of outlier scores, fitted to the contaminated data without labels.

    OMP_NUM_THREADS=1 python docs/benchmarks/outliers.py DATA --out FILE

Two data sets are made from those of scikit-learn: 36 of the malignant tumours of breast_cancer
are outliers among the benign ones, and 20 of the zeros of digits (16 principal components) among
the other digits. False alarms are measured by p_values.py.
"""

import time

import numpy as np
from records import Records, option_parser, use_one_thread
from sklearn.datasets import load_breast_cancer, load_digits
from sklearn.decomposition import PCA
from sklearn.ensemble import IsolationForest
from sklearn.metrics import roc_auc_score
from sklearn.mixture import GaussianMixture
from sklearn.neighbors import KernelDensity
from sklearn.preprocessing import StandardScaler

from skflow import NormalizingFlowDensity, NormalizingFlowOutlierDetector

SETS = "annthyroid_ad cover_ad shuttle_ad ionosphere_rnade breast_cancer digits".split()  # noqa: SIM905
MAX_ROWS = 20_000

MODELS = {
    "skflow": lambda X: NormalizingFlowOutlierDetector(random_state=0).fit(X),
    "skflow's density": lambda X: NormalizingFlowDensity(random_state=0).fit(X),
    "IsolationForest": lambda X: IsolationForest(random_state=0).fit(X),
    "GaussianMixture": lambda X: GaussianMixture(8, reg_covar=1e-4, random_state=0).fit(X),
    "KernelDensity": lambda X: KernelDensity(bandwidth=0.5).fit(X[:5000]),
}


def thinned(X, outlying, n_outliers):
    """X and its labels, with a random subset of the outliers."""
    some = np.random.default_rng(0).permutation(np.flatnonzero(outlying))[:n_outliers]
    kept = np.concatenate([np.flatnonzero(~outlying), some])
    return X[kept], outlying[kept]


def load(name, data):
    """Standardized X, and which of its rows are outliers."""
    if name == "breast_cancer":
        X, y = load_breast_cancer(return_X_y=True)
        X, outlying = thinned(X, y == 0, 36)
    elif name == "digits":
        X, y = load_digits(return_X_y=True)
        X, outlying = thinned(X, y == 0, 20)
        X = PCA(16, random_state=0).fit_transform(X)
    else:
        arrays = np.load(data / f"{name}.npz")
        X, outlying = arrays["X"], arrays["is_outlier"].astype(bool)
    order = np.random.default_rng(0).permutation(len(X))[:MAX_ROWS]
    X, outlying = X[order], outlying[order]
    return StandardScaler().fit_transform(X[:, X.std(0) > 0]), outlying


def measure(fit, X, outlying):
    """Fit a model and rank the samples."""
    start = time.perf_counter()
    auc = float(roc_auc_score(outlying, -fit(X).score_samples(X)))
    seconds = round(time.perf_counter() - start, 1)
    return {"n": len(X), "d": X.shape[1], "auc": auc, "seconds": seconds}


def main(arguments=None):
    args = option_parser(__doc__, sets=SETS, models=tuple(MODELS)).parse_args(arguments)
    use_one_thread()
    records = Records(args.out, "set", "model")
    for name in args.sets:
        X, outlying = load(name, args.data)
        for which in args.models:
            records.add(measure, MODELS[which], X, outlying, set=name, model=which)


if __name__ == "__main__":
    main()
