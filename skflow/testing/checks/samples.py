"""Samples must be well-formed, and follow the density of score_samples."""

from typing import Any
from unittest import SkipTest

import numpy as np
from scipy.stats import wilcoxon
from sklearn.ensemble import RandomForestClassifier

from skflow.testing.assertions import format_shape, require
from skflow.testing.dequantized import Dequantized
from skflow.testing.estimator_interface import draw_samples, log_p, skip_without_sample
from skflow.testing.measure import Measure
from skflow.testing.proposal_distribution import ProposalDistribution
from skflow.testing.robust_whitening import typical_rows

_N_SAMPLES = 2000
_N_STEPS = 20
_FALSE_ALARM_RATE = 1e-4


def check_density_samples_shape(density: Any, X: np.ndarray, seed: int = 0) -> None:
    """sample(n) returns n finite rows with as many columns as X."""
    skip_without_sample(density)
    for n in (1, 7):
        rows = draw_samples(density, n, seed)
        require(
            rows.shape == (n, X.shape[1]) and np.isfinite(rows).all(),
            f"sample({n}) has shape {format_shape(rows)}, with {np.isfinite(rows).sum()} finite "
            "values",
            f"{n} × {X.shape[1]}, all finite",
            "overflow in the inverse map from the latent space, or a flattened array",
        )


def check_density_samples_never_repeat(density: Any, X: np.ndarray, seed: int = 0) -> None:
    """No two samples with a cell on a continuum are equal, which has probability 0."""
    skip_without_sample(density)
    rows = draw_samples(density, _N_SAMPLES, seed)
    rows = rows[Measure.of(density, X.shape[1]).is_continuous(rows).any(axis=1)]
    if not len(rows):
        raise SkipTest("All samples consist of atoms, categories and lattice points.")
    n_distinct = len(np.unique(rows, axis=0))
    require(
        n_distinct == len(rows),
        f"{n_distinct} distinct rows in {len(rows)} samples",
        f"{len(rows)}",
        "rows of X resampled without noise, rounding, or sampling in float32",
    )


def check_density_samples_follow_scores(density: Any, X: np.ndarray, seed: int = 0) -> None:
    """Samples follow the density of score_samples, up to a constant factor.

    Metropolis–Hastings steps with exp(score_samples) as target leave its distribution invariant
    and are reversible. If samples follow this distribution, a sample and its state after 20
    steps are therefore exchangeable, and any difference f(after) − f(before) is symmetric about
    0. Wilcoxon's signed-rank test tests this for log p, for each column, and for a classifier
    trained on half of the pairs to tell before from after. The test needs no normalizing
    constant and no approximation: 2,000 samples detect a standard deviation that is 10 % too
    small, and the false-alarm rate is 1e-4 for all tests together, whatever the density (Gandy
    & Scott 2020, Unit testing for MCMC). Values that have a probability are spread over
    intervals before.
    """
    skip_without_sample(density)
    found = p_values(*_dequantized(density, X, seed), seed)
    smallest = min(found, key=lambda name: found[name])
    threshold = _FALSE_ALARM_RATE / len(found)
    require(
        found[smallest] >= threshold,
        f"samples do not follow score_samples in {smallest}: p-value {found[smallest]:.1g}",
        f"a p-value of at least {threshold:.1g}",
        "a scaling that only one of the two methods inverts, a standard deviation mistaken for "
        "a variance, mixture weights missing in one of them, or a log-determinant that depends "
        "on x with the wrong sign",
    )


def _dequantized(density: Any, X: np.ndarray, seed: int) -> tuple[Any, np.ndarray]:
    """A density of real numbers, and rows of it."""
    measure = Measure.of(density, X.shape[1])
    if measure.is_lebesgue:
        return density, X
    spread = Dequantized(density, X, measure, seed)
    return spread, spread.spread(X)


def p_values(density: Any, X: np.ndarray, seed: int) -> dict[str, float]:
    """P-value of each test statistic if samples follow score_samples."""
    rng = np.random.default_rng([seed, 3])
    before = rng.permutation(np.asarray(draw_samples(density, _N_SAMPLES, seed + 2), dtype=float))
    before_log_p = log_p(density, before)
    require(
        np.isfinite(before_log_p).all(),
        f"log p of {(~np.isfinite(before_log_p)).sum()} of {_N_SAMPLES} samples is not finite",
        "finite log p of all samples",
        "samples from another density than that of score_samples",
    )
    proposal = ProposalDistribution(typical_rows(density, X, seed))
    after, after_log_p = _metropolis_hastings(density, before, before_log_p, proposal, rng)
    moved = float((after != before).any(axis=1).mean())
    if moved < 0.1:
        raise SkipTest(f"Only {moved:.1%} of the Metropolis–Hastings chains moved, too few.")
    return {
        "log p": _symmetry_p_value(after_log_p - before_log_p),
        "a classifier": _symmetry_p_value(_classifier_difference(before, after, seed)),
        **{f"column {j}": _symmetry_p_value(d) for j, d in enumerate((after - before).T)},
    }


def _metropolis_hastings(
    density: Any,
    rows: np.ndarray,
    row_log_p: np.ndarray,
    proposal: ProposalDistribution,
    rng: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray]:
    """Rows and their log p after some steps; independent proposals allow changes of mode."""
    row_log_q = proposal.log_density(rows)
    for _ in range(_N_STEPS):
        new = proposal.sample(len(rows), rng)
        new_log_p, new_log_q = log_p(density, new), proposal.log_density(new)
        log_ratio = new_log_p - row_log_p + row_log_q - new_log_q
        accepted = np.log(rng.random(len(rows))) < log_ratio
        rows = np.where(accepted[:, None], new, rows)
        row_log_p = np.where(accepted, new_log_p, row_log_p)
        row_log_q = np.where(accepted, new_log_q, row_log_q)
    return rows, row_log_p


def _classifier_difference(before: np.ndarray, after: np.ndarray, seed: int) -> np.ndarray:
    """Difference of the predicted probability of "after" on held-out pairs, after − before."""
    half = len(before) // 2
    forest = RandomForestClassifier(50, min_samples_leaf=10, random_state=seed)
    forest.fit(np.vstack([before[:half], after[:half]]), np.repeat([0, 1], half))
    difference = forest.predict_proba(after[half:]) - forest.predict_proba(before[half:])
    return np.asarray(difference[:, 1])


def _symmetry_p_value(difference: np.ndarray) -> float:
    """P-value of the hypothesis that the distribution is symmetric about 0."""
    difference = difference[difference != 0]
    if len(difference) < 50:
        return 1.0
    return float(wilcoxon(difference, method="asymptotic").pvalue)
