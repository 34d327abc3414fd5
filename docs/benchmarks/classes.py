"""Accuracy, log-loss and calibration error of the classifier, compared to GaussianNB and QDA.

    OMP_NUM_THREADS=1 python docs/benchmarks/classes.py DATA --out FILE

Thirty random splits, 80 % to fit; three splits of at most 6,000 rows if there are 2,000 or more.
QDA is fitted to standardized columns, with the smallest `reg_param` of 0, 1e-4, 1e-3 and 1e-2
that it accepts.
"""

import time

import numpy as np
import sklearn.datasets
from records import Records, option_parser, use_one_thread
from sklearn.decomposition import PCA
from sklearn.discriminant_analysis import QuadraticDiscriminantAnalysis
from sklearn.metrics import log_loss
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skflow import NormalizingFlowClassifier

SETS = ("wine", "iris", "breast_cancer", "digits", "ionosphere_rnade", "sdss_photometry")
N_SPLITS, N_SPLITS_OF_MANY_ROWS = 30, 3
MANY_ROWS, MAX_ROWS = 2000, 6000


def qda(X, y):
    for strength in (0, 1e-4, 1e-3, 1e-2):
        model = QuadraticDiscriminantAnalysis(reg_param=strength)
        try:
            return make_pipeline(StandardScaler(), model).fit(X, y)
        except np.linalg.LinAlgError:
            continue
    raise ValueError("QDA fails with every reg_param")


MODELS = {
    "skflow": lambda X, y: NormalizingFlowClassifier(random_state=0).fit(X, y),
    "skflow fast": lambda X, y: NormalizingFlowClassifier(effort="fast", random_state=0).fit(X, y),
    "GaussianNB": lambda X, y: GaussianNB().fit(X, y),
    "QDA": qda,
}


def load(name, data):
    """X and y of a data set."""
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


def splits(X, y):
    """Seed, and training and test samples of each split, without constant columns."""
    for seed in range(N_SPLITS if len(X) < MANY_ROWS else N_SPLITS_OF_MANY_ROWS):
        order = np.random.default_rng(seed).permutation(len(X))[:MAX_ROWS]
        train, test = np.split(order, [len(order) * 4 // 5])
        varies = X[train].std(0) > 0
        yield seed, (X[train][:, varies], y[train], X[test][:, varies], y[test])


def measure(fit, X, y, X_test, y_test):
    """Fit and score a classifier."""
    start = time.perf_counter()
    model = fit(X, y)
    probabilities = model.predict_proba(X_test)
    hit = model.classes_[probabilities.argmax(1)] == y_test
    return {
        "n": len(X),
        "d": X.shape[1],
        "accuracy": float(hit.mean()),
        "log_loss": float(log_loss(y_test, probabilities, labels=model.classes_)),
        "calibration_error": float(calibration_error(probabilities, hit)),
        "seconds": round(time.perf_counter() - start, 1),
    }


def main(arguments=None):
    parser = option_parser(__doc__, sets=SETS, models=tuple(MODELS))
    args = parser.parse_args(arguments)
    use_one_thread()
    records = Records(args.out, "set", "model", "seed")
    for name in args.sets:
        for seed, rows in splits(*load(name, args.data)):
            for which in args.models:
                records.add(measure, MODELS[which], *rows, set=name, model=which, seed=seed)


if __name__ == "__main__":
    main()
