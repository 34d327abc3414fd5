import numpy as np
import pandas as pd
import pytest

from skflow import NormalizingFlowDensity, Support

# The network hardly trains: what these fits know they know from the mixture beside it.
SHORT = {
    "flow": "any_order",
    "effort": "fast",
    "n_estimators": 1,
    "hidden_layer_sizes": 16,
    "max_iter": 2,
    "tol": 10.0,
    "random_state": 0,
}
CHOLESKY = np.array([[1.0, 0.0, 0.0], [1.2, 0.9, 0.0], [-0.5, 0.8, 0.7]])


def gaussian_rows(n, seed):
    normal = np.random.default_rng(seed).normal(size=(n, 3))
    return np.array([2.0, -1.0, 10.0]) + normal @ CHOLESKY.T


@pytest.fixture(scope="session")
def gaussian():
    """A density of three normal columns, fitted to a data frame with some holes."""
    X = gaussian_rows(2000, seed=0)
    X[np.random.default_rng(1).random(X.shape) < 0.1] = np.nan
    keep = ~np.isnan(X).all(1)
    return NormalizingFlowDensity(**SHORT).fit(pd.DataFrame(X[keep], columns=["a", "b", "c"]))


MIXED_SUPPORTS = {
    "rain": "nonnegative",
    "count": Support("lattice", low=0, step=1),
    "color": Support("category", levels=[1, 2, 5]),
    "wind": "circular",
    "flag": ("integer", 0, 1),
}


def mixed_rows(n, seed):
    """Two kinds of rows, which x tells apart; and what the second kind has in each column."""
    rng = np.random.default_rng(seed)
    second = rng.random(n) < 0.5
    return pd.DataFrame(
        {
            "x": np.where(second, 2.0, -2.0) + 0.5 * rng.normal(size=n),
            "rain": np.where(
                rng.random(n) < np.where(second, 0.1, 0.8), 0.0, np.exp(0.5 * rng.normal(size=n))
            ),
            "count": np.round(np.where(second, 12.0, 5.0) + rng.normal(size=n)),
            "color": np.where(rng.random(n) < 0.8, np.where(second, 5.0, 1.0), 2.0),
            "wind": np.mod(np.where(second, 2.0, 0.1) + 0.4 * rng.normal(size=n), 2 * np.pi),
            "flag": (rng.random(n) < np.where(second, 0.9, 0.2)).astype(float),
        }
    )


@pytest.fixture(scope="session")
def mixed():
    """A density of all kinds of columns."""
    return NormalizingFlowDensity(**SHORT, support=MIXED_SUPPORTS).fit(mixed_rows(1500, seed=0))
