"""Run the fits of a parameter search on the workers of a dask cluster.

    python examples/search_on_dask.py [ADDRESS]

ADDRESS is the address of a scheduler, such as tcp://10.0.0.1:8786. Without it, two local worker
processes are started. Requires `pip install distributed`.
"""

import sys
from itertools import chain

import joblib
from dask.distributed import Client
from sklearn.datasets import load_iris
from sklearn.model_selection import GridSearchCV, KFold

from skflow import NormalizingFlowDensity
from skflow.metrics import mean_log_likelihood


def search_on(client):
    X = load_iris().data
    folds = list(KFold(3, shuffle=True, random_state=0).split(X))
    search = GridSearchCV(
        NormalizingFlowDensity(effort="fast", random_state=0),
        {"flow": ["realnvp", "nsf_ar"]},
        scoring=mean_log_likelihood,
        cv=folds,
    )
    # scatter sends the data and the folds to every worker, so they survive the loss of a worker
    with joblib.parallel_config(backend="dask", scatter=[X, *chain(*folds)]):
        search.fit(X)
    print(f"{len(search.cv_results_['params']) * 3} fits on {len(client.ncores())} workers")
    for params, score in zip(
        search.cv_results_["params"], search.cv_results_["mean_test_score"], strict=True
    ):
        print(f"{score:8.2f} nats per sample: {params}")
    print(f"best: {search.best_params_}")


def main():
    if len(sys.argv) > 1:
        client = Client(sys.argv[1])
    else:
        client = Client(n_workers=2, threads_per_worker=1, host="127.0.0.1")
    with client:
        search_on(client)


if __name__ == "__main__":  # because worker processes import this file
    main()
