"""Shares of single integers, as fitted and in the samples, and what declared bounds cost.

    OMP_NUM_THREADS=1 python docs/benchmarks/whole_numbers.py DATA --out FILE

A flag is 1 in a given share of n samples. Its fitted share is that of a density of one column, or
the mean prediction of a regressor from three columns of noise. It has to be within 3 standard
errors of the share in the samples; where there are fewer than 5 ones, this must be a count that
has a probability of at least 0.3 % under the fitted share. Of counts with more values, the worst
error is given in standard errors, and the Kullback-Leibler divergence of the fitted distribution
from the true one in nats. Bounded counts, flags and ratings are scored on held-out samples, with
and without their bounds. DATA is not read.
"""

import time

import numpy as np
from records import Records, option_parser, use_one_thread
from scipy import stats

from skflow import NormalizingFlowDensity, NormalizingFlowRegressor

SIZES = (200, 2000, 20_000)
SHARES = (0.002, 0.01, 0.05, 0.2, 0.5)
SUPPORTS = {"integer": "integer", "bounded": ("integer", 0, 1)}
N_COUNTS = (300, 3000)
N_TEST = 4000
COUNTS = {
    "Poisson 0.3": stats.poisson(0.3),
    "Poisson 5": stats.poisson(5),
    "geometric 0.3": stats.geom(0.3, loc=-1),
    "ratings 1-5": stats.rv_discrete(values=(np.arange(1, 6), [0.05, 0.1, 0.2, 0.4, 0.25])),
    "70 % zeros, Poisson 8": stats.rv_discrete(
        values=(np.arange(40), 0.7 * (np.arange(40) == 0) + 0.3 * stats.poisson(8).pmf(range(40)))
    ),
}
TABLES = (
    *("1 flag", "5 flags", "1 rating", "4 ratings"),
    *("successes of 20", "successes of 20, twice"),
)
N_TABLE = 1500


def main(arguments=None):
    args = option_parser(__doc__, efforts=("fast", "full"), seeds=(0,)).parse_args(arguments)
    use_one_thread()
    records = Records(args.out, "what", "effort", "seed", "n", "share", "support", "name")
    for effort in args.efforts:
        for seed in args.seeds:
            labels = {"effort": effort, "seed": seed}
            for n in SIZES:
                add_flags(records, labels | {"n": n})
            for n in N_COUNTS:
                for name, truth in COUNTS.items():
                    labels_of = labels | {"n": n, "share": None, "support": None, "name": name}
                    records.add(counts, truth, n, effort, seed, what="counts", **labels_of)
            all_tables = tables(np.random.default_rng(seed))
            for name in TABLES:
                rows, low, high = all_tables[name]
                labels_of = labels | {"n": N_TABLE, "share": None, "support": None, "name": name}
                records.add(bounds, rows, low, high, effort, what="bounds", **labels_of)


def add_flags(records, labels):
    """All shares of a flag at one sample size."""
    for share in SHARES:
        for name, support in SUPPORTS.items():
            for measure in (flag, target):
                records.add(
                    measure,
                    *(labels["n"], share, support, labels["effort"], labels["seed"]),
                    what=measure.__name__,
                    **labels | {"share": share, "support": name, "name": None},
                )


def ones(n, share, rng):
    """A flag, n values."""
    return (rng.random(n) < share).astype(float)


def flag(n, share, support, effort, seed):
    """The share of ones under a density of one column."""
    x = ones(n, share, np.random.default_rng(seed))[:, None]
    start = time.perf_counter()
    model = NormalizingFlowDensity(effort=effort, random_state=seed, support=support).fit(x)
    seconds = time.perf_counter() - start
    fitted = np.exp(model.score_samples([[0.0], [1.0]]))
    return verdict(int(x.sum()), n, fitted[1]) | {
        "total": float(fitted.sum()),
        "fit_s": round(seconds, 2),
    }


def target(n, share, support, effort, seed):
    """The mean prediction of a regressor whose columns are noise."""
    rng = np.random.default_rng(seed)
    y, X = ones(n, share, rng), rng.normal(size=(n, 3))
    start = time.perf_counter()
    model = NormalizingFlowRegressor(effort=effort, random_state=seed, support=support).fit(X, y)
    seconds = time.perf_counter() - start
    fitted = float(model.predict(X).mean())
    return verdict(int(y.sum()), n, fitted) | {"fit_s": round(seconds, 2)}


def verdict(count, n, fitted):
    """The fitted share beside that of the samples, and whether they agree."""
    observed = count / n
    record = {"observed": observed, "fitted": float(fitted)}
    if count >= 5:
        error = (fitted - observed) / np.sqrt(observed * (1 - observed) / n)
        return record | {"errors": float(error), "right": bool(abs(error) <= 3)}
    tails = stats.binom(n, fitted).cdf(count), stats.binom(n, fitted).sf(count - 1)
    return record | {"errors": None, "right": bool(min(tails) >= 0.0015)}


def counts(truth, n, effort, seed):
    """The worst error of a value that 5 samples have, and the divergence from the truth."""
    x = truth.rvs(size=(n, 1), random_state=seed).astype(float)
    model = NormalizingFlowDensity(effort=effort, random_state=seed, support="integer").fit(x)
    values, seen = np.unique(x, return_counts=True)
    observed, fitted = seen / n, np.exp(model.score_samples(values[:, None]))
    errors = (fitted - observed) / np.sqrt(observed * (1 - observed) / n)
    k = np.arange(200)
    k = k[truth.pmf(k) > 0]
    divergence = truth.pmf(k) @ (truth.logpmf(k) - model.score_samples(k[:, None].astype(float)))
    of_frequent = errors[seen >= 5]
    return {"errors": float(np.abs(of_frequent).max()), "kl": float(divergence)}


def tables(rng):
    """Tables of integers with bounds: name to rows, lowest and highest value."""
    n, shared = N_TABLE + N_TEST, rng.normal(size=(N_TABLE + N_TEST, 1))
    flags = shared + rng.normal(size=(n, 5)) > np.array([-1.0, 0.0, 1.5, 2.0, 3.0])
    ratings = np.clip(np.round(3.4 + shared + 0.7 * rng.normal(size=(n, 4))), 1, 5)
    successes = rng.binomial(20, 1 / (1 + np.exp(2.5 - shared)), size=(n, 1))
    return {
        "1 flag": (flags[:, 2:3].astype(float), 0, 1),
        "5 flags": (flags.astype(float), 0, 1),
        "1 rating": (ratings[:, :1], 1, 5),
        "4 ratings": (ratings, 1, 5),
        "successes of 20": (successes.astype(float), 0, 20),
        "successes of 20, twice": (
            np.hstack([successes, rng.binomial(20, 1 / (1 + np.exp(2.5 - shared)))]).astype(float),
            *(0, 20),
        ),
    }


def bounds(rows, low, high, effort):
    """Held-out log-likelihood with and without bounds, and their paired difference."""
    train, test = rows[:N_TABLE], rows[N_TABLE:]
    supports = {"integer": "integer", "bounded": ("integer", low, high)}
    scores = {
        name: NormalizingFlowDensity(effort=effort, random_state=0, support=support)
        .fit(train)
        .score_samples(test)
        for name, support in supports.items()
    }
    gain = scores["bounded"] - scores["integer"]
    record = {name: float(score.mean()) for name, score in scores.items()}
    return record | {"gain": float(gain.mean()), "se": float(gain.std() / np.sqrt(len(gain)))}


if __name__ == "__main__":
    main()
