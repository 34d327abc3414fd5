"""Does p integrate to one?"""

from typing import Any, NamedTuple
from unittest import SkipTest

import numpy as np

from skflow.testing.assertions import require
from skflow.testing.estimator_interface import log_p
from skflow.testing.proposal_distribution import Proposal
from skflow.testing.robust_whitening import Frame, frame_of, typical_rows

_TOLERANCE = 0.01
_NODES = {1: (4001, 16001), 2: (241, 481)}  # along each axis, and again where too coarse
_REACH = {1: 1e6, 2: 1e3}  # how far the grid goes, in standard deviations
_FINE = 0.5  # standard deviations from the centre within which nodes are evenly spaced
_POINTS = (10_000, 80_000)
_FALSE_ALARMS = 1e-4


class Integral(NamedTuple):
    """A numerical integral of p: its value, what it may be off by, and how it was found."""

    value: float
    error: float
    method: str


def check_density_integrates_to_one(density: Any, X: np.ndarray, seed: int = 0) -> None:
    """exp(score_samples) has integral 1 over all of space.

    One and two columns: the trapezoidal rule on a grid that is fine in the middle and reaches
    10⁶ and 10³ standard deviations; its error is how much it moves when only every other node
    along each axis is kept. More columns, or a density too spiky for the grid: importance
    sampling from wide-tailed kernels on X and on the density's draws, its error five standard
    errors. Where that is too uncertain to judge, the check is skipped, unless ∫ p is over 10⁴:
    by Markov's inequality, that has a probability under 1e-4. False alarms: none from a grid
    that resolves p, under 1e-4 from importance sampling.
    """
    found = _integral(density, typical_rows(density, X, seed), seed)
    require(
        abs(found.value - 1) <= _TOLERANCE + found.error,
        f"∫ p = {found.value:.4g} ± {found.error:.1g} ({found.method})",
        f"1, within {_TOLERANCE} and that error",
        "a log-determinant left out or with its sign turned (was X scaled before the density "
        "was fitted?), or a normalising constant left out",
    )


def _integral(density: Any, rows: np.ndarray, seed: int) -> Integral:
    if rows.shape[1] in _NODES:
        frame = frame_of(rows)
        for nodes in _NODES[rows.shape[1]]:
            found = _on_grid(density, frame, nodes)
            if not found.error > _TOLERANCE / 2:
                return found
    return _by_importance(density, Proposal(rows), seed)


def _on_grid(density: Any, frame: Frame, nodes: int) -> Integral:
    d = len(frame.centre)
    end = np.arcsinh(_REACH[d] / _FINE)
    u, step = np.linspace(-end, end, nodes, retstep=True)
    axis, weight = _FINE * np.sinh(u), _FINE * np.cosh(u) * step
    z = np.stack(np.meshgrid(*[axis] * d, indexing="ij"), axis=-1).reshape(-1, d)
    weights = np.prod(np.meshgrid(*[weight] * d, indexing="ij"), axis=0)
    with np.errstate(over="ignore"):
        terms = np.exp(log_p(density, frame.to_x(z)) + frame.log_volume).reshape(weights.shape)
    terms = terms * weights
    value = float(terms.sum())
    coarser = [
        2**d * float(terms[tuple(slice(start, None, 2) for start in starts)].sum())
        for starts in np.ndindex((2,) * d)
    ]
    error = float(np.abs(np.array(coarser) - value).max())
    return Integral(value, error, f"grid of {len(z):,} nodes")


def _by_importance(density: Any, proposal: Proposal, seed: int) -> Integral:
    rng = np.random.default_rng([seed, 2])
    for n in _POINTS:
        rows = proposal.sample(n, rng)
        with np.errstate(over="ignore", invalid="ignore"):
            ratios = np.exp(log_p(density, rows) - proposal.log_density(rows))
            value, error = float(ratios.mean()), float(ratios.std() / np.sqrt(n))
        if not error > _TOLERANCE / 2 * value:
            break
    if error > 0.05 * value and value < 1 / _FALSE_ALARMS:
        raise SkipTest(
            f"∫ p = {value:.3g} ± {error:.1g} by importance sampling: too uncertain to judge. "
            "The density may be very spiky; try rows of fewer columns."
        )
    return Integral(value, min(5 * error, value / 2), f"importance sampling, {n:,} points")
