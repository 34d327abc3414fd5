"""Data that break density estimators: every row keeps a finite, bounded log-likelihood."""

import warnings

import numpy as np
import pytest

from skflow import NormalizingFlowDensity
from skflow.runtime.exceptions import DegenerateColumnWarning

RNG = np.random.default_rng(0)
N, D = 400, 3
NORMAL = RNG.normal(size=(N, D))
SPOILED = np.vstack([NORMAL[: N - 4], 50 * RNG.normal(size=(4, D))])
MIXED = np.column_stack(
    [NORMAL, RNG.integers(0, 2, N), np.full(N, 7.0), RNG.poisson(3, N), 0.1 * RNG.poisson(3, N)]
)

TABLES = {
    "equal columns": NORMAL[:, [0, 1, 1, 2, 0]],
    "collinear to 1e-8": np.column_stack([NORMAL, NORMAL.sum(1) + 1e-8 * RNG.normal(size=N)]),
    "fewer rows than columns": RNG.normal(size=(40, 60)),
    "200 columns of rank 5": RNG.normal(size=(50, 5)) @ RNG.normal(size=(5, 200)),
    "every row four times": np.repeat(NORMAL[:100], 4, axis=0),
    "binary and constant columns, integers, decimals": MIXED,
    "atoms": np.where(RNG.random((N, D)) < 0.4, 0.0, NORMAL),
    "outliers": SPOILED,
    "Cauchy": RNG.standard_cauchy((N, 1)),
    "cubed Cauchy": RNG.standard_cauchy((N, 2)) ** 3,
    "one column": NORMAL[:, :1],
    "20 rows": NORMAL[:20],
    "scales 1e-150 and 1e150": NORMAL[:, :2] * [1e-150, 1e150],
    "1e9 and a little": 1e9 + NORMAL,
}


def fit(X, **params):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DegenerateColumnWarning)
        return NormalizingFlowDensity(random_state=0, **params).fit(X)


def check(density, X):
    """Finite everywhere; and no row farther below the others than polynomial tails allow."""
    scale = np.where(X.std(0) > 0, X.std(0), 1.0)
    far = np.mean(X, axis=0) + scale * np.array([[50.0], [-1e3]])
    drawn = density.sample(500, random_state=1)
    assert np.isfinite(drawn).all()
    for rows in (X, drawn, far):
        assert np.isfinite(density.score_samples(rows)).all()
    own = density.score_samples(X) + np.log(scale).sum()
    # a t of two degrees of freedom, mixed in with a weight of about 1 / n, at 50 sd a column
    floor = -np.log(len(X)) - (2 + X.shape[1]) * np.log(50) - 3 * X.shape[1]
    assert own.min() > floor


@pytest.mark.parametrize("kind", TABLES)
def test_fast_fit(kind):
    check(fit(TABLES[kind], effort="fast"), TABLES[kind])


@pytest.mark.slow
@pytest.mark.parametrize("kind", TABLES)
def test_full_fit(kind):
    check(fit(TABLES[kind]), TABLES[kind])


@pytest.mark.parametrize("effort", ["fast", pytest.param("full", marks=pytest.mark.slow)])
def test_far_test_rows_are_worth_the_wide_tails(effort):
    """50 sd away a normal says −1,250 a column; the net says some tens of nats."""
    density = fit(NORMAL, effort=effort)
    worst = density.score_samples(np.diag([50.0, -50.0, 50.0])).min()
    assert -45 < worst < -15


def test_repeated_rows_are_no_evidence():
    """Copies of a row count as weight, not as rows to validate on: no part may learn them."""
    once, four = NORMAL[:100], TABLES["every row four times"]
    fresh = RNG.normal(size=(2000, D))
    assert fit(four, effort="fast").score(fresh) == fit(once, effort="fast").score(fresh)
