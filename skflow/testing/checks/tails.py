"""The density must be finite far from the data, and its tails must decrease."""

from typing import Any

import numpy as np

from skflow.testing.assertions import require
from skflow.testing.estimator_interface import log_p
from skflow.testing.robust_whitening import robust_whitening, typical_rows

_MAX_DISTANCE = 1e6  # standard deviations
_N_DISTANCES = 12
_OUTER = _N_DISTANCES // 2  # index of the first distance in the outer half


def check_density_finite_far_away(density: Any, X: np.ndarray, seed: int = 0) -> None:
    """log p is finite up to 10⁶ standard deviations from the data, in all directions."""
    distances, scores = _along_rays(density, X, seed)
    not_finite = ~np.isfinite(scores)
    nearest = distances[not_finite.any(axis=0)].min(initial=np.inf)
    require(
        not not_finite.any(),
        f"{not_finite.sum()} of {not_finite.size} scores are not finite "
        f"({np.isnan(scores).sum()} are NaN), the nearest at {nearest:.3g} standard deviations",
        "finite log p at every distance",
        "the logarithm of a p that underflowed to 0, or overflow in the map to the latent space",
    )


def check_density_tails_fall(density: Any, X: np.ndarray, seed: int = 0) -> None:
    """log p never increases outwards, and p decreases faster than 1/distance.

    Both are checked along rays from the center, from twice the distance of the farthest row to
    10⁶ standard deviations, the second in the outer half of these decades. A p that does not
    decrease faster than 1/distance has no finite integral.
    """
    distances, scores = _along_rays(density, X, seed)
    with np.errstate(invalid="ignore"):
        increases = np.diff(scores, axis=1) > 1e-6 * (1 + np.abs(scores[:, 1:]))
        decrease = scores[:, _OUTER] - scores[:, -1]
    ray, step = np.argwhere(increases)[0] if increases.any() else (0, 0)
    cause = "tails that are cut off or constant, or a log-determinant that increases with x"
    require(
        not increases.any(),
        f"log p increases from {scores[ray, step]:.6g} at {distances[step]:.3g} to "
        f"{scores[ray, step + 1]:.6g} at {distances[step + 1]:.3g} standard deviations",
        "log p that decreases with distance",
        cause,
    )
    min_decrease = float(np.log(distances[-1] / distances[_OUTER]))
    require(
        not (decrease <= min_decrease).any(),
        f"log p decreases by {np.nanmin(decrease):.4g} from {distances[_OUTER]:.3g} to "
        f"{distances[-1]:.3g} standard deviations",
        f"by more than {min_decrease:.4g}, the decrease of 1/distance",
        cause,
    )


def _along_rays(density: Any, X: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Distances of shape (n_distances,), and log p of shape (n_rays, n_distances)."""
    whitening = robust_whitening(typical_rows(density, X, seed))
    d = X.shape[1]
    directions = np.random.default_rng([seed, 5]).normal(size=(20, d))
    directions = np.vstack([np.eye(d), -np.eye(d), directions])
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    min_distance = 2 * np.linalg.norm(whitening.to_z(X), axis=1).max()
    distances = np.geomspace(min_distance, _MAX_DISTANCE, _N_DISTANCES)
    points = whitening.to_x((directions[:, None] * distances[:, None]).reshape(-1, d))
    return distances, log_p(density, points).reshape(len(directions), -1)
