"""What a failed check says: what was measured, what was expected, what usually causes it."""

import numpy as np

from skflow.testing.errors import DensityCheckError


def require(holds: bool | np.bool_, measured: str, expected: str, cause: str) -> None:
    """Raise where a check does not hold."""
    if not holds:
        raise DensityCheckError(
            f"measured: {measured}\nexpected: {expected}\nusual cause: {cause}"
        )


def mean_gap(first: np.ndarray, second: np.ndarray) -> float:
    """Mean absolute difference in nats; equal infinities do not differ, NaN is infinitely far."""
    with np.errstate(invalid="ignore"):
        gaps = np.where(first == second, 0, np.abs(first - second))
    return float(np.nan_to_num(gaps, nan=np.inf).mean())


def shape(rows: np.ndarray) -> str:
    """How a shape reads in a message: 200 × 3."""
    return " × ".join(map(str, np.shape(rows))) or "a single number"
