"""Odd values: missing codes and absurd cells, which stand far outside the rest of a column."""

import math
from collections.abc import Iterator

import numpy as np

_MIN_GAP = 3.0  # to the rest, in ranges of the rest
_MIN_RATIO = 1e4  # of distances from the median, of a single value and of the rest
# The logarithm of that ratio is compared with its mean in a Pareto tail like that of the rest.
_TAIL_FACTOR_CODE, _TAIL_FACTOR_REPEATED, _TAIL_FACTOR_SINGLE = 3.0, 6.0, 12.0
_CODE_RATIO = 1e8  # beyond which any value is a code
_MIN_DISTINCT, _MIN_DISTINCT_BESIDE_CODE = 10, 2  # values that the rest has at least
_MAX_SHARE = 0.5  # of the rows; codes may be in any share of them
_MAX_VALUES = 12  # odd ones at either end of a column that are looked for together
_MAX_TAIL = 100  # distances by which the tail of the rest is judged
_MANY_ROWS, _OUTERMOST = 20_000, 1000  # from how many rows on, how many values of either end
_FILL = 1e15  # from here on, values that no measurement has
_ENDS_OF_INTEGER_TYPES = {32767, 32768, 65535, 2147483647, 2147483648, 4294967295}


def find_fences(column: np.ndarray, counts: np.ndarray | None = None) -> tuple[float, float]:
    """Find the fences of a column: its odd values are those on or beyond them.

    A value is odd if several rows have it and its gap to the rest is more than three times the
    range of the rest, or if one row has it and it is ten thousand times as far from the median
    as the rest. The heavier the tails of the rest are, the farther outside an odd value is. A
    repeated value that looks like a missing code (−9999, 99.9, 1e20) needs a gap of only three
    times the distance from the median to the nearest end of the rest. 0 is not odd, and nothing
    is where the rest has fewer than ten distinct values (two, beside a code).

    Parameters
    ----------
    column : ndarray of shape (n,)
        Values of distinct rows, finite or, where there are holes, NaN.
    counts : ndarray of shape (n,), optional
        How often each row occurs; once by default.

    Returns
    -------
    low, high : float
        Where there is no odd value, the fence is where a single one would have to be.
    """
    low, high = -math.inf, math.inf
    observed = ~np.isnan(column)
    if not observed.all():
        column, counts = column[observed], None if counts is None else counts[observed]
    if not len(column):
        return low, high
    with np.errstate(all="ignore"):
        while True:
            values = _thinned(column[(column > low) & (column < high)])
            inner = _peeled(values, column, counts)
            if inner is None:
                break
            low = float(values[inner.start - 1]) if inner.start else low
            high = float(values[inner.stop]) if inner.stop < len(values) else high
        at_least, at_most = _Inner(values, 0, len(values)).limits()
    return (low if low > -math.inf else at_least), (high if high < math.inf else at_most)


def is_odd(values: np.ndarray, low: np.ndarray | float, high: np.ndarray | float) -> np.ndarray:
    """Whether values are on or beyond their fences; 0 never is."""
    return ((values <= low) | (values >= high)) & (values != 0)


def looks_like_code(value: float) -> bool:
    """Whether a value is one of those that stand for missing ones in many files.

    These are repetitions of the digits 9, 8 or 7 from 77 on, the ends of the integer types, and
    numbers of 1e15 and more.
    """
    size = abs(value)
    digits = f"{size:.10g}".replace(".", "")
    repeated = size >= 77 and len(set(digits)) == 1 and digits[0] in "789"
    return repeated or size in _ENDS_OF_INTEGER_TYPES or size >= _FILL


def _thinned(column: np.ndarray) -> np.ndarray:
    """The distinct values of a column; of a long one only the outermost and some others."""
    n = len(column)
    if n <= _MANY_ROWS:
        return np.unique(column)
    parts = np.partition(column, [_OUTERMOST, n - _OUTERMOST])
    outermost = [parts[:_OUTERMOST], parts[n - _OUTERMOST :]]
    return np.unique(np.concatenate([*outermost, column[:: n // _MANY_ROWS + 1]]))


def _peeled(values: np.ndarray, column: np.ndarray, counts: np.ndarray | None) -> "_Inner | None":
    """The distinct values without the outermost odd ones; None if there are none."""
    for start, stop in _inner_slices(len(values)):
        inner = _Inner(values, start, stop)
        if inner.is_far_from_others() and inner.makes_others_odd(column, counts):
            return inner
    return None


def _inner_slices(n: int) -> Iterator[tuple[int, int]]:
    """Starts and stops of n sorted values without a few of the outermost, the fewest first.

    Odd values may hide each other, as −9999 and 9999 do, or −9999 and −8888.
    """
    most = min(2 * _MAX_VALUES, n - _MIN_DISTINCT_BESIDE_CODE)
    for n_odd in range(1, most + 1):
        for start in range(max(0, n_odd - _MAX_VALUES), min(n_odd, _MAX_VALUES) + 1):
            yield start, n - n_odd + start


class _Inner:
    """The distinct values from `start` to `stop`, against which the others may be odd.

    All differences are of quarters, so that none overflows.
    """

    def __init__(self, values: np.ndarray, start: int, stop: int):
        self._values, self.start, self.stop = values, start, stop
        self._low, self._high = values[start] / 4, values[stop - 1] / 4
        self._middle = values[(start + stop) // 2] / 4
        self._n = stop - start
        self._below, self._above = self._middle - self._low, self._high - self._middle

    def is_far_from_others(self) -> bool:
        """What all kinds of odd values have in common, and almost no other values."""
        values, n = self._values, len(self._values)
        if self.start and not self._low - values[self.start - 1] / 4 > _MIN_GAP * self._below:
            return False
        return self.stop == n or bool(values[self.stop] / 4 - self._high > _MIN_GAP * self._above)

    def makes_others_odd(self, column: np.ndarray, counts: np.ndarray | None) -> bool:
        """Whether every other value is odd: how far outside it has to be depends on its kind."""
        n_rows = len(column) if counts is None else counts.sum()
        for value in np.delete(self._values, np.arange(self.start, self.stop)):
            has_it = column == value
            n_with_it = has_it.sum() if counts is None else counts[has_it].sum()
            if not self._makes_odd(value, int(n_with_it), n_with_it / n_rows):
                return False
        return True

    def _makes_odd(self, value: float, n_rows: int, share: float) -> bool:
        log_ratio = self._log_ratio(value)
        code = looks_like_code(value) or log_ratio > math.log(_CODE_RATIO)
        if value == 0 or (self._n < _MIN_DISTINCT and not code):
            return False
        if code and n_rows > 1:
            return self._is_beyond_end(value)
        if n_rows > 1 or (code and 100 <= abs(value) < _FILL):
            far = share <= _MAX_SHARE and self._gap(value) > _MIN_GAP * (self._high - self._low)
            return far and log_ratio > _TAIL_FACTOR_REPEATED * self._tail()
        return log_ratio > max(math.log(_MIN_RATIO), _TAIL_FACTOR_SINGLE * self._tail())

    def limits(self) -> tuple[float, float]:
        """From where on a single value would be odd, on either side."""
        if self._n < _MIN_DISTINCT:
            return -math.inf, math.inf
        log_ratio = max(math.log(_MIN_RATIO), _TAIL_FACTOR_SINGLE * self._tail())
        distance = math.exp(min(log_ratio, 700.0)) * float(max(self._below, self._above))
        return 4 * (float(self._middle) - distance), 4 * (float(self._middle) + distance)

    def _is_beyond_end(self, value: float) -> bool:
        """Whether a code is far beyond the end of the rest on its own side."""
        sign = -1 if value / 4 < self._low else 1
        side = self._below if sign < 0 else self._above
        if self._n < _MIN_DISTINCT or not side > 0:
            side = self._high - self._low
        if not self._gap(value) > _MIN_GAP * side > 0:
            return False
        return math.log1p(self._gap(value) / side) > _TAIL_FACTOR_CODE * self._tail(sign)

    def _log_ratio(self, value: float) -> float:
        """How much farther from the median a value is than all of the rest."""
        reach = max(self._below, self._above)
        return math.log(abs(value / 4 - self._middle) / reach) if reach > 0 else 0.0

    def _gap(self, value: float) -> float:
        return self._low - value / 4 if value / 4 < self._low else value / 4 - self._high

    def _tail(self, sign: int = 0) -> float:
        """Hill's estimate of the mean log ratio of the largest distances from the median.

        It is that of both sides, or of the side with a `sign`.
        """
        distances = self._values[self.start : self.stop] / 4 - self._middle
        distances = np.sort(np.abs(distances) if sign == 0 else sign * distances)
        distances = distances[distances > 0]
        n_tail = min(_MAX_TAIL, len(distances) // 5)
        if n_tail < 2:
            return 0.0
        mean = np.log(distances[-n_tail:] / distances[-n_tail - 1]).mean()
        return float(mean * (1 + 2 / math.sqrt(n_tail)))  # two standard errors more
