"""How the checks call an estimator, whichever way it takes its seed and returns its rows."""

import copy
import inspect
from collections.abc import Callable
from typing import Any
from unittest import SkipTest

import numpy as np
from sklearn.base import clone

_BLOCK = 50_000  # rows scored at a time


def fitted(estimator: Any, X: np.ndarray, seed: int = 0, **fit_params: Any) -> Any:
    """A clone with every `random_state` set, fitted to a copy of X."""
    density = clone(estimator, safe=False)
    _set_seeds(density, seed)
    density.fit(X.copy(), **fit_params)
    return density


def log_p(density: Any, X: np.ndarray) -> np.ndarray:
    """Scores of copies of the rows, (n,), in nats."""
    blocks = (X[i : i + _BLOCK].copy() for i in range(0, len(X), _BLOCK))
    return np.concatenate([np.asarray(density.score_samples(b), dtype=float) for b in blocks])


def draw(density: Any, n_rows: int, seed: int) -> np.ndarray:
    """Rows from a fitted density.

    KernelDensity.sample takes a seed, that of GaussianMixture is the estimator's, and it
    returns labels beside the rows.
    """
    if takes(density.sample, "random_state"):
        drawn = density.sample(n_rows, random_state=seed)
    else:
        seeded = copy.copy(density)
        _set_seeds(seeded, seed)
        drawn = seeded.sample(n_rows)
    return np.asarray(drawn[0] if isinstance(drawn, tuple) else drawn)


def can_sample(density: Any) -> bool:
    """Whether it draws rows; KernelDensity does for two of its six kernels."""
    if not hasattr(density, "sample"):
        return False
    try:
        draw(density, 1, seed=0)
    except NotImplementedError:
        return False
    return True


def needs_sample(density: Any) -> None:
    """Skip a check where the estimator cannot sample."""
    if not can_sample(density):
        raise SkipTest(f"{type(density).__name__} has no sample.")


def is_seeded(density: Any) -> bool:
    """Whether draws can be repeated by a seed."""
    return takes(density.sample, "random_state") or bool(_seeds(density))


def takes(method: Callable[..., Any], name: str) -> bool:
    """Whether a method has a parameter of this name."""
    return name in inspect.signature(method).parameters


def _set_seeds(density: Any, seed: int) -> None:
    names = _seeds(density)
    if names:
        density.set_params(**dict.fromkeys(names, seed))


def _seeds(density: Any) -> list[str]:
    if not hasattr(density, "get_params"):
        return []
    return [name for name in density.get_params() if name.split("__")[-1] == "random_state"]
