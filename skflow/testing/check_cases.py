"""Pairs of a check and the data it runs on."""

import warnings
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils import check_array

from skflow.testing.checks import DENSITY_CHECKS, FIT_CHECKS, SUBSET_CHECKS, Check, applies
from skflow.testing.estimator_interface import fit_clone, takes_holes
from skflow.testing.example_data import example_rows, with_holes


class CheckCase(NamedTuple):
    """One check on one data set."""

    name: str
    n_columns: int
    run: Callable[[Any], None]  # takes the estimator


def check_cases(estimator: Any, X: ArrayLike | None, seed: int) -> Iterator[CheckCase]:
    """All checks of an estimator, on X or on the three data sets of the suite.

    Checks that fit the estimator themselves run on the first data set only. Checks of holes and
    of subsets of columns are for several columns, and for estimators that have them.
    """
    _check_interface(estimator)
    if X is not None:
        data_sets = [check_array(X, dtype=np.float64, ensure_min_samples=20)]
    else:
        data_sets = [example_rows(d) for d in (2, 1, 3)]
    for i, rows in enumerate(data_sets):
        shared_fit = _SharedFit(rows, seed)
        fit_with_holes = _SharedFit(with_holes(rows, seed), seed)
        fits = [
            (DENSITY_CHECKS, shared_fit),
            (SUBSET_CHECKS, fit_with_holes if takes_holes(estimator) else shared_fit),
            (FIT_CHECKS if i == 0 else (), None),
        ]
        for checks, fit in fits:
            for check in checks:
                if applies(check, estimator, rows.shape[1]):
                    yield _case(check, rows, seed, fit)


class _SharedFit:
    """One fit for several checks that only read the fitted density."""

    def __init__(self, rows: np.ndarray, seed: int) -> None:
        self.rows, self.seed = rows, seed
        self.estimator = self.density = None

    def __call__(self, estimator: Any) -> Any:
        if self.estimator is not estimator:
            self.density = fit_clone(estimator, self.rows, self.seed)
            self.estimator = estimator
        return self.density


def _case(
    check: Check, rows: np.ndarray, seed: int, shared_fit: _SharedFit | None = None
) -> CheckCase:
    def run(estimator: Any) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            check(estimator if shared_fit is None else shared_fit(estimator), rows, seed)

    run.__name__ = check.__name__
    return CheckCase(check.__name__, rows.shape[1], run)


def _check_interface(estimator: Any) -> None:
    if isinstance(estimator, type):
        raise TypeError(f"{estimator.__name__} is a class: pass an instance of it.")
    for method in ("fit", "score_samples"):
        if not hasattr(estimator, method):
            raise TypeError(
                f"{estimator!r} has no {method}. A density estimator has fit(X) and "
                "score_samples(X), which returns log p of each row."
            )
