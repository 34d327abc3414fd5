"""Example data that the checks fit if the user passes none, and data with missing cells."""

import numpy as np


def example_rows(n_columns: int, n_rows: int = 200, seed: int = 0) -> np.ndarray:
    """Two clusters of unequal size, with nonlinear dependence, not centered and not scaled."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n_rows, n_columns))
    X[:, 0] += np.where(rng.random(n_rows) < 0.75, 1, -3)
    X[:, 1:] += 0.5 * X[:, :1] + 0.1 * X[:, :1] ** 2
    j = np.arange(n_columns)
    return 10 * (-1.0) ** j + 2.0 ** (1 - j % 3) * X


def with_holes(X: np.ndarray, seed: int = 0, share: float = 0.2) -> np.ndarray:
    """X with a share of its cells missing at random, of which each row keeps at least one."""
    rng = np.random.default_rng([seed, 10])
    missing = rng.random(X.shape) < share
    missing[np.arange(len(X)), rng.integers(X.shape[1], size=len(X))] = False
    return np.where(missing, np.nan, X)
