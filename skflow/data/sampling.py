"""Draws from anybody's density."""

import inspect
from copy import copy
from typing import Any

import numpy as np


def sample_rows(density: Any, n_samples: int, rng: np.random.RandomState) -> np.ndarray:
    """Rows from a fitted density's `sample`, whatever its signature and its returns."""
    seed = int(rng.randint(np.iinfo(np.int32).max))
    if "random_state" in inspect.signature(density.sample).parameters:
        drawn = density.sample(n_samples, random_state=seed)
    else:  # GaussianMixture's takes its seed from the estimator, and returns labels, too
        seeded = copy(density)
        seeded.random_state = seed
        drawn = seeded.sample(n_samples)
    return np.asarray(drawn[0] if isinstance(drawn, tuple) else drawn)
