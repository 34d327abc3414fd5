"""The measure of a density: where log p is a log-probability, and where a log-density."""

from dataclasses import dataclass
from itertools import product
from math import prod
from typing import Any

import numpy as np

from skflow.data.support import Support
from skflow.testing.assertions import require

_MAX_SUMMANDS = 20_000


@dataclass(frozen=True)
class Measure:
    """Counting measure on lattices, categories and atoms, and Lebesgue measure elsewhere.

    Parameters
    ----------
    supports : tuple of Support
        One for each column, or objects with the same attributes.
    """

    supports: tuple[Any, ...]

    @classmethod
    def of(cls, density: Any, n_columns: int) -> "Measure":
        """That of a fitted density: by its ``supports_``; without them, all columns are real."""
        declared = getattr(density, "supports_", None)
        if declared is None:
            return cls((Support(),) * n_columns)
        require(
            len(declared) == n_columns,
            f"supports_ has {len(declared)} entries",
            f"{n_columns}, one for each column",
            "supports_ of some columns only; a plain column has Support()",
        )
        return cls(tuple(declared))

    @property
    def is_lebesgue(self) -> bool:
        """Whether all columns are real numbers without bounds and atoms."""
        return all(is_plain(support) for support in self.supports)

    @property
    def is_discrete(self) -> bool:
        """Whether some values have a probability of their own."""
        return any(support.is_discrete or support.states for support in self.supports)

    @property
    def all_rows(self) -> np.ndarray | None:
        """All rows that are possible, (n, d), if these are at most some thousands."""
        values = [s.states for s in self.supports if s.is_discrete and s.states]
        if len(values) < len(self.supports) or prod(map(len, values)) > _MAX_SUMMANDS:
            return None
        return np.array(list(product(*values)), dtype=float)

    def is_continuous(self, rows: np.ndarray) -> np.ndarray:
        """Which cells of rows (n, d) have a density; the others have a probability, or are NaN."""
        columns = zip(rows.T, self.supports, strict=True)
        return np.column_stack([on_continuum(column, support) for column, support in columns])


def is_plain(support: Any) -> bool:
    """Whether a column consists of real numbers without bounds and atoms."""
    return bool(
        support.kind == "real"
        and support.low is None
        and support.high is None
        and not support.states
    )


def on_continuum(values: np.ndarray, support: Any) -> np.ndarray:
    """Which values of a column have a density: none of NaN, lattices, categories and atoms."""
    if support.is_discrete:
        return np.zeros(values.shape, dtype=bool)
    return np.asarray(~np.isnan(values) & ~np.isin(values, support.states))
