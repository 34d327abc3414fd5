"""The inverse of a fitted transformer, and samples in the original units."""

import warnings
from functools import singledispatch
from typing import Any

import numpy as np

from skflow.data.sample_from_density import sample_rows

_MAX_ATTEMPTS = 100


def sample_original_units(
    transformer: Any, density: Any, n_samples: int, rng: np.random.RandomState
) -> np.ndarray:
    """Sample a density of transformed data and map the samples back to the original units.

    Samples outside the image of the transformer are rejected and replaced.
    """
    rows = np.empty((0, 0))
    for _ in range(_MAX_ATTEMPTS):
        proposed = _inverse_or_nan(transformer, sample_rows(density, n_samples - len(rows), rng))
        valid = proposed[np.isfinite(proposed).all(axis=1)]
        rows = np.concatenate([rows, valid]) if len(rows) else valid
        if len(rows) == n_samples:
            return rows
    raise ValueError(
        f"{n_samples - len(rows)} of {n_samples} samples are missing after {_MAX_ATTEMPTS} "
        f"attempts: most samples of {density!r} lie outside the image of {transformer!r}."
    )


@singledispatch
def inverse_transform(transformer: Any, Z: np.ndarray) -> np.ndarray:
    """Rows that a fitted transformer maps to Z; not finite where there are none.

    Dispatches on the type because ColumnTransformer has no `inverse_transform`.
    """
    if not hasattr(transformer, "inverse_transform"):
        raise TypeError(
            f"{type(transformer).__name__} has no inverse_transform, which is needed to map "
            "samples back to the original units."
        )
    return np.asarray(transformer.inverse_transform(Z))


def _inverse_or_nan(transformer: Any, Z: np.ndarray) -> np.ndarray:
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        # PowerTransformer warns of samples outside its image, which are rejected anyway.
        warnings.filterwarnings("ignore", "Some values in column", UserWarning)
        return inverse_transform(transformer, Z)
