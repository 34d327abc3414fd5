"""The domain of a fitted transformer, such as positive numbers for a logarithm."""

from copy import deepcopy
from functools import singledispatch
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import boxcox
from scipy.stats import yeojohnson
from sklearn.preprocessing import PowerTransformer

from skflow.compose.transformer_checks import validate_rows


@singledispatch
def in_domain(transformer: Any, X: ArrayLike) -> np.ndarray:
    """Whether the transformer maps each row to finite numbers, of shape (n_samples,)."""
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        Z = transformer.transform(deepcopy(X))  # with copy=False it modifies X
    return np.asarray(np.isfinite(np.asarray(Z, dtype=float)).all(axis=1))


@in_domain.register
def _power_domain(transformer: PowerTransformer, X: ArrayLike) -> np.ndarray:
    """Powers of extreme values overflow; Box-Cox is defined for positive numbers only."""
    rows = validate_rows(transformer, X)
    box_cox = transformer.method == "box-cox"
    power = boxcox if box_cox else yeojohnson
    inside = np.asarray((rows > 0).all(axis=1) | (not box_cox))
    columns = zip(rows[inside].T, transformer.lambdas_, strict=True)
    with np.errstate(over="ignore"):
        Z = [power(column, exponent) for column, exponent in columns]
    inside[inside] = np.isfinite(Z).all(axis=0)
    return inside
