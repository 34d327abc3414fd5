"""Which rows a fitted transformer can map: a logarithm takes no negative numbers."""

from copy import deepcopy
from functools import singledispatch
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.preprocessing import PowerTransformer
from sklearn.utils import _safe_indexing

from skflow.compose.checks import checked_rows


@singledispatch
def in_domain(transformer: Any, X: ArrayLike) -> np.ndarray:
    """Whether each row is mapped to finite numbers, (n,)."""
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        mapped = transformer.transform(deepcopy(X))  # with copy=False it writes into X
    return np.asarray(np.isfinite(np.asarray(mapped, dtype=float)).all(axis=1))


@in_domain.register
def _power(transformer: PowerTransformer, X: ArrayLike) -> np.ndarray:
    rows = checked_rows(transformer, X)
    inside = np.full(len(rows), True)
    if transformer.method == "box-cox":  # which raises where they are not positive
        inside = (rows > 0).all(axis=1)
    if inside.any():  # far out, powers overflow
        inside[inside] = in_domain.dispatch(object)(transformer, _safe_indexing(X, inside))
    return inside
