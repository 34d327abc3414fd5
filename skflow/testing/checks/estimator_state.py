"""fit must not modify X or keep earlier state, and fitted state must survive pickling."""

import pickle
from typing import Any

import numpy as np

from skflow.testing.assertions import mean_abs_difference, require
from skflow.testing.declared_supports import declares_supports, with_one_more_column
from skflow.testing.estimator_interface import can_sample, draw_samples, fit_clone, log_p


def check_density_leaves_x_alone(estimator: Any, X: np.ndarray, seed: int = 0) -> None:
    """Neither fit nor score_samples modifies X."""
    rows = X.copy()
    density = fit_clone(estimator, X, seed)
    density.fit(rows)
    _require_unmodified("fit", rows, X)
    density.score_samples(rows)
    _require_unmodified("score_samples", rows, X)


def check_density_refit_forgets(estimator: Any, X: np.ndarray, seed: int = 0) -> None:
    """A fit after another fit, to more rows with more columns, equals a first fit."""
    refitted = _fitted_to_other_rows(estimator, X, seed)
    refitted.fit(X.copy())
    difference = mean_abs_difference(log_p(refitted, X), log_p(fit_clone(estimator, X, seed), X))
    require(
        difference == 0,
        f"a second fit differs from a first one by {difference:.3g} nats per sample",
        "the same log p",
        "statistics or weights that fit updates instead of replacing, or a generator stored on "
        "the estimator",
    )


def check_density_survives_pickle(density: Any, X: np.ndarray, seed: int = 0) -> None:
    """A fitted density has the same scores and the same samples after pickling."""
    loaded = pickle.loads(pickle.dumps(density))
    difference = mean_abs_difference(log_p(loaded, X), log_p(density, X))
    require(
        difference == 0,
        f"after pickling, log p differs by {difference:.3g} nats per sample",
        "the same log p",
        "fitted state that __getstate__ omits, or rounds to float32",
    )
    if can_sample(density):
        require(
            np.array_equal(draw_samples(loaded, 20, seed), draw_samples(density, 20, seed)),
            "after pickling, samples with the same seed differ",
            "the same samples",
            "fitted state that __getstate__ omits, or a seed that is ignored",
        )


def _fitted_to_other_rows(estimator: Any, X: np.ndarray, seed: int) -> Any:
    """A clone fitted to more rows with more columns, inside the supports that it declares."""
    rng = np.random.default_rng([seed, 8])
    other = 5 * rng.normal(size=(len(X) + 50, X.shape[1] + 1))
    if not declares_supports(estimator):
        return fit_clone(estimator, other, seed)
    other[:, :-1] = X[rng.integers(len(X), size=len(other))]
    fitted = fit_clone(with_one_more_column(estimator, X, seed=seed), other, seed)
    return fitted.set_params(support=estimator.get_params()["support"])


def _require_unmodified(method: str, rows: np.ndarray, X: np.ndarray) -> None:
    n_changed = int((rows != X).sum())
    require(
        n_changed == 0,
        f"{method} modified {n_changed} of {X.size} values of X",
        "unmodified X",
        "an in-place operation (X -= mean, copy=False) on the input",
    )
