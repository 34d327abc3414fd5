"""Divergence of a fit from a known density: KL(p ‖ q) in nats.

    OMP_NUM_THREADS=1 python docs/benchmarks/divergence.py DATA --out FILE

The mean of log p − log q over 20,000 new samples from p.
"""

import numpy as np
from models import model
from records import Records, option_parser, use_one_thread
from tables import synthetic

MODELS = ("skflow", "skflow fast", "GMM", "KDE")
SIZES = (1000, 5000, 20_000)
N_TEST = 20_000


def main(arguments=None):
    args = option_parser(__doc__, models=MODELS).parse_args(arguments)
    use_one_thread()
    records = Records(args.out, "set", "model", "n")
    for name, truth in synthetic(args.data).items():
        if truth.conditional:
            continue
        test = sample(truth, N_TEST, seed=1)
        for n in SIZES:
            train = sample(truth, n, seed=2)
            for which in args.models:
                records.add(measure, which, train, truth, test, set=name, model=which, n=n)


def sample(truth, n, seed):
    """Samples (n, d) from a density."""
    return np.asarray(truth.sample(n, seed)).reshape(n, truth.d)


def measure(name, train, truth, test):
    """The divergence of a model fitted to `train`, and its standard error over `test`."""
    log_ratio = truth.log_prob(test) - model(name).fit(train).score_samples(test)
    error = float(log_ratio.std() / np.sqrt(len(test)))
    return {"d": truth.d, "kl": float(log_ratio.mean()), "se": error}


if __name__ == "__main__":
    main()
