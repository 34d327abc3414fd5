"""Held-out log-likelihood of p(y | X), and the coverage of its intervals, beside its peers.

    OMP_NUM_THREADS=1 python docs/benchmarks/conditional.py DATA --out FILE

A set is NAME, whose file has a y, or NAME:J, whose column J is y. Three splits, 80 to 20; the
peers are a linear and a boosted mean with Gaussian residuals, NGBoost, and for 1,000 rows at
most a Gaussian process. The last set has a density that is known: `kl` is from the truth.
"""

import argparse
import time
import warnings
from pathlib import Path

import numpy as np
import torch
from quality import append, read
from scipy.stats import norm
from sklearn.datasets import load_diabetes
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, ConstantKernel, WhiteKernel
from sklearn.linear_model import RidgeCV
from sklearn.model_selection import cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from tables import synthetic

from skflow import NormalizingFlowRegressor

SETS = """
    diabetes concrete boston_rnade:9 protein gas_sensor_128 sdss_photometry:5 power_head_maf:0
""".split()  # noqa: SIM905
MOST_ROWS = 10_000
MOST_FOR_GP = 1000


def skflow(X, y, T, t, effort="full"):
    model = NormalizingFlowRegressor(effort=effort, random_state=0).fit(X, y)
    low, high = model.predict_interval(T, coverage=0.9).T
    return model.log_prob(T, t), (t >= low) & (t <= high)


def fast(X, y, T, t):
    return skflow(X, y, T, t, effort="fast")


def normal(t, mean, sd):
    return norm.logpdf(t, mean, sd), np.abs(t - mean) < norm.ppf(0.95) * sd


def with_residuals(model):
    """A mean, and one standard deviation of its cross-validated errors for all rows."""

    def fit(X, y, T, t):
        sd = np.sqrt(np.mean((y - cross_val_predict(model, X, y, cv=5)) ** 2))
        return normal(t, model.fit(X, y).predict(T), sd)

    return fit


def ngboost(X, y, T, t):
    from ngboost import NGBRegressor

    k = len(X) * 4 // 5
    model = NGBRegressor(n_estimators=2000, learning_rate=0.01, verbose=False, random_state=0)
    model.fit(X[:k], y[:k], X_val=X[k:], Y_val=y[k:], early_stopping_rounds=50)
    forecast = model.pred_dist(T, max_iter=model.best_val_loss_itr)
    return normal(t, forecast.loc, forecast.scale)


def gaussian_process(X, y, T, t):
    if len(X) > MOST_FOR_GP:
        raise ValueError(f"more than {MOST_FOR_GP} rows")
    kernel = ConstantKernel() * RBF(np.ones(X.shape[1])) + WhiteKernel()
    scaler = StandardScaler().fit(X)
    model = GaussianProcessRegressor(kernel, normalize_y=True, random_state=0)
    model.fit(scaler.transform(X), y)
    return normal(t, *model.predict(scaler.transform(T), return_std=True))


MODELS = {
    "skflow": skflow,
    "skflow fast": fast,
    "linear": with_residuals(make_pipeline(StandardScaler(), RidgeCV())),
    "boosted": with_residuals(HistGradientBoostingRegressor(random_state=0)),
    "NGBoost": ngboost,
    "GP": gaussian_process,
}


def load(name, data):
    if name == "diabetes":
        return load_diabetes(return_X_y=True)
    file, _, column = name.partition(":")
    arrays = np.load(data / f"{file}.npz")
    if column:
        return np.delete(arrays["X"], int(column), axis=1), arrays["X"][:, int(column)]
    return arrays["X"], arrays["y"].reshape(len(arrays["X"]), -1)[:, 0]


def splits(name, data):
    X, y = load(name, data)
    for seed in range(3):
        order = np.random.default_rng(seed).permutation(len(X))[:MOST_ROWS]
        k = len(order) * 4 // 5
        yield seed, (X[order[:k]], y[order[:k]], X[order[k:]], y[order[k:]])


def measure(fit, rows):
    start = time.perf_counter()
    try:
        scores, covered = fit(*rows)
    except Exception as error:  # a peer's failure is a result
        return {"error": f"{type(error).__name__}: {error}"[:200]}
    return {
        "n": len(rows[0]),
        "d": rows[0].shape[1],
        "ll": float(np.mean(scores)),
        "se": float(np.std(scores) / np.sqrt(len(scores))),
        "worst": float(np.min(scores)),
        "coverage": float(np.mean(covered)),
        "seconds": round(time.perf_counter() - start, 1),
    }


def known(data):
    """Conditional densities whose truth is known: name, and rows with the log of their truth."""
    for name, truth in synthetic(data).items():
        if truth.conditional:
            (x, y), (t, s) = truth.sample(5000, 2), truth.sample(5000, 1)
            yield name, (y, x, s, t), truth.log_prob(t, s)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--sets", default=",".join(SETS))
    parser.add_argument("--models", default=",".join(MODELS))
    args = parser.parse_args()
    torch.set_num_threads(1)
    warnings.filterwarnings("ignore")
    done = {(r["set"], r["model"], r["seed"]) for r in read(args.out)}
    for name in args.sets.split(","):
        for seed, rows in splits(name, args.data):
            for which in args.models.split(","):
                if (name, which, seed) not in done:
                    record = {"set": name, "model": which, "seed": seed}
                    append(args.out, record | measure(MODELS[which], rows))
    for name, (y, x, s, t), log_p in known(args.data):
        if (name, "skflow", 0) not in done:
            model = NormalizingFlowRegressor(random_state=0).fit(y, x)
            gaps = log_p - model.log_prob(s, t)
            record = {"set": name, "model": "skflow", "seed": 0, "n": len(x)}
            error = float(gaps.std() / np.sqrt(len(gaps)))
            append(args.out, record | {"kl": float(gaps.mean()), "se": error})


if __name__ == "__main__":
    main()
