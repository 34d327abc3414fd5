"""Densities of some of the columns must agree with the joint density of all."""

from typing import Any
from unittest import SkipTest

import numpy as np

from skflow.testing.assertions import require
from skflow.testing.column_integral import ColumnIntegral, integral_over_column
from skflow.testing.estimator_interface import log_p, takes_holes
from skflow.testing.measure import Measure

_TOLERANCE = 0.1  # nats, in the mean: any-order networks agree only as closely as they are trained
_MAX_ERROR = 0.05  # nats, of an integral
_N_INTEGRALS, _N_CONDITIONS = 20, 8  # rows, for each column or subset
_MAX_COLUMNS = 4


def check_density_marginals_are_integrals(density: Any, X: np.ndarray, seed: int = 0) -> None:
    """Without a column, log p is the logarithm of the integral over it, within 0.1 nats.

    The column is NaN, or left out by `marginal` if NaN is not allowed. The tolerance holds for
    the mean absolute difference over rows of X, for each column, in addition to the numerical
    error of the integral; rows in which this is above 0.05 nats are left out.
    """
    if not takes_holes(density):
        _skip_without_subsets(density)
    measure = Measure.of(density, X.shape[1])
    for j in range(min(X.shape[1], _MAX_COLUMNS)):
        rows = _rows_with_a_number(X, measure, j, seed)
        found = _without(density, rows, j)
        integral = integral_over_column(density, rows, j, measure.supports[j])
        _require_integral(found, integral, j)


def _require_integral(found: np.ndarray, integral: ColumnIntegral, j: int) -> None:
    known = integral.error <= _MAX_ERROR
    if known.sum() < len(known) / 4:
        raise SkipTest(f"The integral over column {j} is too uncertain: p has sharp peaks in it.")
    difference = float(np.abs(found - integral.value)[known].mean())
    error = float(integral.error[known].mean())
    require(
        difference <= _TOLERANCE + error,
        f"log p without column {j} differs from log ∫ p over it by {difference:.3g} ± {error:.1g} "
        f"nats per sample (mean absolute difference of {known.sum()} rows)",
        f"at most {_TOLERANCE} nats and that error",
        "missing cells replaced by a value, a density of the other columns that was learned "
        "apart, or atoms that were integrated over",
    )


def _without(density: Any, rows: np.ndarray, j: int) -> np.ndarray:
    """log p of rows without a column."""
    if takes_holes(density):
        with_hole = rows.copy()
        with_hole[:, j] = np.nan
        return log_p(density, with_hole)
    others = np.delete(np.arange(rows.shape[1]), j)
    return log_p(density.marginal(_labels(density, others)), rows[:, others])


def check_density_conditionals_times_marginals(density: Any, X: np.ndarray, seed: int = 0) -> None:
    """p(x) = p(x_B) p(x_A | x_B) for halves A and B of the columns, within 0.1 nats.

    The factors are ``marginal([...])`` and ``condition({...})``, whose columns are those that
    are not given, in their order. The tolerance holds for the mean absolute difference over
    rows of X.
    """
    d = X.shape[1]
    _skip_without_subsets(density)
    rows = _sample(X, _N_CONDITIONS, seed)
    joint = log_p(density, rows)
    for given in (np.arange(d)[: d // 2], np.arange(d)[::-1][: (d + 1) // 2]):
        product = _factorized(density, rows, given)
        difference = float(np.nan_to_num(np.abs(product - joint), nan=np.inf).mean())
        require(
            difference <= _TOLERANCE,
            f"log p(B) + log p(A given B) differs from log p(A, B) by {difference:.3g} nats per "
            f"sample for B = columns {', '.join(map(str, given))} (mean absolute difference)",
            f"at most {_TOLERANCE} nats",
            "a conditional variance without what the given columns explain, a conditional that is "
            "not normalized, or columns of a subset in another order than asked for",
        )


def _factorized(density: Any, rows: np.ndarray, given: np.ndarray) -> np.ndarray:
    """log p(x_B) + log p(x_A | x_B) of rows, for given columns B."""
    others = np.setdiff1d(np.arange(rows.shape[1]), given)
    labels = _labels(density, given)
    of_given = log_p(density.marginal(labels), rows[:, given])
    of_others = [
        log_p(density.condition(dict(zip(labels, row[given], strict=True))), row[None, others])
        for row in rows
    ]
    return np.asarray(of_given + np.concatenate(of_others))


def _skip_without_subsets(density: Any) -> None:
    """Skip a check of an estimator whose methods say that its model has no marginals."""
    try:
        density.marginal(_labels(density, np.arange(1)))
    except (NotImplementedError, AttributeError) as error:
        raise SkipTest(str(error)) from error
    except ValueError as error:
        if takes_holes(density):
            raise
        raise SkipTest(str(error)) from error


def _labels(density: Any, columns: np.ndarray) -> list[Any]:
    """Names of columns, or their numbers if the estimator has seen no names."""
    names = getattr(density, "feature_names_in_", None)
    return [int(j) if names is None else names[j] for j in columns]


def _rows_with_a_number(X: np.ndarray, measure: Measure, j: int, seed: int) -> np.ndarray:
    """Some rows of X whose cell in column j is on its continuum, if there are any."""
    on_continuum = measure.is_continuous(X)[:, j]
    return _sample(X[on_continuum] if on_continuum.any() else X, _N_INTEGRALS, seed)


def _sample(rows: np.ndarray, n: int, seed: int) -> np.ndarray:
    return rows[np.random.default_rng([seed, 11]).permutation(len(rows))[:n]]
