"""Held-out log-likelihood of p(y | X) and coverage of its intervals, compared to peers.

    OMP_NUM_THREADS=1 python docs/benchmarks/conditional.py DATA --out FILE

A data set is NAME, whose file has a y, or NAME:J, whose column J is y. Three random splits,
80 % to fit. The peers are a linear and a boosted mean with Gaussian residuals, NGBoost, and for
at most 1,000 rows a Gaussian process. The last density is known: `kl` is the divergence from it.
"""

import time

import numpy as np
from records import Records, option_parser, use_one_thread
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
N_SPLITS, MAX_ROWS = 3, 10_000
MAX_ROWS_OF_GP = 1000
N_KNOWN = 5000  # samples from the known densities, to fit and to score

# Models are functions of X, y, X_test and y_test that return, for each test sample, its
# log-likelihood and whether y_test lies in the central interval of 90 %.


def skflow(X, y, X_test, y_test, effort="full"):
    model = NormalizingFlowRegressor(effort=effort, random_state=0).fit(X, y)
    low, high = model.predict_interval(X_test, coverage=0.9).T
    return model.log_prob(X_test, y_test), (y_test >= low) & (y_test <= high)


def fast(X, y, X_test, y_test):
    return skflow(X, y, X_test, y_test, effort="fast")


def normal(y_test, mean, sd):
    return norm.logpdf(y_test, mean, sd), np.abs(y_test - mean) < norm.ppf(0.95) * sd


def with_residuals(model):
    """A mean, and the standard deviation of its cross-validated errors for all samples."""

    def fit(X, y, X_test, y_test):
        sd = np.sqrt(np.mean((y - cross_val_predict(model, X, y, cv=5)) ** 2))
        return normal(y_test, model.fit(X, y).predict(X_test), sd)

    return fit


def ngboost(X, y, X_test, y_test):
    from ngboost import NGBRegressor

    k = len(X) * 4 // 5
    model = NGBRegressor(n_estimators=2000, learning_rate=0.01, verbose=False, random_state=0)
    model.fit(X[:k], y[:k], X_val=X[k:], Y_val=y[k:], early_stopping_rounds=50)
    forecast = model.pred_dist(X_test, max_iter=model.best_val_loss_itr)
    return normal(y_test, forecast.loc, forecast.scale)


def gaussian_process(X, y, X_test, y_test):
    if len(X) > MAX_ROWS_OF_GP:
        raise ValueError(f"more than {MAX_ROWS_OF_GP} rows")
    kernel = ConstantKernel() * RBF(np.ones(X.shape[1])) + WhiteKernel()
    scaler = StandardScaler().fit(X)
    model = GaussianProcessRegressor(kernel, normalize_y=True, random_state=0)
    model.fit(scaler.transform(X), y)
    return normal(y_test, *model.predict(scaler.transform(X_test), return_std=True))


MODELS = {
    "skflow": skflow,
    "skflow fast": fast,
    "linear": with_residuals(make_pipeline(StandardScaler(), RidgeCV())),
    "boosted": with_residuals(HistGradientBoostingRegressor(random_state=0)),
    "NGBoost": ngboost,
    "GP": gaussian_process,
}


def load(name, data):
    """X and y of a data set."""
    if name == "diabetes":
        return load_diabetes(return_X_y=True)
    file, _, column = name.partition(":")
    arrays = np.load(data / f"{file}.npz")
    if column:
        return np.delete(arrays["X"], int(column), axis=1), arrays["X"][:, int(column)]
    return arrays["X"], arrays["y"].reshape(len(arrays["X"]), -1)[:, 0]


def splits(X, y):
    """Seed, and training and test samples of each split."""
    for seed in range(N_SPLITS):
        order = np.random.default_rng(seed).permutation(len(X))[:MAX_ROWS]
        k = len(order) * 4 // 5
        yield seed, (X[order[:k]], y[order[:k]], X[order[k:]], y[order[k:]])


def measure(fit, *rows):
    """Fit and score a model; the log-likelihoods are in nats per sample."""
    start = time.perf_counter()
    try:
        scores, covered = fit(*rows)
    except Exception as error:  # the failure of a peer is a result
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
    """Name, density, and training and test samples of each known conditional density."""
    for name, truth in synthetic(data).items():
        if truth.conditional:
            (y, X), (y_test, X_test) = truth.sample(N_KNOWN, 2), truth.sample(N_KNOWN, 1)
            yield name, truth, (X, y, X_test, y_test)


def measure_divergence(truth, X, y, X_test, y_test):
    """KL(p ‖ q) in nats of a fit from the known density, and its standard error."""
    model = NormalizingFlowRegressor(random_state=0).fit(X, y)
    log_ratio = truth.log_prob(y_test, X_test) - model.log_prob(X_test, y_test)
    error = float(log_ratio.std() / np.sqrt(len(log_ratio)))
    return {"n": len(X), "kl": float(log_ratio.mean()), "se": error}


def main(arguments=None):
    args = option_parser(__doc__, sets=SETS, models=tuple(MODELS)).parse_args(arguments)
    use_one_thread()
    records = Records(args.out, "set", "model", "seed")
    for name in args.sets:
        for seed, rows in splits(*load(name, args.data)):
            for which in args.models:
                records.add(measure, MODELS[which], *rows, set=name, model=which, seed=seed)
    for name, truth, rows in known(args.data):
        records.add(measure_divergence, truth, *rows, set=name, model="skflow", seed=0)


if __name__ == "__main__":
    main()
