"""Columns that are functions of other columns, so that the table has no density."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations

import numpy as np

_MIN_ROWS, _MAX_ROWS, _MAX_COLUMNS = 20, 1000, 300  # that are looked at
_MAX_COLUMNS_SMOOTH, _MAX_COLUMNS_QUADRATIC = 50, 8  # the more expensive searches
_ROWS_PER_TERM = 3  # at least: with fewer rows, anything is a function of that many terms
_ROWS_PER_COLUMN = 10  # at least, without holes
_EXACT = 1e-6  # of a standard deviation: residuals of a function of others are smaller
_SMOOTH = 1e-4  # the same, where values are interpolated
_MIN_PART = 1e-3  # of a standard deviation: a term with less of it is not named


@dataclass(frozen=True)
class Dependence:
    """Column `column` is a function of the columns `others`."""

    column: int
    others: tuple[int, ...]

    def among(self, columns: np.ndarray) -> "Dependence":
        """The same, of a table of which only some columns were looked at."""
        return Dependence(int(columns[self.column]), tuple(columns[list(self.others)].tolist()))


def find_functional_columns(rows: np.ndarray, usual: np.ndarray | None = None) -> list[Dependence]:
    """Find the columns that are functions of others, up to rounding.

    The functions that are found are linear ones, products of powers (such as a ratio, or weight
    divided by the square of the height), exponentials and logarithms of linear ones, smooth ones
    of a single column, and quadratic ones in tables of up to eight columns. Constant columns
    are left out.

    Parameters
    ----------
    rows : ndarray of shape (n, d)
        Distinct rows.
    usual : ndarray of shape (n, d), optional
        Which cells are neither holes nor odd; all by default. Columns with so many other cells
        that too few rows are left are not asked.

    Returns
    -------
    list of Dependence
        At most one for each column, which depends on columns before it if that is possible.
    """
    if usual is not None and not usual.all():
        columns = _complete_columns(usual)
        found = find_functional_columns(rows[np.ix_(usual[:, columns].all(1), columns)])
        return [d.among(columns) for d in found]
    if rows.shape[1] < 2 or rows.shape[1] > _MAX_COLUMNS or len(rows) < _MIN_ROWS:
        return []
    picked = np.linspace(0, len(rows) - 1, min(len(rows), _MAX_ROWS)).astype(int)
    rows = rows[picked]
    with np.errstate(all="ignore"):
        by_column: dict[int, Dependence] = {}
        for search in (_linear, _products_of_powers, _smooth, _quadratic):
            free = np.array([j for j in range(rows.shape[1]) if j not in by_column])
            for dependence in search(rows, free):
                by_column.setdefault(dependence.column, dependence)
    return [by_column[j] for j in sorted(by_column)]


def _complete_columns(usual: np.ndarray) -> np.ndarray:
    """As many columns as leave enough rows without holes and odd cells, sorted."""
    order = np.argsort(-usual.sum(0), kind="stable")
    n_complete = np.logical_and.accumulate(usual[:, order], axis=1).sum(0)
    enough = np.maximum(_MIN_ROWS, _ROWS_PER_COLUMN * np.arange(1, len(order) + 1))
    n_columns = int(np.logical_and.accumulate(n_complete >= enough).sum())
    return np.sort(order[:n_columns])


def _linear(rows: np.ndarray, free: np.ndarray) -> Iterator[Dependence]:
    yield from _combinations(_standardized(rows[:, free]), free)


def _products_of_powers(rows: np.ndarray, free: np.ndarray) -> Iterator[Dependence]:
    """Linear relations of the logarithms of columns without zeros, and of the columns."""
    nonzero = (rows[:, free] != 0).all(0)
    pairs = np.stack([rows[:, free], np.log(np.abs(rows[:, free]))], axis=-1)
    usable = np.column_stack([np.ones(len(free), dtype=bool), nonzero]).ravel()
    z = _standardized(pairs.reshape(len(rows), -1)[:, usable])
    labels = np.repeat(free, 2)[usable]
    for dependence in _combinations(z, labels):
        others = tuple(dict.fromkeys(k for k in dependence.others if k != dependence.column))
        if others:
            yield Dependence(dependence.column, others)


def _smooth(rows: np.ndarray, free: np.ndarray) -> Iterator[Dependence]:
    """Columns whose values can be interpolated from those of the neighbors in another one.

    Only columns of distinct values are compared: any values of a flag are neighbors.
    """
    distinct = [int(j) for j in free if len(np.unique(rows[:, j])) > 0.9 * len(rows)]
    if len(distinct) > _MAX_COLUMNS_SMOOTH:
        return
    z = _standardized(rows[:, distinct])
    for k, other in enumerate(distinct):
        order = np.argsort(z[:, k], kind="stable")
        x, y = z[order, k][:, None], z[order]
        fraction = (x[1:-1] - x[:-2]) / (x[2:] - x[:-2])
        error = np.abs(y[:-2] + fraction * (y[2:] - y[:-2]) - y[1:-1])
        width = np.median(np.abs(z - np.median(z, axis=0)), axis=0)  # of heavy tails, too
        functional = np.median(error, axis=0) < _SMOOTH * width
        yield from (Dependence(distinct[m], (other,)) for m in np.flatnonzero(functional) if m > k)


def _quadratic(rows: np.ndarray, free: np.ndarray) -> Iterator[Dependence]:
    """Quadratic functions of all other columns."""
    if not 2 < len(free) <= _MAX_COLUMNS_QUADRATIC:
        return
    z = _standardized(rows[:, free])
    for j in range(len(free) - 1, -1, -1):
        others = [k for k in range(len(free)) if k != j]
        pairs = [z[:, k] * z[:, m] for k, m in combinations(others, 2)]
        squares = [z[:, k] ** 2 for k in others]
        terms = _standardized(np.column_stack([z[:, others], *squares, *pairs]))
        columns = np.column_stack([terms, z[:, j]])
        dependent = dict(_dependent(columns, only=columns.shape[1] - 1))
        if columns.shape[1] - 1 in dependent:
            named = _others_of(dependent[columns.shape[1] - 1], others)
            yield Dependence(int(free[j]), tuple(int(free[k]) for k in named))
            return


def _others_of(terms: list[int], others: list[int]) -> list[int]:
    """The columns in the given terms of `_quadratic`."""
    pairs = list(combinations(others, 2))
    of_term = [(k,) for k in others] * 2 + pairs
    return sorted({k for term in terms for k in of_term[term]})


def _combinations(z: np.ndarray, labels: np.ndarray) -> Iterator[Dependence]:
    """Columns of z that are linear combinations of columns before them."""
    for j, others in _dependent(z):
        yield Dependence(int(labels[j]), tuple(int(labels[k]) for k in others))


def _dependent(z: np.ndarray, only: int | None = None) -> Iterator[tuple[int, list[int]]]:
    """Indices of standardized columns, each with those before it that it is a combination of.

    Gram and Schmidt's method, orthogonalizing twice, which is accurate to rounding.
    """
    n = len(z)
    basis, independent = np.empty((0, n)), list[int]()
    for j, column in enumerate(z.T):
        size = np.linalg.norm(column)
        if not size > 0:  # constant
            continue
        residual = column
        for _ in range(2):
            residual = residual - basis.T @ (basis @ residual)
        left = np.linalg.norm(residual)
        if left > _EXACT * size or not _is_small(residual, column):
            if left > 0 and len(independent) < n // _ROWS_PER_TERM:
                basis = np.vstack([basis, residual / left])
                independent.append(j)
        elif only is None or j == only:
            coefficients = np.linalg.lstsq(z[:, independent], column, rcond=None)[0]
            yield j, [independent[k] for k in np.flatnonzero(np.abs(coefficients) > _MIN_PART)]


def _is_small(residual: np.ndarray, column: np.ndarray) -> bool:
    """Whether a residual is small in most rows, and not only beside a few huge values."""
    deviations = np.abs(column - np.median(column))
    varies = deviations > 0
    return bool(np.median(np.abs(residual[varies]) / deviations[varies]) < _EXACT)


def _standardized(columns: np.ndarray) -> np.ndarray:
    """Centered columns of unit variance; constant ones are 0, as are those that overflow."""
    scale = np.abs(columns).max(0)
    z = columns / np.where(scale > 0, scale, 1.0)
    z = z - z.mean(0)
    deviation = z.std(0)
    varies = np.ptp(columns / 4, axis=0) > 0
    z = np.where(varies, z / np.where(deviation > 0, deviation, 1.0), 0.0)
    return np.where(np.isfinite(z).all(0), z, 0.0)
