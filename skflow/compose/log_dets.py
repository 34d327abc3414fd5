"""What a fitted transformer does to volume: log |det ∂z/∂x|, row by row."""

from functools import singledispatch
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.decomposition import PCA, IncrementalPCA
from sklearn.preprocessing import (
    MaxAbsScaler,
    MinMaxScaler,
    PowerTransformer,
    RobustScaler,
    StandardScaler,
)

from skflow.compose.transformer_checks import check_square, checked_rows


@singledispatch
def log_abs_det(transformer: Any, X: ArrayLike) -> np.ndarray:
    """Log-determinant of a fitted transformer's Jacobian at each row.

    Where z is what the transformer makes of x, ``log p(x) = log p(z) + log |det ∂z/∂x|``.
    Known are scikit-learn's StandardScaler, MinMaxScaler, MaxAbsScaler, RobustScaler,
    PowerTransformer, QuantileTransformer, PCA and IncrementalPCA with all components,
    FunctionTransformer with an inverse, and Pipeline and ColumnTransformer of these. A
    subclass counts as its parent. For others, register a function, see the example.

    Parameters
    ----------
    transformer : object
        A fitted transformer that maps d columns to d columns and can be inverted.
    X : array-like of shape (n_samples, n_features)
        Rows, as the transformer takes them.

    Returns
    -------
    ndarray of shape (n_samples,)
        The values ``log |det ∂z/∂x|`` in nats. −inf where no density is left: where a whole
        neighbourhood of x is mapped to one value, and outside the transformer's domain.

    Raises
    ------
    TypeError
        Where no log-determinant is known for this kind of transformer.
    ValueError
        Where there is no density to be had: fewer columns out than in, columns dropped or
        used twice, values clipped, or a function without an inverse; and where the
        derivative of a FunctionTransformer cannot be found to 1e-5 nats.

    See Also
    --------
    TransformedDensity : The density that this makes possible.

    Notes
    -----
    FunctionTransformer is differentiated numerically, to about 1e-10 for smooth functions, by
    33 calls of the function for each column. Register a subclass to give the derivative.

    QuantileTransformer is piecewise linear (and then takes normal quantiles). At a knot this
    is the log of the mean slope of the two pieces, at the two ends the slope inside; beyond
    the ends, and where the normal quantiles are cut off, it is −inf.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.preprocessing import FunctionTransformer, StandardScaler
    >>> from skflow.compose import log_abs_det
    >>> X = np.array([[1.0, 10.0], [3.0, 50.0]])
    >>> log_abs_det(StandardScaler().fit(X), X)  # −log(1 × 20)
    array([-2.9957, -2.9957])

    A transformer of your own, or a function whose derivative you know:

    >>> class Logarithm(FunctionTransformer):
    ...     def __init__(self):
    ...         super().__init__(np.log, np.exp)
    >>> @log_abs_det.register
    ... def _(transformer: Logarithm, X):
    ...     return -np.log(X).sum(axis=1)
    >>> log_abs_det(Logarithm().fit(X), X)  # −log(1 × 10), −log(3 × 50)
    array([-2.3026, -5.0106])
    """
    kind = type(transformer).__name__
    raise TypeError(
        f"No log-determinant is known for {kind}, and a density in the original units needs one. "
        f"Where it can be inverted, register a function that returns log |det dz/dx| of each "
        f"row:\n\n    @skflow.compose.log_abs_det.register({kind})\n"
        f"    def _(transformer, X):\n        ...  # shape (n_samples,), in nats"
    )


@log_abs_det.register(StandardScaler)
@log_abs_det.register(RobustScaler)
def _divided_by_scale(transformer: StandardScaler | RobustScaler, X: ArrayLike) -> np.ndarray:
    rows = checked_rows(transformer, X)
    scale = np.ones(rows.shape[1]) if transformer.scale_ is None else transformer.scale_
    return _same_everywhere(rows, -np.log(scale))


@log_abs_det.register
def _min_max(transformer: MinMaxScaler, X: ArrayLike) -> np.ndarray:
    _check_not_clipped(transformer)
    return _same_everywhere(checked_rows(transformer, X), np.log(transformer.scale_))


@log_abs_det.register
def _max_abs(transformer: MaxAbsScaler, X: ArrayLike) -> np.ndarray:
    _check_not_clipped(transformer)
    return _same_everywhere(checked_rows(transformer, X), -np.log(transformer.scale_))


def _check_not_clipped(transformer: MinMaxScaler | MaxAbsScaler) -> None:
    if getattr(transformer, "clip", False):  # MaxAbsScaler's is younger than scikit-learn 1.6
        raise ValueError(
            f"{type(transformer).__name__}(clip=True) maps all values beyond the range of the "
            "training rows to its ends, so it has no inverse and there is no density there. Use "
            "clip=False: within the range it is the same."
        )


@log_abs_det.register(PCA)
@log_abs_det.register(IncrementalPCA)
def _pca(transformer: PCA | IncrementalPCA, X: ArrayLike) -> np.ndarray:
    """A rotation, of determinant ±1, and a division by standard deviations."""
    rows = checked_rows(transformer, X)
    check_square(transformer, rows.shape[1], transformer.n_components_)
    scale = np.sqrt(transformer.explained_variance_)
    # transform divides by no less than that
    scale = np.maximum(scale, np.finfo(scale.dtype).eps) if transformer.whiten else 1 + 0 * scale
    return _same_everywhere(rows, -np.log(scale))


@log_abs_det.register
def _power(transformer: PowerTransformer, X: ArrayLike) -> np.ndarray:
    rows = checked_rows(transformer, X)
    if transformer.method == "box-cox":
        log_slopes = np.log(rows, out=np.full_like(rows, np.nan), where=rows > 0)
    else:
        log_slopes = np.sign(rows) * np.log1p(np.abs(rows))
    log_det = ((transformer.lambdas_ - 1) * log_slopes).sum(axis=1)
    if transformer.standardize:
        log_det += log_abs_det(transformer._scaler, rows)
    return np.where(np.isnan(log_det), -np.inf, log_det)


def _same_everywhere(rows: np.ndarray, log_slopes: np.ndarray) -> np.ndarray:
    return np.full(len(rows), log_slopes.sum(dtype=float))
