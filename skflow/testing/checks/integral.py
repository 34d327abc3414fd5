"""The density must integrate to 1."""

from typing import Any, NamedTuple
from unittest import SkipTest

import numpy as np

from skflow.testing.assertions import require
from skflow.testing.column_integral import integral_over_column
from skflow.testing.dequantized import Dequantized
from skflow.testing.estimator_interface import log_p
from skflow.testing.measure import Measure
from skflow.testing.proposal_distribution import ProposalDistribution
from skflow.testing.robust_whitening import Whitening, robust_whitening, typical_rows

_TOLERANCE = 0.01
_SUM_TOLERANCE = 1e-6  # of sums over all possible rows
_N_NODES = {1: (4001, 16001), 2: (241, 481)}  # per axis; the second if the first is too coarse
_GRID_LIMIT = {1: 1e6, 2: 1e3}  # in standard deviations
_LINEAR_RANGE = 0.5  # in standard deviations; nodes are evenly spaced up to about here
_N_POINTS = (10_000, 80_000)  # of importance sampling; the second if the first is too uncertain
_FALSE_ALARM_RATE = 1e-4


class Integral(NamedTuple):
    """A numerical integral of p."""

    value: float
    error: float
    method: str


def check_density_integrates_to_one(density: Any, X: np.ndarray, seed: int = 0) -> None:
    """The integral of exp(score_samples) is 1: a sum over states, an integral over the rest.

    Categories and flags only: the sum over all rows. One column with another support: a sum
    over its states, and Simpson's rule. Several columns, of which some have a support:
    importance sampling, as below, with states spread over intervals. Without supports, one and two
    columns: the trapezoidal rule on a grid that is fine at the center and extends
    to 10⁶ or 10³ standard deviations; its error is the change if only every other node along
    each axis is used. More columns, or a density too peaked for the grid: importance sampling
    from heavy-tailed kernels at X and at samples from the density, with an error of five
    standard errors. If the result is too uncertain, the check is skipped, unless ∫ p is above
    10⁴, which by Markov's inequality has a probability below 1e-4. False alarms: none from a
    grid that resolves p, with probability below 1e-4 from importance sampling.
    """
    measure = Measure.of(density, X.shape[1])
    integral = total_mass(density, typical_rows(density, X, seed), measure, seed)
    tolerance = _SUM_TOLERANCE if measure.all_rows is not None else _TOLERANCE
    require(
        abs(integral.value - 1) <= tolerance + integral.error,
        f"∫ p = {integral.value:.9g} ± {integral.error:.1g} ({integral.method})",
        f"1, within {tolerance} and that error",
        "a log-determinant that is missing or has the wrong sign (was X scaled before the "
        "density was fitted?), or a missing normalizing constant",
    )


def total_mass(density: Any, rows: np.ndarray, measure: Measure, seed: int) -> Integral:
    """The integral of p by its measure; its mass is mostly near the given rows."""
    if measure.is_lebesgue:
        return integrate(density, rows, seed)
    if measure.all_rows is not None:
        value = float(np.exp(log_p(density, measure.all_rows)).sum())
        return Integral(value, 0.0, f"sum over {len(measure.all_rows):,} rows")
    if rows.shape[1] == 1:
        return _over_the_column(density, rows, measure)
    dequantized = Dequantized(density, rows, measure, seed)
    proposal = ProposalDistribution(dequantized.spread(rows))
    return _by_importance_sampling(dequantized, proposal, seed)


def _over_the_column(density: Any, rows: np.ndarray, measure: Measure) -> Integral:
    """The integral of one column around several of its values, of which one resolves p."""
    centers = rows[measure.is_continuous(rows)[:, 0] | measure.supports[0].is_discrete]
    log_mass, error = integral_over_column(density, centers[:20], 0, measure.supports[0])
    best = int(np.argmin(error))
    value = float(np.exp(log_mass[best]))
    return Integral(value, float(error[best]) * value, "sum and Simpson's rule")


def integrate(density: Any, rows: np.ndarray, seed: int) -> Integral:
    """Integral of p, whose mass is mostly near the given rows."""
    if rows.shape[1] in _N_NODES:
        whitening = robust_whitening(rows)
        for n_nodes in _N_NODES[rows.shape[1]]:
            integral = _by_grid(density, whitening, n_nodes)
            if not integral.error > _TOLERANCE / 2:
                return integral
    return _by_importance_sampling(density, ProposalDistribution(rows), seed)


def _by_grid(density: Any, whitening: Whitening, n_nodes: int) -> Integral:
    d = len(whitening.location)
    end = np.arcsinh(_GRID_LIMIT[d] / _LINEAR_RANGE)
    u, step = np.linspace(-end, end, n_nodes, retstep=True)
    axis, weight = _LINEAR_RANGE * np.sinh(u), _LINEAR_RANGE * np.cosh(u) * step
    z = np.stack(np.meshgrid(*[axis] * d, indexing="ij"), axis=-1).reshape(-1, d)
    weights = np.prod(np.meshgrid(*[weight] * d, indexing="ij"), axis=0)
    with np.errstate(over="ignore"):
        terms = np.exp(log_p(density, whitening.to_x(z)) + whitening.log_det)
    terms = terms.reshape(weights.shape) * weights
    value = float(terms.sum())
    coarser = [
        2**d * float(terms[tuple(slice(start, None, 2) for start in starts)].sum())
        for starts in np.ndindex((2,) * d)
    ]
    error = float(np.abs(np.array(coarser) - value).max())
    return Integral(value, error, f"grid of {len(z):,} nodes")


def _by_importance_sampling(density: Any, proposal: ProposalDistribution, seed: int) -> Integral:
    rng = np.random.default_rng([seed, 2])
    for n in _N_POINTS:
        rows = proposal.sample(n, rng)
        with np.errstate(over="ignore", invalid="ignore"):
            ratios = np.exp(log_p(density, rows) - proposal.log_density(rows))
            value, error = float(ratios.mean()), float(ratios.std() / np.sqrt(n))
        if not error > _TOLERANCE / 2 * value:
            break
    if error > 0.05 * value and value < 1 / _FALSE_ALARM_RATE:
        raise SkipTest(
            f"∫ p = {value:.3g} ± {error:.1g} by importance sampling, which is too uncertain. "
            "The density may have sharp peaks; try data with fewer columns."
        )
    return Integral(value, min(5 * error, value / 2), f"importance sampling, {n:,} points")
