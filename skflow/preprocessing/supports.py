"""What values the columns can take, as the user declares them: read, checked, made real numbers.

Whole numbers are spread over their cells and angles unrolled once, before anything is fitted:
behind that, all is as for columns of real numbers.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Integral
from typing import Any

import numpy as np
import torch
from torch import Tensor

from skflow.data.validation import Names, column_name
from skflow.data.weighted_rows import repetitions
from skflow.flows.bijections import Arc, Bijection, Bounded
from skflow.flows.distributions.constrained import SOFT, ConstrainedDensity
from skflow.flows.distributions.flow import Flow

_SMALLEST = float(np.nextafter(0.0, 1.0))
_OFFSETS = 16  # at which the cells of whole numbers are looked at
_BINS = 36  # of a circle, when looking for its emptiest place


@dataclass(frozen=True)
class Support:
    """Of one column: real or whole numbers from low to high, or angles with a period."""

    low: float = -math.inf
    high: float = math.inf
    whole: bool = False
    period: float = math.inf

    @property
    def circular(self) -> bool:
        """Whether the column is of angles."""
        return self.period < math.inf

    def __str__(self) -> str:
        if self.circular:
            return f"angles of period {self.period:g}"
        numbers = "whole numbers" if self.whole else "numbers"
        if self.low == _SMALLEST:
            return f"{numbers} above 0"
        return f"{numbers} from {self.low:g} to {self.high:g}"


NAMED = {
    "positive": Support(low=_SMALLEST),
    "nonnegative": Support(low=0.0),
    "unit": Support(0.0, 1.0),
    "integer": Support(whole=True),
    "circular": Support(period=2 * math.pi),
}


def resolve_supports(declared: Any, n_columns: int, names: Names) -> list[Support]:
    """A support for every column.

    Parameters
    ----------
    declared : None, str, tuple, list or dict
        One for all, a list with one for each, or a dict from names or indices of columns.
    n_columns : int
        Number of columns.
    names : ndarray of str or None
        Names of the columns.

    Returns
    -------
    list of Support

    Raises
    ------
    ValueError
        Where it cannot be read, or names a column that is not there.
    """
    if isinstance(declared, dict):
        supports = [Support()] * n_columns
        for column, spec in declared.items():
            supports[_index_of(column, n_columns, names)] = _read(spec)
        return supports
    if isinstance(declared, list):
        if len(declared) != n_columns:
            raise ValueError(
                f"support={declared!r} has {len(declared)} entries, and there are {n_columns} "
                "columns: pass one for each, a dict from names or indices, or one for all."
            )
        return [_read(spec) for spec in declared]
    return [_read(declared)] * n_columns


def check_no_angles(declared: Any, n_targets: int, names: Names) -> None:
    """Raise where a target is an angle, which has no mean, quantiles or distribution function."""
    supports = resolve_supports(declared, n_targets, names)
    if any(support.circular for support in supports):
        raise ValueError(
            f"support={declared!r}: a regressor's targets have means and quantiles, which angles "
            "have not. Fit sine and cosine of the angle as two targets, or a "
            "NormalizingFlowDensity of all columns."
        )


def check_inside(
    rows: np.ndarray, supports: Sequence[Support], names: Names, numbers: np.ndarray
) -> None:
    """Raise where a row is outside the supports; `numbers` are the rows' own."""
    for j, (column, support) in enumerate(zip(rows.T, supports, strict=True)):
        outside = (column < support.low) | (column > support.high)
        if support.whole:
            outside |= column != np.round(column)
        if outside.any():
            i = int(np.argmax(outside))
            raise ValueError(
                f"Row {numbers[i]} has {column[i]:g} in {column_name(names, j)}, which is "
                f"declared to be {support} ({int(outside.sum())} rows in all are outside). "
                "Declare another support, or drop such rows."
            )


@dataclass(frozen=True)
class DequantizedRows:
    """Rows of real numbers, their weights and context, and the way back.

    `values` are what the rows were, `bijections` lead from the rows to columns without bounds.
    """

    values: np.ndarray
    rows: np.ndarray
    weights: np.ndarray
    context: np.ndarray | None
    supports: dict[str, Tensor]
    bijections: list[Bijection]

    @property
    def cells(self) -> Tensor | None:
        """The ends (2, n, d) of the cells of whole numbers; in other columns both are the row."""
        whole = self.supports.get("integer")
        if whole is None or not whole.any():
            return None
        x = torch.from_numpy(self.rows)
        middle = torch.where(whole > 0, x.round(), x)
        return torch.stack([middle - whole / 2, middle + whole / 2])

    @property
    def counted(self) -> bool:
        """Whether all columns are of whole numbers, so that equal rows are counts."""
        return bool(self.supports) and bool(self.supports["integer"].all())

    def like(self, values: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Other rows, made real numbers as these were."""
        if not self.supports:
            return values
        return _continuous(values, {name: t.numpy() for name, t in self.supports.items()}, rng)

    @property
    def arrays(self) -> list[np.ndarray]:
        """All that a fit sees of the rows."""
        given = [] if self.context is None else [self.context]
        return [self.rows, self.weights, *given]

    def settle(self, continuous: Flow) -> Flow | ConstrainedDensity:
        """The density of the rows as they were."""
        if not self.supports:
            return continuous
        tensors = {name: tensor.to(_like(continuous)) for name, tensor in self.supports.items()}
        return ConstrainedDensity(continuous, **tensors).eval().requires_grad_(False)


def dequantize(
    rows: np.ndarray,
    weights: np.ndarray,
    context: np.ndarray | None,
    supports: Sequence[Support],
    rng: np.random.Generator,
    earlier: Flow | ConstrainedDensity | None = None,
) -> DequantizedRows:
    """Rows as real numbers: whole ones spread over their cells, angles unrolled.

    As in an earlier density, where there is one to go on from.
    """
    before = {} if earlier is None else _recorded(earlier)
    if earlier is not None:
        _check_same(before, supports)
    if all(support == Support() for support in supports):
        return DequantizedRows(rows, rows, weights, context, {}, [])
    whole = np.array([s.whole for s in supports])
    if whole.all():  # equal rows are counts then, and not the same row again
        copies = repetitions(weights)
        rows, weights = np.repeat(rows, copies, axis=0), np.repeat(weights / copies, copies)
        context = None if context is None else np.repeat(context, copies, axis=0)
    record = before or _record(rows, weights, supports)
    real = _continuous(rows, record, rng)
    return DequantizedRows(
        rows,
        real,
        weights,
        context,
        {name: torch.from_numpy(value) for name, value in record.items()},
        _bijections(record, torch.from_numpy(real), torch.from_numpy(weights)),
    )


def _continuous(
    rows: np.ndarray, record: dict[str, np.ndarray], rng: np.random.Generator
) -> np.ndarray:
    whole, cut_point, period = record["integer"] > 0, record["cut_point"], record["period"]
    real = np.clip(rows, record["value_at_low"], record["value_at_high"])
    real += _spread_over_cells(len(rows), whole, rng)
    for j in np.flatnonzero(np.isfinite(period)):
        real[:, j] = _unrolled(real[:, j], cut_point[j], period[j], rng)
    return real


def _record(
    rows: np.ndarray, weights: np.ndarray, supports: Sequence[Support]
) -> dict[str, np.ndarray]:
    """The fields of flows.supported.Supports."""
    low, high, period = (
        np.array([getattr(s, field) for s in supports]) for field in ("low", "high", "period")
    )
    whole = np.array([s.whole for s in supports])
    at_low, at_high = _read_ends(rows, low, high, whole)
    return {
        "low": low,
        "high": high,
        "value_at_low": at_low,
        "value_at_high": at_high,
        "integer": whole.astype(float),
        "period": period,
        "origin": np.where(np.isfinite(period) & (rows.min(0) < 0), -period / 2, 0.0),
        "cut_point": np.array(
            [_cut_point(x, weights, s.period) for x, s in zip(rows.T, supports, strict=True)]
        ),
        "offsets": places_in_cells(whole),
    }


def _recorded(earlier: Flow | ConstrainedDensity) -> dict[str, np.ndarray]:
    """Those of an earlier density."""
    if not isinstance(earlier, ConstrainedDensity):
        return {}
    return {name: t.double().cpu().numpy() for name, t in vars(earlier.supports).items()}


def _check_same(record: dict[str, np.ndarray], supports: Sequence[Support]) -> None:
    """Raise where columns had other supports."""
    keys = {"low": "low", "high": "high", "period": "period", "whole": "integer"}
    for field, key in keys.items():
        were = record.get(key, np.array([float(getattr(Support(), field))] * len(supports)))
        if were.tolist() != [float(getattr(s, field)) for s in supports]:
            raise ValueError(
                "warm_start=True goes on from an earlier fit, and the columns had other supports "
                "there: declare the same, or use warm_start=False."
            )


def _bijections(record: dict[str, np.ndarray], x: Tensor, weights: Tensor) -> list[Bijection]:
    """To columns without bounds: whole numbers fill their cells, angles a turn and a half."""
    half = 0.5 * record["integer"]
    low, high = record["low"] - half, record["high"] + half
    bijections: list[Bijection] = []
    if np.isfinite([low, high]).any():
        edge = np.where(low == _SMALLEST, 0.0, low)
        bijections.append(Bounded.fit(torch.from_numpy(edge), torch.from_numpy(high), x, weights))
    circular = np.isfinite(record["period"])
    if circular.any():
        period = np.where(circular, record["period"], 0.0)
        start = np.where(circular, record["cut_point"] - SOFT / 2 * period, -np.inf)
        stop = np.where(circular, record["cut_point"] + (1 + SOFT / 2) * period, np.inf)
        bijections.append(Arc(torch.from_numpy(start), torch.from_numpy(stop)))
    return bijections


def _index_of(column: Any, n_columns: int, names: Names) -> int:
    if isinstance(column, str):
        if names is not None and column in names:
            return int(np.flatnonzero(names == column)[0])
        known = "X has no names of columns" if names is None else f"there are {list(names)!r}"
        raise ValueError(f"support has a key {column!r}, and {known}.")
    if not isinstance(column, Integral) or not 0 <= int(column) < n_columns:
        raise ValueError(f"support has a key {column!r}, and there are {n_columns} columns.")
    return int(column)


def _read(spec: Any) -> Support:
    if spec is None:
        return Support()
    if isinstance(spec, str) and spec in NAMED:
        return NAMED[spec]
    if isinstance(spec, tuple):
        kind, *rest = spec if spec and isinstance(spec[0], str) else ("real", *spec)
        numbers = [_number(value, end) for value, end in zip(rest, (-1, 1), strict=False)]
        if kind == "circular" and len(rest) == 1 and 0 < numbers[0] < math.inf:
            return Support(period=numbers[0])
        if kind in ("real", "integer") and len(rest) == 2 and numbers[0] < numbers[1]:
            return Support(numbers[0], numbers[1], whole=kind == "integer")
    raise ValueError(
        f"support={spec!r} must be None, 'positive', 'nonnegative', 'unit', 'integer', "
        "'circular', (low, high), ('integer', low, high) or ('circular', period), with low < "
        "high (None where there is no bound) and a positive period; a list of these, one for "
        "each column, or a dict from names or indices of columns."
    )


def _number(value: Any, end: int) -> float:
    """A bound; None is the infinity at that end."""
    try:
        return end * math.inf if value is None else float(value)
    except (TypeError, ValueError):
        return math.nan


def _like(flow: Flow) -> Tensor:
    """A tensor of the dtype and on the device of a density."""
    return flow.base.weights  # type: ignore[return-value]


def _read_ends(
    rows: np.ndarray, low: np.ndarray, high: np.ndarray, whole: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """What values at the ends are read as: half way to the nearest ones inside."""
    at_low, at_high = low.copy(), high.copy()
    for j in np.flatnonzero(~whole):
        inside = rows[(rows[:, j] > low[j]) & (rows[:, j] < high[j]), j]
        width = high[j] - low[j] if np.isfinite(high[j] - low[j]) else 1.0
        if np.isfinite(low[j]):
            nearest = inside.min() - low[j] if len(inside) else width
            at_low[j] = low[j] + nearest / 2
        if np.isfinite(high[j]):
            nearest = high[j] - inside.max() if len(inside) else width
            at_high[j] = high[j] - nearest / 2
    return at_low, at_high


def places_in_cells(whole: np.ndarray) -> np.ndarray:
    """Where in its cell a row of whole numbers is looked at, (m, d), 0 in other columns.

    A Latin hypercube: in each column the middles of m slices of the cell, in some order.
    """
    if not whole.any():
        return np.zeros((1, len(whole)))
    slices = np.repeat((np.arange(_OFFSETS)[:, None] + 0.5) / _OFFSETS - 0.5, len(whole), axis=1)
    return np.random.default_rng(0).permuted(slices, axis=0) * whole


def _spread_over_cells(n: int, whole: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Places (n, d) spread evenly over the cells of whole numbers, 0 in other columns.

    An additive recurrence by powers of a generalised golden ratio (Roberts 2018), so that any
    stretch of them is spread evenly, too.
    """
    d = int(whole.sum())
    points = np.zeros((n, len(whole)))
    if d:
        golden = 2.0
        for _ in range(50):
            golden = (1 + golden) ** (1 / (d + 1))
        steps = golden ** -np.arange(1.0, d + 1)
        points[:, whole] = (rng.random(d) + np.outer(np.arange(n), steps)) % 1 - 0.5
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
