"""Odd cells of a table, which a fit replaces, so that they cannot bend the rest of it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import torch

from skflow.data.holes import has_cells
from skflow.data.support import Support
from skflow.data.weighted_rows import merge_duplicates, repeat_counts, summed_weights
from skflow.preprocessing.dataset import WeightedDataset
from skflow.preprocessing.odd_values import find_fences, is_odd

_MARGIN = 0.05  # by which an edge is outside of the other values, in their range
_N_DONORS = 200  # from which the nearest gives its value
_MAX_WORK = 2_000_000  # numbers in memory while donors are compared
_ROUNDING = 1e-6  # by which a declared value may be missed, as one in float32
_FAR = 10.0  # in robust standard deviations, beyond which all rows are equally far


@dataclass(frozen=True)
class Fences:
    """Fences of columns, all of shape (d,): cells on or beyond them are odd.

    `low_edge` and `high_edge` are values just outside of those of all other cells.
    """

    low: np.ndarray
    high: np.ndarray
    low_edge: np.ndarray
    high_edge: np.ndarray

    @classmethod
    def of(cls, rows: np.ndarray, weights: np.ndarray) -> "Fences":
        """Fences of distinct rows (n, d) with weights (n,)."""
        counts = repeat_counts(weights)
        fences = np.array([find_fences(column, counts) for column in rows.T])
        low, high = fences.reshape(-1, 2).T
        inside = ~is_odd(rows, low, high) & ~np.isnan(rows)
        least = rows.min(0, initial=np.inf, where=inside)
        most = rows.max(0, initial=-np.inf, where=inside)
        margin = np.minimum(_MARGIN * (most / 2 - least / 2) * 2, 1e300)
        return cls(low, high, np.maximum(least - margin, low), np.minimum(most + margin, high))

    def beyond_states(self, supports: Sequence[Support]) -> "Fences":
        """The fences, moved out beyond values that are declared to have a probability each."""
        low, high = self.low.copy(), self.high.copy()
        for j, support in enumerate(supports):
            if support.states:
                least, most = min(support.states), max(support.states)
                low[j] = min(low[j], np.nextafter(least - _ROUNDING * abs(least), -np.inf))
                high[j] = max(high[j], np.nextafter(most + _ROUNDING * abs(most), np.inf))
        return replace(self, low=low, high=high)

    def odd(self, rows: np.ndarray) -> np.ndarray:
        """Which cells of rows (n, d) are odd, (n, d)."""
        return is_odd(rows, self.low, self.high)

    def drawn_in(self, rows: np.ndarray) -> np.ndarray:
        """Rows (n, d) with the edges in place of their odd cells."""
        edges = np.where(rows <= self.low, self.low_edge, self.high_edge)
        return np.where(self.odd(rows), edges, rows)


class OddCells:
    """What a fit reads in place of odd cells: the values of other rows.

    In each column, an odd cell gets the value of a donor: of some random rows without an odd
    value in this column, the one that is most similar in all others and in the context. Thus
    marginal distributions and dependences remain those of the other rows, and all values are in
    the support of their column. A row of which nothing is known is left out.

    Parameters
    ----------
    fences : Fences
    data : WeightedDataset
        Distinct rows among which donors are found.
    """

    def __init__(self, fences: Fences, data: WeightedDataset):
        self.fences = fences
        self._data = data

    def replaced_in(self, data: WeightedDataset, rng: np.random.Generator) -> WeightedDataset:
        """The samples without odd cells, and without those of which nothing is known."""
        context = None if data.context is None else data.context.numpy()
        rows, known = self.replaced(data.x.numpy(), context, rng)
        data = replace(data, x=torch.from_numpy(rows))
        return data if known.all() else data.take(np.flatnonzero(known))

    def replaced(
        self, rows: np.ndarray, context: np.ndarray | None, rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray]:
        """Rows (n, d) without odd cells, and of which of them anything is known, (n,)."""
        odd = self.fences.odd(rows)
        if not odd.any():
            return rows, np.ones(len(rows), dtype=bool)
        known = np.full(len(rows), context is not None) | self._usual_in(rows).any(1)
        replaced = rows.copy()
        for j in np.flatnonzero(odd.any(0)).tolist():
            affected = np.flatnonzero(odd[:, j])
            own_context = None if context is None else context[affected]
            points = self._points_of(rows[affected], own_context)
            replaced[affected, j] = self._rows[self._donors(j, points, rng), j]
        return replaced, known

    def _usual_in(self, rows: np.ndarray) -> np.ndarray:
        """Which cells of rows (n, d) are observed and not odd, (n, d)."""
        return ~self.fences.odd(rows) & ~np.isnan(rows)

    @property
    def _rows(self) -> np.ndarray:
        return self._data.x.numpy()

    @cached_property
    def _usual(self) -> np.ndarray:
        return self._usual_in(self._rows)

    @cached_property
    def _scales(self) -> "tuple[_RobustScale, _RobustScale | None]":
        """The scales of the columns and of the context."""
        context = self._data.context
        of_context = None if context is None else _RobustScale(context.numpy())
        return _RobustScale(self._rows, self._usual), of_context

    @cached_property
    def _points(self) -> np.ndarray:
        context = self._data.context
        return self._points_of(self._rows, None if context is None else context.numpy())

    def _points_of(self, rows: np.ndarray, context: np.ndarray | None) -> np.ndarray:
        """Rows and their context as points (n, k) between which distances are finite."""
        scale, context_scale = self._scales
        points = np.where(self._usual_in(rows), scale(rows), 0.0)
        if context is None or context_scale is None:
            return points
        return np.hstack([points, context_scale(context)])

    def _donors(self, j: int, points: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Indices of the rows that give their values of column j to the given points (m, k)."""
        candidates = np.flatnonzero(self._usual[:, j])
        cumulative = self._data.weights.numpy()[candidates].cumsum()
        others = np.arange(points.shape[1]) != j
        size = max(1, _MAX_WORK // (_N_DONORS * points.shape[1]))
        donors = []
        for block in np.split(points, range(size, len(points), size)):
            places = rng.random((len(block), _N_DONORS)) * cumulative[-1]
            some = candidates[np.searchsorted(cumulative, places, side="right")]
            differences = (self._points[some] - block[:, None])[..., others]
            nearest = np.square(differences).sum(-1).argmin(1)
            donors.append(some[np.arange(len(block)), nearest])
        return np.concatenate(donors)


class OddCellsAsHoles(OddCells):
    """For densities of rows with holes: a code says that a cell was not observed, and so it is.

    Rows that differ in their odd cells only become equal, and are merged.
    """

    def replaced_in(self, data: WeightedDataset, rng: np.random.Generator) -> WeightedDataset:
        """The samples with holes in place of odd cells, without those that are all holes."""
        if not self.fences.odd(data.x.numpy()).any():
            return data
        data = super().replaced_in(data, rng)
        context = None if data.context is None else data.context.numpy()
        rows, weights = data.x.numpy(), data.weights.numpy()
        merged = WeightedDataset.of(*merge_duplicates(rows, weights, context))
        if data.counts is None:
            return merged
        return replace(merged, counts=summed_weights(rows, data.counts))

    def replaced(
        self, rows: np.ndarray, context: np.ndarray | None, rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray]:
        """Rows (n, d) with holes in place of odd cells, and which of them have a cell, (n,)."""
        rows = np.where(self.fences.odd(rows), np.nan, rows)
        return rows, has_cells(rows)


class _RobustScale:
    """Columns by their medians and quantiles of usual cells; far ones hardly count.

    All values are divided by 4, so that no difference overflows.
    """

    def __init__(self, rows: np.ndarray, usual: np.ndarray | None = None):
        usual = np.ones(rows.shape, dtype=bool) if usual is None else usual
        columns = [column[own] / 4 for column, own in zip(rows.T, usual.T, strict=True)]
        quantiles = np.array([np.quantile(column, [0.16, 0.5, 0.84]) for column in columns])
        ranges = np.array([np.ptp(column) for column in columns])
        width = (quantiles[:, 2] - quantiles[:, 0]) / 2
        self._middle = quantiles[:, 1]
        self._width = np.where(width > 0, width, np.where(ranges > 0, ranges, 1.0))

    def __call__(self, rows: np.ndarray) -> np.ndarray:
        """Points (n, d), 0 at the medians."""
        with np.errstate(over="ignore"):
            return ((rows / 4 - self._middle) / self._width).clip(-_FAR, _FAR)
