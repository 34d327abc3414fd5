"""Whitened coordinates of a density, estimated robustly against heavy tails."""

from typing import Any, NamedTuple

import numpy as np

from skflow.testing.estimator_interface import can_sample, draw_samples


class Whitening(NamedTuple):
    """Affine map x = location + scale_tril @ z to about zero mean and unit covariance of z."""

    location: np.ndarray  # (d,)
    scale_tril: np.ndarray  # (d, d), lower triangular

    def to_x(self, z: np.ndarray) -> np.ndarray:
        return self.location + z @ self.scale_tril.T

    def to_z(self, x: np.ndarray) -> np.ndarray:
        return np.linalg.solve(self.scale_tril, (x - self.location).T).T

    @property
    def log_det(self) -> float:
        """log |det ∂x/∂z|."""
        return float(np.log(np.diag(self.scale_tril)).sum())


def robust_whitening(rows: np.ndarray) -> Whitening:
    """Whitening by the mean and covariance of the central 90 % of the rows."""
    median = np.median(rows, axis=0)
    scale = np.median(np.abs(rows - median), axis=0)
    scale = np.where(scale > 0, scale, np.maximum(rows.std(axis=0), 1e-9 + 1e-9 * abs(median)))
    z = (rows - median) / scale
    distance = np.abs(z).max(axis=1)
    z = z[distance <= np.quantile(distance, 0.9)]
    covariance = np.atleast_2d(np.cov(z.T)) + 1e-6 * np.eye(z.shape[1])
    scale_tril = scale[:, None] * np.linalg.cholesky(covariance)
    return Whitening(median + scale * z.mean(axis=0), scale_tril)


def typical_rows(density: Any, X: np.ndarray, seed: int, n_rows: int = 150) -> np.ndarray:
    """Rows of X, and samples if the density has `sample`, to cover most of its mass."""
    rng = np.random.default_rng([seed, 1])
    rows = X[rng.permutation(len(X))[:n_rows]]
    if can_sample(density):
        samples = draw_samples(density, n_rows, seed + 1)
        rows = np.vstack([rows, samples[np.isfinite(samples).all(axis=1)]])
    return rows
