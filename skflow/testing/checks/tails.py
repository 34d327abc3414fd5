"""Far from the data."""

from typing import Any

import numpy as np

from skflow.testing.assertions import require
from skflow.testing.estimator_interface import log_p
from skflow.testing.robust_whitening import frame_of, typical_rows

_FARTHEST = 1e6  # standard deviations
_STEPS = 12
_OUTER = _STEPS // 2


def check_density_finite_far_away(density: Any, X: np.ndarray, seed: int = 0) -> None:
    """log p is finite out to 10⁶ standard deviations, in all directions."""
    distances, scores = _along_rays(density, X, seed)
    bad = ~np.isfinite(scores)
    nearest = distances[bad.any(axis=0)].min(initial=np.inf)
    require(
        not bad.any(),
        f"{bad.sum()} of {bad.size} scores are not finite ({np.isnan(scores).sum()} are NaN), "
        f"the nearest {nearest:.3g} standard deviations away",
        "finite log p at every distance",
        "the logarithm of a p that underflowed to 0, or an overflow in the map to latent space",
    )


def check_density_tails_fall(density: Any, X: np.ndarray, seed: int = 0) -> None:
    """log p never rises beyond the data, and p falls faster than 1/distance.

    Along rays from the centre, from twice the farthest row out to 10⁶ standard deviations, and
    the second in the outer half of these decades. A p that falls no faster than 1/distance has
    no finite integral.
    """
    distances, scores = _along_rays(density, X, seed)
    with np.errstate(invalid="ignore"):
        rises = np.diff(scores, axis=1) > 1e-6 * (1 + np.abs(scores[:, 1:]))
        fall = scores[:, _OUTER] - scores[:, -1]
    ray, step = np.argwhere(rises)[0] if rises.any() else (0, 0)
    cause = "tails that were cut off or levelled, or a log-determinant that grows with x"
    require(
        not rises.any(),
        f"log p rises from {scores[ray, step]:.6g} at {distances[step]:.3g} to "
        f"{scores[ray, step + 1]:.6g} at {distances[step + 1]:.3g} standard deviations",
        "log p that falls with distance",
        cause,
    )
    least = float(np.log(distances[-1] / distances[_OUTER]))
    require(
        not (fall <= least).any(),
        f"log p falls by {np.nanmin(fall):.4g} from {distances[_OUTER]:.3g} to "
        f"{distances[-1]:.3g} standard deviations",
        f"by more than {least:.4g}, as 1/distance does",
        cause,
    )


def _along_rays(density: Any, X: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Distances (k,) and log p at them along some rays, (rays, k)."""
    frame = frame_of(typical_rows(density, X, seed))
    d = X.shape[1]
    directions = np.random.default_rng([seed, 5]).normal(size=(20, d))
    directions = np.vstack([np.eye(d), -np.eye(d), directions])
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    reach = 2 * np.linalg.norm(frame.to_z(X), axis=1).max()
    distances = np.geomspace(reach, _FARTHEST, _STEPS)
    points = frame.to_x((directions[:, None] * distances[:, None]).reshape(-1, d))
    return distances, log_p(density, points).reshape(len(directions), -1)
