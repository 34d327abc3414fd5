"""Data that break density estimators: scores stay finite, and those of the data bounded."""

import warnings

import numpy as np
import pytest

from skflow import DegenerateColumnWarning, NormalizingFlowDensity

RNG = np.random.default_rng(0)
N, D = 400, 3
NORMAL = RNG.normal(size=(N, D))
MIXED = np.column_stack(
    [NORMAL, RNG.integers(0, 2, N), np.full(N, 7.0), RNG.poisson(3, N), 0.1 * RNG.poisson(3, N)]
)
HOSTILE = {
    "one column": NORMAL[:, :1],
    "one column of five rows": NORMAL[:5, :1],
    "two rows": NORMAL[:2],
    "three rows": NORMAL[:3, :2],
    "20 rows": NORMAL[:20],
    "fewer rows than columns": RNG.normal(size=(40, 60)),
    "far fewer rows than columns": RNG.normal(size=(50, 200)),
    "200 columns of rank 5": RNG.normal(size=(50, 5)) @ RNG.normal(size=(5, 200)),
    "every row four times": np.repeat(NORMAL[:100], 4, axis=0),
    "every row ten times": np.repeat(NORMAL[:20], 10, axis=0),
    "rounded": NORMAL.round(1),
    "outliers": np.vstack([NORMAL[: N - 4], 50 * RNG.normal(size=(4, D))]),
    "Cauchy": RNG.standard_cauchy((N, 1)),
    "cubed Cauchy": RNG.standard_cauchy((N, 2)) ** 3,
    "large": 1e150 * NORMAL[:100],
    "small": 1e-150 * NORMAL[:100],
    "scales 1e-150 and 1e150": NORMAL[:, :2] * [1e-150, 1e150],
    "small variance around 1e9": 1e9 + 1e-3 * NORMAL,
    "variance of 1 around 1e9": 1e9 + NORMAL,
}
DEGENERATE = {
    "equal columns": NORMAL[:, [0, 1, 1, 2, 0]],
    "sums of columns": NORMAL[:, :2] @ [[1.0, 0.0, 1.0], [0.0, 1.0, 1.0]],
    "collinear to 1e-8": np.column_stack([NORMAL, NORMAL.sum(1) + 1e-8 * RNG.normal(size=N)]),
    "one outlier at 1e12": np.vstack([NORMAL[:100, :2], [[1e12, -1e12]]]),
    "one row again and again": np.ones((10, 2)),
    "two equal rows of one column": np.full((2, 1), 5.0),
    "integers": RNG.integers(0, 12, (200, 2)),
    "binary": RNG.integers(0, 2, (100, 3)),
    "binary beside real": np.column_stack([NORMAL[:, 0], NORMAL[:, 1] > 0]),
    "constant at 1e9": np.column_stack([NORMAL[:, 0], np.full(N, 1e9)]),
    "constant at a tenth": np.column_stack([NORMAL[:, 0], np.full(N, 0.1)]),
    "real, binary and constant columns, integers, decimals": MIXED,
    "atoms": np.where(RNG.random((N, D)) < 0.4, 0.0, NORMAL),
}
# Training gains more than the ten nats after which a short fit warns that it was too short.
SHORT = [kind for kind in HOSTILE if kind != "200 columns of rank 5"]
# The standard deviation of the data is that of the outlier, and bounds nothing.
BOUNDED = HOSTILE | DEGENERATE
del BOUNDED["one outlier at 1e12"]


def check_finite(density, X):
    """Finite scores of the data, of other points, and of samples, which are finite, too."""
    samples = density.sample(500, random_state=0)
    assert np.isfinite(samples).all()
    for rows in (X, X[::-1] * 3 + 1, samples):
        assert np.isfinite(density.score_samples(rows)).all()


@pytest.mark.parametrize("safety_net", [True, False])
@pytest.mark.parametrize("kind", SHORT)
def test_short_fit_is_finite(quick, kind, safety_net):
    check_finite(quick(safety_net=safety_net).fit(HOSTILE[kind]), HOSTILE[kind])


@pytest.mark.parametrize("safety_net", [True, False])
@pytest.mark.parametrize("kind", DEGENERATE)
def test_short_fit_warns_of_degenerate_columns_and_is_finite(quick, kind, safety_net):
    with pytest.warns(DegenerateColumnWarning) as caught:
        density = quick(safety_net=safety_net).fit(DEGENERATE[kind])
    assert len(caught) == 1
    check_finite(density, DEGENERATE[kind])


@pytest.mark.parametrize("safety_net", [True, False])
def test_one_row_of_positive_weight(quick, safety_net):
    X = NORMAL[:50, :2]
    with pytest.warns(DegenerateColumnWarning) as caught:
        density = quick(safety_net=safety_net).fit(X, sample_weight=np.eye(50)[7])
    assert len(caught) == 1
    check_finite(density, X)


def fit(X, **params):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DegenerateColumnWarning)
        return NormalizingFlowDensity(random_state=0, **params).fit(X)


def check_bounded(density, X):
    """Finite scores far away, and no sample of the data below what polynomial tails allow."""
    check_finite(density, X)
    scale = np.where(np.ptp(X, axis=0) > 0, X.std(0), 1.0)
    far_away = np.mean(X, axis=0) + scale * np.array([[50.0], [-1e3]])
    assert np.isfinite(density.score_samples(far_away)).all()
    scores = density.score_samples(X) + np.log(scale).sum()
    # a Student t with two degrees of freedom and a weight of about 1 / n, at 50 sd in each column
    bound = -np.log(len(X)) - (2 + X.shape[1]) * np.log(50) - 3 * X.shape[1]
    assert scores.min() > bound


@pytest.mark.parametrize("kind", BOUNDED)
def test_fast_fit_is_bounded(kind):
    check_bounded(fit(BOUNDED[kind], effort="fast"), BOUNDED[kind])


@pytest.mark.slow
@pytest.mark.parametrize("kind", BOUNDED)
def test_full_fit_is_bounded(kind):
    check_bounded(fit(BOUNDED[kind]), BOUNDED[kind])


@pytest.mark.slow
def test_full_fit_with_an_outlier_at_1e12_is_finite():
    check_finite(fit(DEGENERATE["one outlier at 1e12"]), DEGENERATE["one outlier at 1e12"])


@pytest.mark.parametrize("effort", ["fast", pytest.param("full", marks=pytest.mark.slow)])
def test_far_samples_are_scored_by_the_wide_tails(effort):
    """50 sd away a normal has −1,250 nats per column; the safety net has some tens."""
    density = fit(NORMAL, effort=effort)
    worst = density.score_samples(np.diag([50.0, -50.0, 50.0])).min()
    assert -45 < worst < -15


def test_repeated_rows_count_as_weight():
    """Copies of a row must not be held out: a component could learn them."""
    once, four_times = NORMAL[:100], HOSTILE["every row four times"]
    others = RNG.normal(size=(2000, D))
    assert fit(four_times, effort="fast").score(others) == fit(once, effort="fast").score(others)
