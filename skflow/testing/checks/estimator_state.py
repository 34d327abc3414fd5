"""What a fit may not leave behind, or lose."""

import pickle
from typing import Any

import numpy as np

from skflow.testing.assertions import mean_gap, require
from skflow.testing.estimator_interface import can_sample, draw, fitted, log_p


def check_density_leaves_x_alone(estimator: Any, X: np.ndarray, seed: int = 0) -> None:
    """Neither fit nor score_samples writes into X."""
    rows = X.copy()
    density = fitted(estimator, X, seed)
    density.fit(rows)
    _require_untouched("fit", rows, X)
    density.score_samples(rows)
    _require_untouched("score_samples", rows, X)


def check_density_refit_forgets(estimator: Any, X: np.ndarray, seed: int = 0) -> None:
    """A fit after another fit, to more rows of more columns, is as a first fit."""
    rng = np.random.default_rng([seed, 8])
    other = 5 * rng.normal(size=(len(X) + 50, X.shape[1] + 1))
    again = fitted(estimator, other, seed)
    again.fit(X.copy())
    gap = mean_gap(log_p(again, X), log_p(fitted(estimator, X, seed), X))
    require(
        gap == 0,
        f"a second fit differs from a first one by {gap:.3g} nats a row",
        "the same log p",
        "statistics or weights that fit updates instead of replacing, or a generator that is "
        "kept on the estimator",
    )


def check_density_survives_pickle(density: Any, X: np.ndarray, seed: int = 0) -> None:
    """A fitted density that was pickled has the same scores, and the same draws."""
    loaded = pickle.loads(pickle.dumps(density))
    gap = mean_gap(log_p(loaded, X), log_p(density, X))
    require(
        gap == 0,
        f"after pickling, log p differs by {gap:.3g} nats a row",
        "the same log p",
        "fitted state that __getstate__ leaves out, or rounds to float32",
    )
    if can_sample(density):
        require(
            np.array_equal(draw(loaded, 20, seed), draw(density, 20, seed)),
            "after pickling, draws with the same seed differ",
            "the same draws",
            "fitted state that __getstate__ leaves out, or a seed that is ignored",
        )


def _require_untouched(method: str, rows: np.ndarray, X: np.ndarray) -> None:
    changed = int((rows != X).sum())
    require(
        changed == 0,
        f"{method} changed {changed} of {X.size} values of X",
        "X as it was",
        "an operation in place (X -= mean, copy=False) on the user's array",
    )
