"""Columns with holes and atoms on their way to unbounded standardized ones."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace

import numpy as np
import torch
from torch import Tensor

from skflow.data.support import Support
from skflow.fitting.any_order.completion import complete
from skflow.flows.any_order.columns import SOFT, ColumnFields, Columns
from skflow.flows.any_order.links import Links
from skflow.flows.bijections import Arc, Bijection, Bounded, Standardize
from skflow.preprocessing.column_tails import Thresholds
from skflow.preprocessing.dataset import WeightedDataset

_BINS = 36  # of the circle, to find where it is emptiest


def fit_columns(rows: np.ndarray, weights: np.ndarray, supports: Sequence[Support]) -> Columns:
    """What each column consists of: by its support, but for where circles are cut."""
    n_levels = max(1, *(len(support.states) for support in supports))
    levels = np.full((len(supports), n_levels), np.nan)
    for j, support in enumerate(supports):
        levels[j, : len(support.states)] = support.states
    of_columns = {
        "levels": levels,
        "continuous": [not _is_all_states(s) for s in supports],
        "low": [s.lower for s in supports],
        "high": [s.upper for s in supports],
        "step": [s.step or 0.0 for s in supports],
        "origin": [s.lattice.origin if s.kind == "lattice" else 0.0 for s in supports],
        "period": [s.period or np.inf for s in supports],
        "cut_point": [_cut_point(rows[:, j], weights, s) for j, s in enumerate(supports)],
        "turn": [_turn(rows[:, j], s) for j, s in enumerate(supports)],
    }
    tensors = {name: torch.tensor(np.asarray(v, dtype=float)) for name, v in of_columns.items()}
    assert set(tensors) == {field.name for field in fields(ColumnFields)}
    return Columns(**tensors)


def _is_all_states(support: Support) -> bool:
    """Whether a column consists of states only: categories, flags, a few whole numbers."""
    return support.kind == "category" or (support.kind == "lattice" and bool(support.states))


def _cut_point(angles: np.ndarray, weights: np.ndarray, support: Support) -> float:
    """Where a circle is emptiest: there it is cut."""
    known = ~np.isnan(angles)
    if support.period is None or not known.any():
        return 0.0
    turns = angles[known] % support.period / support.period
    bins = np.floor(turns * _BINS).astype(int) % _BINS
    counts = np.bincount(bins, weights[known], _BINS)
    smooth = np.sum([np.roll(counts, shift) for shift in range(-4, 5)], axis=0)
    return float((smooth.argmin() + 0.5) / _BINS * support.period)


def _turn(angles: np.ndarray, support: Support) -> float:
    """Where the turn begins that angles are given in."""
    is_signed = support.period is not None and bool((angles < 0).any())
    return -support.period / 2 if is_signed and support.period else 0.0


def fit_bijections(columns: Columns, x: Tensor, weights: Tensor) -> list[Bijection]:
    """Bijections of rows (n, d) to unbounded columns, standardized on their continua."""
    bounds = torch.stack([columns.low, columns.high])
    bounds = torch.where(columns.step > 0, torch.tensor([[-torch.inf], [torch.inf]]).to(x), bounds)
    fits: list[Callable[[int, Tensor, Tensor], Bijection]] = []
    if bool(bounds.isfinite().any()):
        fits.append(lambda j, v, w: _bounded(bounds[:, j : j + 1], v, w))
    if any(columns.is_circular):
        fits.append(lambda j, v, w: _arc(columns, j))
    fits.append(lambda j, v, w: Standardize.fit(v, w))
    return _fit_by_column(columns, x, weights, fits)


def _bounded(bounds: Tensor, values: Tensor, weights: Tensor) -> Bounded:
    low, high = bounds
    return Bounded.fit(low, high, values, weights, Thresholds.of(values, weights))


def _arc(columns: Columns, j: int) -> Arc:
    period = columns.period[j : j + 1]
    start, circular = columns.cut_point[j : j + 1], period.isfinite()
    low = torch.where(circular, start - SOFT / 2 * period, -torch.inf)
    high = torch.where(circular, start + (1 + SOFT / 2) * period, torch.inf)
    return Arc(low, high)


def _fit_by_column(
    columns: Columns,
    x: Tensor,
    weights: Tensor,
    fits: Sequence[Callable[[int, Tensor, Tensor], Bijection]],
) -> list[Bijection]:
    """Bijections that are fitted one after another to the numbers of each column."""
    by_column = []
    for j in range(len(columns)):
        values, own = _numbers(columns, x, weights, j)
        chain: list[Bijection] = []
        for fit in fits:
            chain.append(fit(j, values, own))
            values = chain[-1](values)[0]
        by_column.append(chain)
    return [_joined(bijections) for bijections in zip(*by_column, strict=True)]


def _numbers(columns: Columns, x: Tensor, weights: Tensor, j: int) -> tuple[Tensor, Tensor]:
    """Values (k, 1) on the continuum of a column, some value if it has none, and weights."""
    states = columns.states(x)[:, j]
    rows = ~x[:, j].isnan() & (states == 0)
    if not columns.has_continuum[j] or not bool(rows.any()):
        return columns.some_value(j).reshape(1, 1).to(x), weights.new_ones(1)
    values = x[rows, j : j + 1]
    if columns.is_circular[j]:
        start = columns.cut_point[j]
        values = start + torch.remainder(values - start, columns.period[j])
    return values, weights[rows]


def _joined(bijections: Sequence[Bijection]) -> Bijection:
    """One bijection of d columns, from d bijections of one column."""
    names = [name for name, _ in bijections[0].named_buffers()]
    return type(bijections[0])(
        **{name: torch.cat([getattr(each, name) for each in bijections]) for name in names}
    )


@dataclass(frozen=True)
class CompletedSamples:
    """Samples in standardized units without holes and atoms, to select and fit links by.

    `data` has numbers everywhere; those of lattices are spread over their cells, whose ends are
    its `bin_bounds`.
    """

    data: WeightedDataset

    @classmethod
    def of(
        cls,
        data: WeightedDataset,
        columns: Columns,
        bijections: list[Bijection],
        rng: np.random.Generator,
    ) -> "CompletedSamples":
        """Numbers in place of all other cells of samples in the user's units."""
        links = Links(bijections, len(columns))
        cells = columns.split(data.x, links)
        z = torch.stack([column.u for column in cells.columns], dim=1)
        number = cells.on_continuum & torch.tensor(columns.has_continuum)
        completed = complete(z, number, data.weights, rng)
        completed, bounds = _spread(completed, columns, _scale(bijections), rng)
        log_det = torch.stack([column.log_slope for column in cells.columns]).sum(0)
        return cls(
            replace(
                data, x=completed, log_det=log_det, bin_bounds=bounds, observed=None, cells=None
            )
        )


def _spread(
    z: Tensor, columns: Columns, scale: Tensor, rng: np.random.Generator
) -> tuple[Tensor, Tensor | None]:
    """Standardized columns (n, d), lattices spread over their cells, and the ends of these."""
    if not any(columns.is_lattice):
        return z, None
    half = torch.where(torch.tensor(columns.is_lattice), columns.step / 2 / scale, 0.0)
    places = torch.from_numpy(rng.uniform(-1, 1, z.shape))
    return z + places * half, torch.stack([z - half, z + half])


def _scale(bijections: list[Bijection]) -> Tensor:
    standardize = bijections[-1]
    assert isinstance(standardize, Standardize)
    return standardize.scale
