"""A density of any measure as a density of real numbers, for methods that need one."""

from typing import Any, NamedTuple, Protocol

import numpy as np
from scipy.stats import norm

from skflow.testing.estimator_interface import draw_samples, log_p
from skflow.testing.measure import Measure, on_continuum


class Dequantized:
    """The same density with values that have a probability spread over intervals.

    A value of a lattice is spread over its step, a category over an interval of length 1. A
    column with atoms becomes two: the state, as a category, and the number, which at an atom is
    drawn from a normal distribution. Integrals are the same, and samples spread at random follow
    the density spread.

    Parameters
    ----------
    density : object
        A fitted density.
    rows : ndarray of shape (n, d)
        Rows that it describes.
    measure : Measure
    seed : int
    """

    def __init__(self, density: Any, rows: np.ndarray, measure: Measure, seed: int = 0) -> None:
        self.density, self.seed = density, seed
        pairs = zip(rows.T, measure.supports, strict=True)
        self.axes = [_axes_of(column, support) for column, support in pairs]
        self.ends = np.cumsum([axes.n for axes in self.axes])[:-1]

    def spread(self, rows: np.ndarray, seed: int = 0) -> np.ndarray:
        """Rows (n, d) as rows of numbers (n, k)."""
        rng = np.random.default_rng([seed, self.seed, 9])
        columns = zip(self.axes, rows.T, strict=True)
        return np.hstack([axes.spread(column, rng) for axes, column in columns])

    def score_samples(self, numbers: np.ndarray) -> np.ndarray:
        """log p of rows of numbers (n, k), which is −∞ where no value is spread to."""
        parts = np.split(numbers, self.ends, axis=1)
        cells = [axes.collapse(part) for axes, part in zip(self.axes, parts, strict=True)]
        scores = np.sum([cell.log_density for cell in cells], axis=0)
        inside = np.isfinite(scores)
        if inside.any():
            rows = np.column_stack([cell.value for cell in cells])[inside]
            scores[inside] += log_p(self.density, rows)
        return np.asarray(scores)

    def sample(self, n_samples: int, random_state: int) -> np.ndarray:
        """Samples of the density, spread."""
        return self.spread(draw_samples(self.density, n_samples, random_state), random_state)


class _Cells(NamedTuple):
    """Values of a column (n,), and the log-density of the numbers that are spread from them."""

    value: np.ndarray
    log_density: np.ndarray


class _Axes(Protocol):
    """How values of one column are spread over n axes, and back."""

    n: int

    def spread(self, values: np.ndarray, rng: np.random.Generator) -> np.ndarray: ...

    def collapse(self, numbers: np.ndarray) -> _Cells: ...


def _axes_of(values: np.ndarray, support: Any) -> _Axes:
    if support.kind == "category":
        return _Interval(support)
    if support.kind == "lattice":
        return _Steps(support)
    if support.kind == "circular":
        return _Turn(support, -support.period / 2 if (values < 0).any() else 0.0)
    return _Atoms(support, values) if support.states else _Number(support)


class _Number:
    """A number is what it is."""

    n = 1

    def __init__(self, support: Any) -> None:
        self.support = support

    def spread(self, values: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        return values[:, None]

    def collapse(self, numbers: np.ndarray) -> _Cells:
        values = numbers[:, 0]
        return _Cells(values, _log(self.support.contains(values)))


class _Turn:
    """An angle is moved into one turn, since it has the same density in all of them."""

    n = 1

    def __init__(self, support: Any, start: float) -> None:
        self.start, self.period = start, support.period

    def spread(self, values: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        return (self.start + np.mod(values - self.start, self.period))[:, None]

    def collapse(self, numbers: np.ndarray) -> _Cells:
        values = numbers[:, 0]
        return _Cells(values, _log((values >= self.start) & (values < self.start + self.period)))


class _Steps:
    """A value of a lattice is spread evenly over its step."""

    n = 1

    def __init__(self, support: Any) -> None:
        self.support = support

    def spread(self, values: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        return (values + self.support.step * rng.uniform(-0.5, 0.5, len(values)))[:, None]

    def collapse(self, numbers: np.ndarray) -> _Cells:
        lattice = self.support.lattice
        values = lattice.points(lattice.indices(numbers[:, 0]))
        inside = (values >= self.support.lower) & (values <= self.support.upper)
        return _Cells(values, _log(inside) - np.log(self.support.step))


class _Interval:
    """A category is spread evenly around its position among the levels."""

    n = 1

    def __init__(self, support: Any) -> None:
        self.levels = np.array(support.states)

    def spread(self, values: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        index = np.searchsorted(self.levels, values)
        return (index + rng.uniform(-0.5, 0.5, len(values)))[:, None]

    def collapse(self, numbers: np.ndarray) -> _Cells:
        index = np.floor(numbers[:, 0] + 0.5)
        inside = (index >= 0) & (index < len(self.levels))
        return _Cells(self.levels[np.where(inside, index, 0).astype(int)], _log(inside))


class _Atoms:
    """A number and, beside it, which atom it is, if it is one; then the number is drawn."""

    n = 2

    def __init__(self, support: Any, values: np.ndarray) -> None:
        self.support, self.atoms = support, np.array(support.states)
        numbers = values[on_continuum(values, support)]
        numbers = numbers if len(numbers) else values
        self.at_atoms = norm(np.median(numbers), numbers.std() or 1.0)

    def spread(self, values: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        is_atom = ~on_continuum(values, self.support)
        state = np.where(is_atom, 1 + np.searchsorted(self.atoms, values), 0)
        drawn = self.at_atoms.rvs(len(values), random_state=rng)
        number = np.where(is_atom, drawn, values)
        return np.column_stack([number, state + rng.uniform(-0.5, 0.5, len(values))])

    def collapse(self, numbers: np.ndarray) -> _Cells:
        number, state = numbers[:, 0], np.floor(numbers[:, 1] + 0.5)
        is_atom = (state >= 1) & (state <= len(self.atoms))
        is_number = (state == 0) & self.support.contains(number)
        atom = self.atoms[np.where(is_atom, state - 1, 0).astype(int)]
        log_density = np.where(is_atom, self.at_atoms.logpdf(number), _log(is_number))
        return _Cells(np.where(is_atom, atom, number), log_density)


def _log(inside: np.ndarray) -> np.ndarray:
    return np.where(inside, 0.0, -np.inf)
