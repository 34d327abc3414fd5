"""Lattices: the numbers origin + k · step, for whole k."""

import math
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property

import numpy as np

_TOLERANCE = 1e-6  # steps by which a value may be beside its point: rounding
_MAX_DENOMINATOR = 10**6  # of a step or an origin that is read as a fraction


@dataclass(frozen=True)
class Lattice:
    """The numbers origin + k · step, for whole k.

    Steps such as 0.1 and 1/3 are read as the fractions that they stand for, so that the points
    are 0.3 and not 0.30000000000000004.

    Parameters
    ----------
    step : float
        Positive.
    origin : float, default=0.0
        One of the points.
    """

    step: float
    origin: float = 0.0

    def indices(self, values: np.ndarray) -> np.ndarray:
        """The whole numbers k of the points nearest to values."""
        indices: np.ndarray = np.round((values - self.origin) / self.step)
        return indices

    def points(self, indices: np.ndarray) -> np.ndarray:
        """The points with some indices."""
        start, step, denominator = self.integers
        points: np.ndarray = (start + indices * step) / denominator + 0.0
        return points

    def snap(self, values: np.ndarray) -> np.ndarray:
        """The nearest point where a value is on the lattice; other values unchanged.

        A value is on the lattice if it is within a millionth of a step of a point, or is a point
        rounded to float64 or float32.
        """
        with np.errstate(all="ignore"):
            points = self.points(self.indices(values))
            beside = np.abs(values - points)
            near = beside <= np.maximum(_TOLERANCE * self.step, 4 * np.spacing(np.abs(points)))
            rounded = values == points.astype(np.float32)
        return np.where(np.isfinite(values) & (near | rounded), points, values)

    def contains(self, values: np.ndarray) -> np.ndarray:
        """Whether values are on the lattice, in the sense of `snap`."""
        with np.errstate(all="ignore"):
            snapped = self.snap(values)
            on: np.ndarray = self.points(self.indices(snapped)) == snapped
        return on & np.isfinite(values)

    @property
    def phase(self) -> float:
        """The point at or next above 0; 0 if it is within rounding of it."""
        start, step, denominator = self.integers
        phase = (start % step) / denominator
        return 0.0 if min(phase, self.step - phase) <= _TOLERANCE * self.step else phase

    @cached_property
    def integers(self) -> tuple[float, float, float]:
        """Origin, step and their common denominator; floats and 1 if they are no fractions."""
        origin, step = (
            Fraction(value).limit_denominator(_MAX_DENOMINATOR)
            for value in (self.origin, self.step)
        )
        if float(origin) != self.origin or float(step) != self.step:
            return self.origin, self.step, 1.0
        denominator = math.lcm(origin.denominator, step.denominator)
        return float(origin * denominator), float(step * denominator), float(denominator)
