"""Validation of sample weights."""

from numbers import Real
from typing import Any

import numpy as np


def check_weights(sample_weight: Any, n_samples: int) -> np.ndarray:
    """Return weights (n,) in float64, or raise a ValueError that names the first wrong one.

    Parameters
    ----------
    sample_weight : array-like of shape (n_samples,), float or None
        None stands for weights of 1, a number for the same weight of all samples.
    n_samples : int
        Number of samples.
    """
    if sample_weight is None or isinstance(sample_weight, Real):
        sample_weight = np.full(n_samples, 1.0 if sample_weight is None else sample_weight)
    weights = _as_floats(sample_weight)
    if weights.ndim != 1:
        raise ValueError(
            f"Sample weights must be 1D array or scalar, but have {weights.ndim} axes."
        )
    if len(weights) != n_samples:
        raise ValueError(
            f"sample_weight.shape == {weights.shape}, expected {(n_samples,)}: one weight for "
            "each row of X."
        )
    _check_values(weights)
    return weights


def _as_floats(sample_weight: Any) -> np.ndarray:
    try:
        weights: np.ndarray = np.asarray(sample_weight, dtype=np.float64)
    except (TypeError, ValueError, OverflowError) as error:
        shown = repr(sample_weight) if isinstance(sample_weight, str) else "its values"
        raise ValueError(
            f"sample_weight must be one finite number for each row of X, but {shown} could not be "
            f"converted to numbers: {error}. Pass numbers, 0 for rows without a weight."
        ) from error
    return weights


def _check_values(weights: np.ndarray) -> None:
    for is_wrong, what in ((np.isnan(weights), "NaN"), (np.isinf(weights), "infinity")):
        if is_wrong.any():
            raise ValueError(
                f"Input sample_weight contains {what} in row {int(is_wrong.argmax())}. Pass "
                "finite numbers, 0 for rows that are to be left out."
            )
    if (weights < 0).any():
        i = int((weights < 0).argmax())
        raise ValueError(
            f"Negative values in data passed to `sample_weight`: {weights[i]:g} in row {i}. Pass "
            "weights of at least 0."
        )
    if not weights.any():
        raise ValueError(
            "Sample weights must contain at least one non-zero number, but all of sample_weight "
            "is 0, which leaves no row. Leave it out to give all rows the same weight."
        )
