"""Which check runs on which rows."""

import warnings
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils import check_array

from skflow.testing.checks import DENSITY_CHECKS, FIT_CHECKS, Check
from skflow.testing.estimator_interface import fitted
from skflow.testing.example_data import example_rows


class Case(NamedTuple):
    """One check on one set of rows."""

    name: str
    n_columns: int
    run: Callable[[Any], None]  # given the estimator


def cases(estimator: Any, X: ArrayLike | None, seed: int) -> Iterator[Case]:
    """All checks of an estimator: of one table, or of the suite's own three."""
    _check_estimator(estimator)
    if X is not None:
        tables = [check_array(X, dtype=np.float64, ensure_min_samples=20)]
    else:
        tables = [example_rows(d) for d in (2, 1, 3)]
    for i, rows in enumerate(tables):
        fit = _Fit(rows, seed)
        for check in DENSITY_CHECKS:
            yield _case(check, rows, seed, fit)
        for check in FIT_CHECKS if i == 0 else ():
            yield _case(check, rows, seed)


class _Fit:
    """One fit for all checks that only look at it."""

    def __init__(self, rows: np.ndarray, seed: int) -> None:
        self.rows, self.seed = rows, seed
        self.estimator = self.density = None

    def __call__(self, estimator: Any) -> Any:
        if self.estimator is not estimator:
            self.density = fitted(estimator, self.rows, self.seed)
            self.estimator = estimator
        return self.density


def _case(check: Check, rows: np.ndarray, seed: int, fit: _Fit | None = None) -> Case:
    def run(estimator: Any) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            check(estimator if fit is None else fit(estimator), rows, seed)

    run.__name__ = check.__name__
    return Case(check.__name__, rows.shape[1], run)


def _check_estimator(estimator: Any) -> None:
    if isinstance(estimator, type):
        raise TypeError(f"{estimator.__name__} is a class: pass an instance of it.")
    for method in ("fit", "score_samples"):
        if not hasattr(estimator, method):
            raise TypeError(
                f"{estimator!r} has no {method}, and a density estimator is checked by "
                "fit(X) and score_samples(X), log p of each row."
            )
