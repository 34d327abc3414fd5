"""The axis of a column: its limits, its scale, and the values at which a density is evaluated."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from skflow.plotting.plot_data import padded_range

Scale = Literal["linear", "log", "symlog"]

_FAR = {"linear": 15.0, "log": 5.0, "symlog": 5.0}  # interquartile ranges beyond the quartiles
_HEAVY = 0.005  # of the distinct values are that far away on a linear axis
_DECADES = 300  # ratio of the 95th to the 5th percentile that calls for a log scale
_LINEAR_PART = 1 / (1 - 0.1)  # decades that the linear part of a symmetric log scale takes
_SKEWED = 0.1  # of that range is below the median


@dataclass(frozen=True)
class ColumnSupport:
    """The values that a fitted density declares possible in a column."""

    low: float = -np.inf
    high: float = np.inf
    integer: bool = False
    period: float = np.inf
    origin: float = 0.0

    def wrapped(self, values: np.ndarray) -> np.ndarray:
        """Angles within the turn that is shown; other columns unchanged."""
        if not np.isfinite(self.period):
            return values
        wrapped: np.ndarray = self.origin + (values - self.origin) % self.period
        return wrapped


@dataclass(frozen=True)
class ColumnAxis:
    """The axis of a column.

    Parameters
    ----------
    low, high : float
        First and last value at which a density is evaluated.
    scale : {"linear", "log", "symlog"}, default="linear"
        Scale of the axis.
    threshold : float, default=1.0
        Where a symmetric log scale changes from linear to logarithmic.
    support : ColumnSupport, optional
        The values that are possible.
    """

    low: float
    high: float
    scale: Scale = "linear"
    threshold: float = 1.0
    support: ColumnSupport = ColumnSupport()

    @property
    def limits(self) -> tuple[float, float]:
        """The limits of the axis, with a whole cell for the first and the last integer."""
        half = 0.5 if self.support.integer else 0.0
        low = self.low / 2 if half and self.scale == "log" else self.low - half
        return low, self.high + half

    def grid(self, resolution: int) -> np.ndarray:
        """Values evenly spaced on the axis; all integers of a column, if they are not too many."""
        if self.support.integer:
            n_integers = self.high - self.low + 1
            if n_integers <= resolution:
                return np.arange(self.low, self.high + 1)
            return np.unique(np.round(self._spaced(resolution)))
        inside: np.ndarray = np.clip(self._spaced(resolution), self.support.low, self.support.high)
        return inside

    def edges(self, grid: np.ndarray) -> np.ndarray:
        """The edges (n + 1,) of the cells around the values of a grid (n,)."""
        if len(grid) == 1:
            return np.array([grid[0] - 0.5, grid[0] + 0.5])
        middles = (grid[1:] + grid[:-1]) / 2
        if self.support.integer:
            return np.concatenate([[grid[0] - 0.5], middles, [grid[-1] + 0.5]])
        return np.concatenate([grid[:1], middles, grid[-1:]])

    def bin_edges(self, rows: np.ndarray, bins: Any) -> np.ndarray:
        """Edges of a histogram: evenly spaced on the axis, around integers if there are only such.

        `bins` are those of ``numpy.histogram``; a sequence of edges is taken as it is.
        """
        inside = rows[(rows >= self.limits[0]) & (rows <= self.limits[1])]
        if not isinstance(bins, str | int | np.integer):
            return np.asarray(bins, dtype=float)
        if not len(inside):
            return np.array(self.limits)
        if isinstance(bins, str) and _are_few_integers(inside):
            return np.arange(inside.min(), inside.max() + 2) - 0.5
        if self.scale == "linear" and not self.support.integer:
            return np.histogram_bin_edges(inside, bins)
        edges = self._untransformed(np.histogram_bin_edges(self._transformed(inside), bins))
        edges[[0, -1]] = inside.min(), inside.max()  # without rounding
        if self.support.integer:  # no integer on an edge
            edges = np.append(np.unique(np.ceil(edges[:-1])) - 0.5, np.floor(edges[-1]) + 0.5)
        return edges

    def histogram(self, rows: np.ndarray, bins: Any) -> tuple[np.ndarray, np.ndarray]:
        """Heights (m,) per unit of the column and edges (m + 1,) of a histogram.

        Rows beyond the limits count, so that the heights compare with a density.
        """
        edges = self.bin_edges(rows, bins)
        counts = np.histogram(rows, edges)[0]
        is_given = not isinstance(bins, str | int | np.integer)
        return counts / np.diff(edges) / (counts.sum() if is_given else len(rows)), edges

    def extended(self, edges: np.ndarray) -> np.ndarray:
        """The edges of bins, with as many more of the first one's width as cover the axis."""
        inner = self.positions(edges)
        low, high = self.positions(np.array(self.limits))
        width = inner[1] - inner[0]
        below = np.arange(inner[0], low - width, -width)[:0:-1]
        above = np.arange(inner[-1], high + width, width)[1:]
        return np.concatenate([self._untransformed(below), edges, self._untransformed(above)])

    def apply(self, ax: Any, direction: Literal["x", "y"], max_ticks: int = 6) -> None:
        """Set the scale, the limits and, for few integers, the ticks of an axis."""
        from matplotlib.ticker import MaxNLocator, SymmetricalLogLocator

        set_scale, ticks = getattr(ax, f"set_{direction}scale"), getattr(ax, f"{direction}axis")
        if self.scale == "log":
            set_scale("log")
        elif self.scale == "symlog":
            set_scale("symlog", linthresh=self.threshold)
            locator = SymmetricalLogLocator(base=10, linthresh=self.threshold)
            locator.set_params(numticks=max_ticks)
            ticks.set_major_locator(locator)
        elif self.support.integer:
            ticks.set_major_locator(MaxNLocator("auto", integer=True))
        getattr(ax, f"set_{direction}lim")(*self.limits)

    def outside(self, values: np.ndarray) -> np.ndarray:
        """Which values are beyond the limits of the axis."""
        return (values < self.limits[0]) | (values > self.limits[1])

    def positions(self, values: np.ndarray) -> np.ndarray:
        """Where values are on the axis: their logarithms on a log scale."""
        return self._transformed(values)

    def _spaced(self, resolution: int) -> np.ndarray:
        low, high = self._transformed(np.array([self.low, self.high]))
        spaced = self._untransformed(np.linspace(low, high, resolution))
        spaced[[0, -1]] = self.low, self.high  # without rounding
        return spaced

    def _transformed(self, values: np.ndarray) -> np.ndarray:
        if self.scale == "linear":
            return values
        if self.scale == "log":
            logs: np.ndarray = np.log10(values)
            return logs
        sizes = np.abs(np.asarray(values) / self.threshold)
        outer = _LINEAR_PART + np.log10(np.maximum(sizes, 1))
        signed: np.ndarray = np.sign(values) * np.where(sizes > 1, outer, _LINEAR_PART * sizes)
        return signed

    def _untransformed(self, values: np.ndarray) -> np.ndarray:
        if self.scale == "linear":
            return values
        if self.scale == "log":
            powers: np.ndarray = 10.0**values
            return powers
        sizes = np.abs(values)
        outer = 10 ** np.maximum(sizes - _LINEAR_PART, 0)
        sizes = np.where(sizes > _LINEAR_PART, outer, sizes / _LINEAR_PART)
        signed: np.ndarray = self.threshold * np.sign(values) * sizes
        return signed


def column_supports(estimator: Any, n_columns: int) -> list[ColumnSupport]:
    """The supports of a fitted density's columns, unrestricted where it declares none."""
    constraints = getattr(getattr(estimator, "flow_", None), "supports", None)
    if constraints is None:
        return _declared_supports(estimator, n_columns)
    fields = ("low", "high", "integer", "period", "origin")
    table = [getattr(constraints, field).tolist() for field in fields]
    return [
        ColumnSupport(low, high, integer > 0, period, origin)
        for low, high, integer, period, origin in zip(*table, strict=True)
    ]


def _declared_supports(estimator: Any, n_columns: int) -> list[ColumnSupport]:
    """Those of ``supports_``, if the estimator has one for each column.

    Categories with whole numbers as codes are drawn as integers.
    """
    declared = getattr(estimator, "supports_", None)
    if declared is None or len(declared) != n_columns:
        return [ColumnSupport()] * n_columns
    return [
        ColumnSupport(
            support.lower if support.levels is None else support.levels[0],
            support.upper if support.levels is None else support.levels[-1],
            support.is_integer or (support.kind == "category" and _are_whole(support.levels)),
            np.inf if support.period is None else support.period,
        )
        for support in declared
    ]


def _are_whole(values: Sequence[float]) -> bool:
    return all(value == round(value) for value in values)


def column_axis(
    rows: np.ndarray,
    support: ColumnSupport = ColumnSupport(),
    limits: tuple[float, float] | None = None,
    padding: float = 0.2,
) -> ColumnAxis:
    """The axis on which a column can be read.

    A column of positive values over decades, or with heavy tails, has a log scale; one with
    zeros or both signs and heavy tails, a symmetric log scale. Limits are the range of the rows
    with some padding, without values that are far from all others, and within declared bounds.

    Parameters
    ----------
    rows : ndarray of shape (n,)
        Finite values.
    support : ColumnSupport, optional
    limits : (float, float), optional
        Limits to be used instead.
    padding : float, default=0.2
        By which fraction of its width the range is extended on either side.
    """
    if np.isfinite(support.period):
        low, high = limits or (support.origin, support.origin + support.period)
        return ColumnAxis(low, high, support=support)
    scale = _scale(rows)
    threshold = _threshold(rows) if scale == "symlog" else 1.0
    if limits is not None and scale == "log" and limits[0] <= 0:
        scale, threshold = "symlog", _threshold(rows)
    low, high = limits or _robust_limits(rows, scale, threshold, padding)
    low, high = max(low, support.low), min(high, support.high)
    if support.integer:
        low, high = np.ceil(low), max(np.floor(high), np.ceil(low))
    return ColumnAxis(float(low), float(high), scale, threshold, support)


def count_label(rows: np.ndarray, what: str, axes: Sequence[ColumnAxis]) -> str:
    """The number of rows (n, d) for a legend, and how many of them are outside the axes."""
    is_outside = [axis.outside(x) for axis, x in zip(axes, rows.T, strict=True)]
    n_outside = int(np.any(is_outside, axis=0).sum())
    return f"{len(rows):,} {what}" + (f", {n_outside:,} outside" if n_outside else "")


def _scale(rows: np.ndarray) -> Scale:
    """The scale on which the bulk and the tails of a column can both be seen."""
    nonzero = rows[rows != 0]
    distinct = np.unique(nonzero)
    if len(distinct) < 3 or not (_is_heavy(nonzero, distinct) or _spans_decades(distinct)):
        return "linear"
    first, median, third = np.quantile(nonzero, [0.25, 0.5, 0.75])
    has_both_signs = rows.min() < 0 < rows.max()
    if abs(median) > (third - first) * (1 if has_both_signs else _FAR["linear"]):
        return "linear"  # a log scale resolves what is around zero
    return "log" if rows.min() > 0 else "symlog"


def _is_heavy(values: np.ndarray, distinct: np.ndarray) -> bool:
    """Whether more than single values are far beyond the quartiles."""
    low, high = _fences(values, _FAR["linear"])
    is_far = (distinct < low) | (distinct > high)
    return bool(low < high and is_far.sum() > max(1, _HEAVY * len(distinct)))


def _spans_decades(distinct: np.ndarray) -> bool:
    """Whether positive values are spread over decades, most of them in the lower ones."""
    low, median, high = np.quantile(distinct, [0.05, 0.5, 0.95])
    is_wide = distinct[0] > 0 and high > _DECADES * low
    return bool(is_wide and median - low < _SKEWED * (high - low))


def _threshold(rows: np.ndarray) -> float:
    """Where a symmetric log scale begins, a power of ten.

    It shows the tails of a column with both signs, and all decades of one that only has zeros.
    """
    sizes = np.abs(rows[rows != 0])
    both_signs = rows.min() < 0 < rows.max()
    typical = np.log10(np.quantile(sizes, 0.5 if both_signs else 0.05))
    return float(10 ** (np.round(typical) if both_signs else np.floor(typical)))


def _robust_limits(
    rows: np.ndarray, scale: Scale, threshold: float, padding: float
) -> tuple[float, float]:
    """The padded range of the rows that are not far from all others, on the scale."""
    axis = ColumnAxis(0, 0, scale, threshold)
    positions = axis.positions(rows)
    low, high = _fences(positions, _FAR[scale])
    near = positions[(positions >= low) & (positions <= high)]
    if scale == "linear":  # in the column's own units: no rounding
        return padded_range(near, padding)
    low, high = axis._untransformed(np.array(padded_range(near, padding)))
    if scale == "symlog":  # decades of the other sign would be empty
        low = max(low, -threshold) if rows.min() >= 0 else low
        high = min(high, threshold) if rows.max() <= 0 else high
    return float(low), float(high)


def _fences(values: np.ndarray, distance: float) -> tuple[float, float]:
    """Bounds some interquartile ranges beyond the quartiles, which are far from most values.

    Of a column with piles, they are those of its distinct values.
    """
    for candidates in (values, np.unique(values)):
        first, third = np.quantile(candidates, [0.25, 0.75])
        with np.errstate(over="ignore"):
            reach = distance * (third - first)
        if 0 < reach < np.inf:
            return float(first - reach), float(third + reach)
    return float(values.min()), float(values.max())


def _are_few_integers(values: np.ndarray) -> bool:
    if not len(values) or values.max() - values.min() > 60:
        return False
    return bool((values == np.round(values)).all())
