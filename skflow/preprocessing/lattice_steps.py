"""The lattice that the values of a column lie on, found by the differences between them."""

from collections.abc import Iterator

import numpy as np

from skflow.data.lattice import Lattice

_MAX_POINTS = 1e7  # between the first and the last value
_MIN_NOISES = 50.0  # a step is so many times as large as the rounding of the values
_DIVISIBLE = 1e-3  # steps that rounding may leave of a difference
_MAX_DIVISIONS = 60
_FEW_DIGITS, _ALL_DIGITS = 6, 15


def find_lattice(values: np.ndarray) -> Lattice | None:
    """The coarsest lattice that has all values.

    Parameters
    ----------
    values : ndarray of shape (m,)
        Distinct numbers in order, rounded to float64 or float32.

    Returns
    -------
    Lattice or None
        Its step and origin have as few digits as possible, and 0 is on it if that can be. None
        if there is none whose points are farther apart than rounding moves the values.
    """
    if len(values) < 2 or values[-1] / 2 - values[0] / 2 > np.finfo(float).max / 2:
        return None
    noise = _rounding(values)
    divisor = _common_divisor(values, noise)
    if divisor is None:
        return None
    span = float(values[-1] - values[0])
    mean_step = span / round(span / divisor)
    origins = [0.0, *_shortened(float(values[0]), 2 * noise)]
    for step in _shortened(mean_step, _DIVISIBLE * mean_step):
        for origin in origins:
            lattice = Lattice(step, origin)
            moved = np.abs(lattice.snap(values) - values).max()
            if moved <= 2 * noise and lattice.contains(values).all():
                return lattice
    return None


def _shortened(value: float, tolerance: float) -> Iterator[float]:
    """Numbers near a value: with few digits, of the form 1/k, with more digits, and itself."""
    short = [float(f"{value:.{digits}g}") for digits in range(1, _ALL_DIGITS)]
    inverse = [1 / round(1 / value)] if 0 < _DIVISIBLE / _MAX_POINTS < value < 1 else []
    for candidate in [*short[:_FEW_DIGITS], *inverse, *short[_FEW_DIGITS:], value]:
        if abs(candidate - value) <= tolerance:
            yield candidate


def _common_divisor(values: np.ndarray, noise: float) -> float | None:
    """The greatest number of which all differences are multiples, by Euclid's algorithm."""
    differences = np.unique(np.diff(values))
    differences = differences[differences > 2 * noise]
    if not len(differences):
        return None
    divisor = float(differences[0])
    for _ in range(_MAX_DIVISIONS):
        if divisor < _MIN_NOISES * noise or divisor * _MAX_POINTS < values[-1] - values[0]:
            return None
        remainders = np.abs(differences - divisor * np.round(differences / divisor))
        left = remainders > np.maximum(_DIVISIBLE * divisor, 2 * noise)
        if not left.any():
            return divisor
        divisor = float(remainders[left].min())
    return None


def _rounding(values: np.ndarray) -> float:
    """How far rounding may have moved the values: to float32 if they all are such numbers."""
    largest = float(np.abs(values[[0, -1]]).max())
    with np.errstate(all="ignore"):
        is_single = (values == values.astype(np.float32)).all()
    is_whole = (values == np.round(values)).all()
    kind = np.float32 if is_single and not is_whole else np.float64
    return float(np.finfo(kind).eps) * largest
