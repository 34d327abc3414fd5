"""Uniform access to density estimators that differ in how they are seeded and what they return."""

import copy
import inspect
from collections.abc import Callable
from typing import Any
from unittest import SkipTest

import numpy as np
from sklearn.base import clone
from sklearn.utils import get_tags

_BLOCK_SIZE = 50_000  # rows scored at a time


def fit_clone(estimator: Any, X: np.ndarray, seed: int = 0, **fit_params: Any) -> Any:
    """A clone with every `random_state` set to the seed, fitted to a copy of X."""
    density = clone(estimator, safe=False)
    _set_seeds(density, seed)
    density.fit(X.copy(), **fit_params)
    return density


def log_p(density: Any, X: np.ndarray) -> np.ndarray:
    """`score_samples` of a copy of X, in float64, of shape (n_samples,)."""
    blocks = (X[i : i + _BLOCK_SIZE].copy() for i in range(0, len(X), _BLOCK_SIZE))
    return np.concatenate([np.asarray(density.score_samples(b), dtype=float) for b in blocks])


def draw_samples(density: Any, n_samples: int, seed: int) -> np.ndarray:
    """Samples from a fitted density, as an array of shape (n_samples, n_features).

    `KernelDensity.sample` has a parameter `random_state`; `GaussianMixture.sample` uses the
    `random_state` of the estimator and returns component labels, too.
    """
    if has_parameter(density.sample, "random_state"):
        samples = density.sample(n_samples, random_state=seed)
    else:
        seeded = copy.copy(density)
        _set_seeds(seeded, seed)
        samples = seeded.sample(n_samples)
    return np.asarray(samples[0] if isinstance(samples, tuple) else samples)


def can_sample(density: Any) -> bool:
    """Whether a fitted density can sample; KernelDensity can for two of its six kernels."""
    if not hasattr(density, "sample"):
        return False
    try:
        draw_samples(density, 1, seed=0)
    except NotImplementedError:
        return False
    return True


def skip_without_sample(density: Any) -> None:
    """Skip a check of an estimator that cannot sample."""
    if not can_sample(density):
        raise SkipTest(f"{type(density).__name__} has no sample.")


def takes_holes(estimator: Any) -> bool:
    """Whether the tags of an estimator allow NaN: cells that were not observed."""
    return hasattr(estimator, "__sklearn_tags__") and bool(
        get_tags(estimator).input_tags.allow_nan
    )


def has_subsets(estimator: Any) -> bool:
    """Whether an estimator has methods for conditional and marginal densities."""
    return hasattr(estimator, "condition") and hasattr(estimator, "marginal")


def accepts_random_state(density: Any) -> bool:
    """Whether `sample` or the estimator has a parameter `random_state`."""
    return has_parameter(density.sample, "random_state") or bool(_seed_names(density))


def has_parameter(method: Callable[..., Any], name: str) -> bool:
    """Whether a method has a parameter of this name."""
    return name in inspect.signature(method).parameters


def _set_seeds(density: Any, seed: int) -> None:
    names = _seed_names(density)
    if names:
        density.set_params(**dict.fromkeys(names, seed))


def _seed_names(density: Any) -> list[str]:
    if not hasattr(density, "get_params"):
        return []
    return [name for name in density.get_params() if name.split("__")[-1] == "random_state"]
