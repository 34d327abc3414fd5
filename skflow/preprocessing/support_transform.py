"""Columns with supports as unbounded real ones: integers dequantized, angles unrolled.

This happens once, before anything is fitted, so that all else deals with real numbers only.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from torch import Tensor

from skflow.data.support import Support
from skflow.data.weighted_rows import repeat_counts
from skflow.flows.bijections import Arc, Bijection, Bounded
from skflow.flows.distributions.constrained_columns import SOFT, ConstrainedDensity
from skflow.flows.distributions.distribution import Density
from skflow.flows.distributions.flow import Flow
from skflow.flows.distributions.interval import Interval
from skflow.preprocessing.column_tails import Thresholds
from skflow.preprocessing.dataset import WeightedDataset

_N_OFFSETS = 16  # places in a unit interval at which the density of an integer is evaluated
_FEW_VALUES, _MIN_SAMPLES = 5, 1000  # few values of one column become at least as many samples
_BINS = 36  # of the circle, to find where it is emptiest


@dataclass(frozen=True)
class SupportTransform:
    """Maps columns with supports to unbounded real columns, and densities back.

    `fields` are those of `ColumnConstraints`, and empty if all columns are unrestricted;
    `bijections` map dequantized columns to unbounded ones.
    """

    fields: dict[str, Tensor] = field(default_factory=dict)
    bijections: list[Bijection] = field(default_factory=list)

    @property
    def all_integer(self) -> bool:
        """Whether all columns are integers, so that equal rows are counts."""
        return bool(self.fields) and bool(self.fields["integer"].all())

    @property
    def is_integer(self) -> bool:
        """Whether there is a single column, of integers."""
        return self.all_integer and len(self.fields["integer"]) == 1

    def dequantize(self, rows: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Rows (n, d) as real numbers."""
        if not self.fields:
            return rows
        return _dequantized(rows, {name: t.numpy() for name, t in self.fields.items()}, rng)

    def bin_bounds(self, x: Tensor) -> Tensor | None:
        """Ends (2, n, d) of the unit intervals of dequantized integers; x in other columns."""
        integer = self.fields.get("integer")
        if integer is None or not integer.any():
            return None
        middle = torch.where(integer > 0, x.round(), x)
        return torch.stack([middle - integer / 2, middle + integer / 2])

    def with_cells(self, data: WeightedDataset) -> WeightedDataset:
        """The samples with the cells of their integers, if these are the only column.

        Bounds play no role in a fit: cells at them end there.
        """
        if not self.is_integer:
            return data
        assert data.observed is not None
        values = torch.from_numpy(data.observed[:, 0])
        infinity = torch.full_like(values, torch.inf)
        return replace(data, cells=Interval.around(values, -infinity, infinity))

    def constrain(self, continuous: Flow) -> Flow | ConstrainedDensity:
        """The density of the original columns, from that of the dequantized ones."""
        if not self.fields:
            return continuous
        tensors = {name: tensor.to(_reference(continuous)) for name, tensor in self.fields.items()}
        return ConstrainedDensity(continuous, **tensors).eval().requires_grad_(False)


def fit_support_transform(
    data: WeightedDataset,
    supports: Sequence[Support],
    rng: np.random.Generator,
    earlier: Density | None = None,
) -> tuple[WeightedDataset, SupportTransform]:
    """Dequantize a data set, as in an earlier density if a fit continues from one.

    Where all columns are integers, equal rows are counts and not repeated measurements: they
    are repeated in proportion to their weights, so that each is dequantized to its own place.
    """
    recorded = None if earlier is None else _fields_of(earlier)
    if recorded is not None:
        _check_same(recorded, supports)
    if all(support == Support() for support in supports):
        return data, SupportTransform()
    if all(support.kind == "lattice" for support in supports):
        data = repeated_by_weight(data)
    rows, weights = data.x.numpy(), data.weights.numpy()
    fields = recorded or _fit_fields(rows, weights, supports)
    x = torch.from_numpy(_dequantized(rows, fields, rng))
    transform = SupportTransform(
        {name: torch.from_numpy(value) for name, value in fields.items()},
        _bijections(fields, supports, x, data.weights),
    )
    bounds = transform.bin_bounds(x)
    observed = rows if data.observed is None else data.observed
    dequantized = WeightedDataset(
        x, data.weights, data.context, None, bounds, observed, data.counts
    )
    return dequantized, transform


def repeated_by_weight(data: WeightedDataset) -> WeightedDataset:
    """Each sample as often as its weight says, the weights divided by the number of copies.

    The smallest counts in proportion to the weights of two flags may be 1 and 1, however many
    samples there were: few values are repeated until there are enough samples to fit a density.
    """
    weights = data.weights.numpy()
    copies = repeat_counts(weights)
    if len(data) <= _FEW_VALUES and data.x.shape[1] == 1:
        copies *= math.ceil(_MIN_SAMPLES / copies.sum())
    repeated = data.take(np.repeat(np.arange(len(data)), copies))
    return replace(
        repeated,
        weights=torch.from_numpy(np.repeat(weights / copies, copies)),
        counts=None if data.counts is None else np.repeat(data.counts / copies, copies),
    )


def _dequantized(
    rows: np.ndarray, fields: dict[str, np.ndarray], rng: np.random.Generator
) -> np.ndarray:
    integer, cut_point, period = fields["integer"] > 0, fields["cut_point"], fields["period"]
    real = np.clip(rows, fields["value_at_low"], fields["value_at_high"])
    real += _spread_over_bins(len(rows), integer, rng)
    for j in np.flatnonzero(np.isfinite(period)):
        real[:, j] = _unrolled(real[:, j], cut_point[j], period[j], rng)
    return real


def _fit_fields(
    rows: np.ndarray, weights: np.ndarray, supports: Sequence[Support]
) -> dict[str, np.ndarray]:
    """The fields of `ColumnConstraints`."""
    declared = _declared(supports)
    period, integer = declared["period"], declared["integer"] > 0
    at_low, at_high = _values_at_bounds(rows, declared["low"], declared["high"], integer)
    return declared | {
        "value_at_low": at_low,
        "value_at_high": at_high,
        "origin": np.where(np.isfinite(period) & (rows.min(0) < 0), -period / 2, 0.0),
        "cut_point": np.array(
            [_cut_point(x, weights, p) for x, p in zip(rows.T, period, strict=True)]
        ),
        "offsets": offsets_in_bins(integer),
    }


def _declared(supports: Sequence[Support]) -> dict[str, np.ndarray]:
    """The fields of `ColumnConstraints` that users declare."""
    return {
        "low": np.array([s.smallest for s in supports]),
        "high": np.array([s.largest for s in supports]),
        "integer": np.array([float(s.kind == "lattice") for s in supports]),
        "period": np.array([s.period or math.inf for s in supports]),
    }


def _fields_of(earlier: Density) -> dict[str, np.ndarray]:
    """The fields of an earlier density, none if its columns are unrestricted."""
    if not isinstance(earlier, ConstrainedDensity):
        return {}
    return {name: t.double().cpu().numpy() for name, t in vars(earlier.supports).items()}


def _check_same(fields: dict[str, np.ndarray], supports: Sequence[Support]) -> None:
    """Raise where columns had other supports."""
    unrestricted = _declared([Support()] * len(supports))
    for name, declared in _declared(supports).items():
        if fields.get(name, unrestricted[name]).tolist() != declared.tolist():
            raise ValueError(
                "warm_start=True continues an earlier fit, in which the columns had other "
                "supports. Declare the same supports, or use warm_start=False."
            )


def _bijections(
    fields: dict[str, np.ndarray], supports: Sequence[Support], x: Tensor, weights: Tensor
) -> list[Bijection]:
    """To columns without bounds: angles fill a turn and a half.

    Integers pass unchanged: the cells at their bounds take what lies beyond, and a map onto the
    real line would bend the density within these cells.
    """
    ends = np.array([(s.lower, s.upper) for s in supports]).T
    low, high = np.where(fields["integer"] == 0, ends, [[-np.inf], [np.inf]])
    bijections: list[Bijection] = []
    if np.isfinite([low, high]).any():
        bounds = torch.from_numpy(low), torch.from_numpy(high)
        bijections.append(Bounded.fit(*bounds, x, weights, Thresholds.of(x, weights)))
    circular = np.isfinite(fields["period"])
    if circular.any():
        period = np.where(circular, fields["period"], 0.0)
        start = np.where(circular, fields["cut_point"] - SOFT / 2 * period, -np.inf)
        stop = np.where(circular, fields["cut_point"] + (1 + SOFT / 2) * period, np.inf)
        bijections.append(Arc(torch.from_numpy(start), torch.from_numpy(stop)))
    return bijections


def _reference(flow: Flow) -> Tensor:
    """A tensor of the dtype and on the device of a density."""
    return flow.base.weights  # type: ignore[return-value]


def _values_at_bounds(
    rows: np.ndarray, low: np.ndarray, high: np.ndarray, integer: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """What values at the ends are read as: half way to the nearest ones inside."""
    at_low, at_high = low.copy(), high.copy()
    for j in np.flatnonzero(~integer):
        inside = rows[(rows[:, j] > low[j]) & (rows[:, j] < high[j]), j]
        width = high[j] - low[j] if np.isfinite(high[j] - low[j]) else 1.0
        if np.isfinite(low[j]):
            nearest = inside.min() - low[j] if len(inside) else width
            at_low[j] = low[j] + nearest / 2
        if np.isfinite(high[j]):
            nearest = high[j] - inside.max() if len(inside) else width
            at_high[j] = high[j] - nearest / 2
    return at_low, at_high


def offsets_in_bins(integer: np.ndarray) -> np.ndarray:
    """Where in its cell a row of whole numbers is looked at, (m, d), 0 in other columns.

    A Latin hypercube: in each column the middles of m slices of the cell, in some order.
    """
    if not integer.any():
        return np.zeros((1, len(integer)))
    slices = np.repeat(
        (np.arange(_N_OFFSETS)[:, None] + 0.5) / _N_OFFSETS - 0.5, len(integer), axis=1
    )
    return np.random.default_rng(0).permuted(slices, axis=0) * integer


def _spread_over_bins(n: int, integer: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Places (n, d) spread evenly over the cells of whole numbers, 0 in other columns.

    An additive recurrence by powers of a generalized golden ratio (Roberts 2018), so that any
    stretch of them is spread evenly, too.
    """
    d = int(integer.sum())
    points = np.zeros((n, len(integer)))
    if d:
        golden = 2.0
        for _ in range(50):
            golden = (1 + golden) ** (1 / (d + 1))
        steps = golden ** -np.arange(1.0, d + 1)
        points[:, integer] = (rng.random(d) + np.outer(np.arange(n), steps)) % 1 - 0.5
    return points


def _cut_point(angles: np.ndarray, weights: np.ndarray, period: float) -> float:
    """Where a circle is emptiest: there it is cut."""
    if not math.isfinite(period):
        return 0.0
    bins = (np.floor(angles % period / period * _BINS)).astype(int) % _BINS
    counts = np.bincount(bins, weights, _BINS)
    smooth = np.sum([np.roll(counts, shift) for shift in range(-4, 5)], axis=0)
    return float((smooth.argmin() + 0.5) / _BINS * period)


def _unrolled(
    angles: np.ndarray, cut_point: float, period: float, rng: np.random.Generator
) -> np.ndarray:
    """Angles of the turn from the seam on; those near it fade into the turns beside it."""
    past = (angles - cut_point) % period
    nearer = np.minimum(past, period - past)
    stay = 0.5 + 0.5 * np.sin(np.pi * np.minimum(nearer / (SOFT * period), 0.5))
    away = rng.random(len(angles)) > stay
    step = np.where(past < period / 2, period, -period)
    return cut_point + past + np.where(away, step, 0.0)
