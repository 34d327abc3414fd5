"""Assertions of the checks, with messages that state the usual cause of a failure."""

import numpy as np

from skflow.testing.errors import DensityCheckError


def require(condition: bool | np.bool_, measured: str, expected: str, cause: str) -> None:
    """Raise a DensityCheckError unless the condition holds."""
    if not condition:
        raise DensityCheckError(
            f"measured: {measured}\nexpected: {expected}\nusual cause: {cause}"
        )


def mean_abs_difference(first: np.ndarray, second: np.ndarray) -> float:
    """Mean absolute difference; 0 between equal infinities, and inf if there is a NaN."""
    with np.errstate(invalid="ignore"):
        differences = np.where(first == second, 0, np.abs(first - second))
    return float(np.nan_to_num(differences, nan=np.inf).mean())


def format_shape(array: np.ndarray) -> str:
    """The shape of an array as in 200 × 3."""
    return " × ".join(map(str, np.shape(array))) or "a scalar"
