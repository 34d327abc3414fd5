"""Draws from any density, and their way back through any transformer."""

import warnings
from functools import singledispatch
from typing import Any

import numpy as np

from skflow.data.sampling import sample_rows

_ATTEMPTS = 100


def draw(transformer: Any, density: Any, n_samples: int, rng: np.random.RandomState) -> np.ndarray:
    """Rows that a fitted transformer maps to draws from a density.

    A draw that is the image of no row is drawn again.
    """
    rows = np.empty((0, 0))
    for _ in range(_ATTEMPTS):
        drawn = _back(transformer, sample_rows(density, n_samples - len(rows), rng))
        finite = drawn[np.isfinite(drawn).all(axis=1)]
        rows = np.concatenate([rows, finite]) if len(rows) else finite
        if len(rows) == n_samples:
            return rows
    raise ValueError(
        f"{n_samples - len(rows)} of {n_samples} rows are missing after {_ATTEMPTS} attempts: "
        f"most draws from {density!r} are the image of no row under {transformer!r}."
    )


@singledispatch
def inverse(transformer: Any, Z: np.ndarray) -> np.ndarray:
    """Rows that a fitted transformer maps to Z, not finite where there are none.

    A dispatch of its own, for ColumnTransformer has no inverse_transform.
    """
    if not hasattr(transformer, "inverse_transform"):
        raise TypeError(
            f"{type(transformer).__name__} has no inverse_transform, and samples have to go back "
            "through it."
        )
    return np.asarray(transformer.inverse_transform(Z))


def _back(transformer: Any, Z: np.ndarray) -> np.ndarray:
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        # by PowerTransformer, of what is drawn again
        warnings.filterwarnings("ignore", "Some values in column", UserWarning)
        return inverse(transformer, Z)
