"""The density must be finite far from the data, and its tails must decrease."""

from typing import Any
from unittest import SkipTest

import numpy as np

from skflow.testing.assertions import require
from skflow.testing.estimator_interface import log_p
from skflow.testing.measure import Measure
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
    """Distances of shape (n_distances,), and log p of shape (n_rays, n_distances).

    Rays go along real columns, away from the bounds that these have, from rows of X.
    """
    supports = Measure.of(density, X.shape[1]).supports
    free = np.array([s.kind == "real" and None in (s.low, s.high) for s in supports])
    if not free.any():
        raise SkipTest("No column has a tail: none is real and unbounded.")
    whitening = robust_whitening(typical_rows(density, X, seed)[:, free])
    rng = np.random.default_rng([seed, 5])
    ends = [(s.low, s.high) for s, is_free in zip(supports, free, strict=True) if is_free]
    directions = _away_from(ends, _directions(int(free.sum()), rng) @ whitening.scale_tril.T)
    directions /= np.linalg.norm(np.linalg.solve(whitening.scale_tril, directions.T), axis=0)[
        :, None
    ]
    min_distance = 2 * np.linalg.norm(whitening.to_z(X[:, free]), axis=1).max()
    distances = np.geomspace(min_distance, _MAX_DISTANCE, _N_DISTANCES)
    rays = whitening.location + directions[:, None] * distances[:, None]
    points = np.repeat(X[rng.integers(len(X), size=len(rays))], _N_DISTANCES, axis=0)
    points[:, free] = rays.reshape(-1, int(free.sum()))
    return distances, log_p(density, points).reshape(len(rays), -1)


def _directions(d: int, rng: np.random.Generator) -> np.ndarray:
    """Unit vectors along the axes and in 20 random directions."""
    directions = np.vstack([np.eye(d), -np.eye(d), rng.normal(size=(20, d))])
    return np.asarray(directions / np.linalg.norm(directions, axis=1, keepdims=True))


def _away_from(ends: list[tuple[Any, Any]], directions: np.ndarray) -> np.ndarray:
    """Directions in which no column comes nearer to its lower or upper end."""
    columns = [
        column if low is None and high is None else np.abs(column) * (1 if high is None else -1)
        for (low, high), column in zip(ends, directions.T, strict=True)
    ]
    return np.column_stack(columns)
