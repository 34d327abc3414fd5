"""Where a density lies: its centre and spread, however long its tails are."""

from typing import Any, NamedTuple

import numpy as np

from skflow.testing.estimator_interface import can_sample, draw


class Frame(NamedTuple):
    """Coordinates in which a density has about centre 0 and covariance 1."""

    centre: np.ndarray
    axes: np.ndarray  # lower triangular: x = centre + axes @ z

    def to_x(self, z: np.ndarray) -> np.ndarray:
        return self.centre + z @ self.axes.T

    def to_z(self, x: np.ndarray) -> np.ndarray:
        return np.linalg.solve(self.axes, (x - self.centre).T).T

    @property
    def log_volume(self) -> float:
        """log |det ∂x/∂z|."""
        return float(np.log(np.diag(self.axes)).sum())


def frame_of(rows: np.ndarray) -> Frame:
    """From the central nine tenths of the rows: a mean and a covariance that tails do not move."""
    centre = np.median(rows, axis=0)
    spread = np.median(np.abs(rows - centre), axis=0)
    spread = np.where(spread > 0, spread, np.maximum(rows.std(axis=0), 1e-9 + 1e-9 * abs(centre)))
    z = (rows - centre) / spread
    distance = np.abs(z).max(axis=1)
    z = z[distance <= np.quantile(distance, 0.9)]
    covariance = np.atleast_2d(np.cov(z.T)) + 1e-6 * np.eye(z.shape[1])
    axes = spread[:, None] * np.linalg.cholesky(covariance)
    return Frame(centre + spread * z.mean(axis=0), axes)


def typical_rows(density: Any, X: np.ndarray, seed: int, n_rows: int = 150) -> np.ndarray:
    """Rows where the density is likely to be: of X, and draws where it can sample."""
    rng = np.random.default_rng([seed, 1])
    rows = X[rng.permutation(len(X))[:n_rows]]
    if can_sample(density):
        drawn = draw(density, n_rows, seed + 1)
        rows = np.vstack([rows, drawn[np.isfinite(drawn).all(axis=1)]])
    return rows
