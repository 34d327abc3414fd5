"""Sampling from any fitted density that has a `sample` method, reproducibly."""

import inspect
from copy import copy
from typing import Any

import numpy as np


def sample_rows(density: Any, n_samples: int, rng: np.random.RandomState) -> np.ndarray:
    """Sample from a fitted density, whatever the signature and return value of its `sample`.

    Parameters
    ----------
    density : object
        A fitted estimator whose `sample` takes `random_state`, as KernelDensity's does, or uses
        the estimator's own `random_state`, as GaussianMixture's does. It is not modified.
    n_samples : int
    rng : RandomState
        Source of the seed.

    Returns
    -------
    ndarray of shape (n_samples, n_features)
        Without the labels that GaussianMixture also returns.
    """
    seed = int(rng.randint(np.iinfo(np.int32).max))
    if "random_state" in inspect.signature(density.sample).parameters:
        samples = density.sample(n_samples, random_state=seed)
    else:
        seeded = copy(density)
        seeded.random_state = seed
        samples = seeded.sample(n_samples)
    return np.asarray(samples[0] if isinstance(samples, tuple) else samples)
