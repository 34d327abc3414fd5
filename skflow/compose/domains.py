"""Which rows a fitted transformer can map: a logarithm takes no negative numbers."""

from copy import deepcopy
from functools import singledispatch
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import boxcox
from scipy.stats import yeojohnson
from sklearn.preprocessing import PowerTransformer

from skflow.compose.transformer_checks import checked_rows


@singledispatch
def in_domain(transformer: Any, X: ArrayLike) -> np.ndarray:
    """Whether each row is mapped to finite numbers, (n,)."""
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        mapped = transformer.transform(deepcopy(X))  # with copy=False it writes into X
    return np.asarray(np.isfinite(np.asarray(mapped, dtype=float)).all(axis=1))


@in_domain.register
def _power(transformer: PowerTransformer, X: ArrayLike) -> np.ndarray:
    """Far out, powers overflow; those of Box and Cox are for positive numbers only."""
    rows = checked_rows(transformer, X)
    box_cox = transformer.method == "box-cox"
    power = boxcox if box_cox else yeojohnson
    inside = np.asarray((rows > 0).all(axis=1) | (not box_cox))
    columns = zip(rows[inside].T, transformer.lambdas_, strict=True)
    with np.errstate(over="ignore"):
        images = [power(column, exponent) for column, exponent in columns]
    inside[inside] = np.isfinite(images).all(axis=0)
    return inside
