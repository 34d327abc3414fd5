"""A fit must not depend on units, on the order of rows, or on how weights are expressed."""

from typing import Any
from unittest import SkipTest

import numpy as np

from skflow.testing.assertions import mean_abs_difference, require
from skflow.testing.declared_supports import declares_supports, rescaled, with_supports
from skflow.testing.estimator_interface import fit_clone, has_parameter, log_p, takes_holes
from skflow.testing.example_data import with_holes
from skflow.testing.measure import Measure, is_plain

_UNITS_TOLERANCE = 0.05  # nats
_SAME_FIT_TOLERANCE = 1e-3  # nats


def check_density_scale_equivariance(estimator: Any, X: np.ndarray, seed: int = 0) -> None:
    """Fitted to a X + b, log p is lower by Σ log a: units of the columns do not matter.

    The sum is over the cells on a continuum, of rows with and without missing cells if the
    estimator takes NaN. Declared supports are rescaled with their columns, and angles are not
    rotated. Where an estimator has supports but no parameter `support`, only real columns
    without bounds and atoms are rescaled.
    """
    complete = X
    if takes_holes(estimator):
        X = with_holes(X, seed)
    fitted = fit_clone(estimator, X, seed)
    measure = Measure.of(fitted, X.shape[1])
    a = np.where(np.arange(X.shape[1]) % 2, 32.0, 1 / 8)
    b = np.where([support.kind == "circular" for support in measure.supports], 0.0, 10 * a)
    in_other_units = estimator
    if declares_supports(estimator):
        moved = [rescaled(s, *units) for s, *units in zip(measure.supports, a, b, strict=True)]
        in_other_units = with_supports(estimator, moved)
    else:
        plain = [is_plain(support) for support in measure.supports]
        a, b = np.where(plain, a, 1.0), np.where(plain, b, 0.0)
    if (a == 1).all():
        raise SkipTest("No column can be rescaled: the estimator has no parameter support.")
    scored = np.vstack([complete, X[np.isnan(X).any(axis=1)]])
    original = log_p(fitted, scored)
    change = measure.is_continuous(scored) @ np.log(a)
    scaled = log_p(fit_clone(in_other_units, a * X + b, seed), a * scored + b) + change
    difference = mean_abs_difference(scaled, original)
    require(
        difference <= _UNITS_TOLERANCE,
        f"scaling the columns by 1/8 and 32 in turn changes log p by {difference:.3g} nats per "
        "sample in addition to the change of units (mean absolute difference; the mean is "
        f"{np.mean(scaled - original):+.3g})",
        f"at most {_UNITS_TOLERANCE} nats",
        "a bandwidth or regularization in fixed units (scale the columns, and include the "
        "log-determinant), or a scaling without its log-determinant",
    )


def check_density_fit_order(estimator: Any, X: np.ndarray, seed: int = 0) -> None:
    """The order of the rows does not change the fit."""
    order = np.random.default_rng([seed, 6]).permutation(len(X))
    difference = mean_abs_difference(
        log_p(fit_clone(estimator, X[order], seed), X), log_p(fit_clone(estimator, X, seed), X)
    )
    require(
        difference <= _SAME_FIT_TOLERANCE,
        f"shuffling the rows changes log p by {difference:.3g} nats per sample",
        f"at most {_SAME_FIT_TOLERANCE} nats",
        "folds, batches or initial values that depend on the position of rows",
    )


def check_density_weights_repeat(estimator: Any, X: np.ndarray, seed: int = 0) -> None:
    """A weight of 3 is equivalent to repeating a row three times, and 0 to removing it."""
    if not has_parameter(estimator.fit, "sample_weight"):
        raise SkipTest(f"{type(estimator).__name__}.fit has no parameter sample_weight.")
    weights = np.random.default_rng([seed, 7]).integers(0, 4, len(X))
    weighted = fit_clone(estimator, X, seed, sample_weight=weights.astype(float))
    repeated = fit_clone(estimator, np.repeat(X, weights, axis=0), seed)
    difference = mean_abs_difference(log_p(weighted, X), log_p(repeated, X))
    require(
        difference <= _SAME_FIT_TOLERANCE,
        f"log p of a weighted fit differs from that of a fit to repeated rows by "
        f"{difference:.3g} nats per sample",
        f"at most {_SAME_FIT_TOLERANCE} nats",
        "sample_weight ignored in a part of the fit (scaling, folds, initial values), or random "
        "numbers assigned by the position of rows",
    )
