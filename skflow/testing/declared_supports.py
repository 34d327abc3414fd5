"""Estimators whose parameter `support` declares the values of columns: for other columns."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from sklearn.base import clone

from skflow.data.support import Support
from skflow.testing.estimator_interface import fit_clone
from skflow.testing.measure import Measure


def declares_supports(estimator: Any) -> bool:
    """Whether an estimator has a parameter `support`, and a value for it."""
    return hasattr(estimator, "get_params") and estimator.get_params().get("support") is not None


def with_supports(estimator: Any, supports: Sequence[Any]) -> Any:
    """A clone that declares a support for each column."""
    return clone(estimator).set_params(support=list(supports))


def with_one_more_column(
    estimator: Any, X: np.ndarray, like: int | None = None, seed: int = 0
) -> Any:
    """An estimator of rows with one column more than X, with the support of another column.

    The additional column is of real numbers if it is like no column. An estimator that declares
    no supports is returned as it is.
    """
    if not declares_supports(estimator):
        return estimator
    supports = Measure.of(fit_clone(estimator, X, seed), X.shape[1]).supports
    added = Support() if like is None else supports[like]
    return with_supports(estimator, (*supports, added))


def rescaled(support: Any, a: float, b: float) -> Any:
    """The support of a x + b, where x has a given support."""
    is_lattice = support.kind == "lattice"
    moved = {
        "low": _moved(support.low, a, b),
        "high": _moved(support.high, a, b),
        "atoms": tuple(a * atom + b for atom in support.atoms),
        "step": None if support.step is None else a * support.step,
        "origin": a * support.lattice.origin + b if is_lattice else None,
        "period": None if support.period is None else a * support.period,
        "levels": support.levels and tuple(a * level + b for level in support.levels),
    }
    return replace(support, **moved)


def _moved(end: float | None, a: float, b: float) -> float | None:
    return None if end is None else a * end + b
