"""Kernel marginals: which columns get kernels, and what their interpolants do."""

import numpy as np
import pytest
import torch
from scipy.stats import kstest, norm

from skflow.preprocessing.kernel_marginals import (
    BANDWIDTH_FACTORS,
    KernelMarginal,
    interpolant_through,
    kernel_knots,
    select_bandwidth_factors,
)

N = 1000
rng = np.random.default_rng(0)
NORMAL = rng.normal(size=N)
ATOM = np.where(rng.random(N) < 0.6, 0.0, rng.normal(size=N))
TWO_PEAKS = np.where(rng.random(N) < 0.5, -1, 1) + 0.05 * rng.normal(size=N)


def normal_score(column):
    return norm(column.mean(), column.std()).logpdf(column).mean()


def factor_for(column):
    folds = np.arange(len(column)) % 5
    scores = np.array([normal_score(column)])
    (factor,) = select_bandwidth_factors(column[:, None], np.ones(len(column)), folds, scores)
    return factor


def interpolant_for(*columns, factors):
    x = torch.from_numpy(np.column_stack(columns))
    weights = np.ones(len(x))
    columns = zip(x.T.numpy(), factors, strict=True)
    return interpolant_through(
        [kernel_knots(column, weights, factor) for column, factor in columns]
    )


def test_samples_of_a_negative_fold_are_never_held_out():
    """Samples that are unlikely under the kernels of all others count only if held out."""
    column = np.concatenate([TWO_PEAKS, 50 + np.arange(5.0)])
    folds = np.concatenate([np.arange(N) % 5, np.full(5, -1)])
    weights, score = np.ones(N + 5), np.array([normal_score(TWO_PEAKS)])
    assert select_bandwidth_factors(column[:, None], weights, folds, score) == [0.1]
    assert select_bandwidth_factors(column[:, None], weights, np.abs(folds), score) == [None]


def test_a_normal_column_gets_no_kernels():
    assert factor_for(NORMAL) is None


def test_a_constant_or_tiny_column_gets_no_kernels():
    folds = np.arange(8) % 2
    columns = np.column_stack([np.zeros(8), ATOM[:8]])
    assert select_bandwidth_factors(columns, np.ones(8), folds, np.full(2, -9.0)) == [None, None]


def test_ties_get_the_narrowest_kernels():
    assert factor_for(ATOM) == BANDWIDTH_FACTORS[0]


def test_narrow_peaks_get_kernels():
    assert factor_for(TWO_PEAKS) in BANDWIDTH_FACTORS


def test_kernels_on_a_grid_are_at_least_half_its_spacing_wide():
    column = np.round(2 * NORMAL) / 2
    kernels = KernelMarginal.fit(column, np.ones(N), BANDWIDTH_FACTORS[0])
    assert (kernels.bandwidths >= 0.25).all()
    assert kernels.bandwidths.min() == 0.25


def test_kernels_widen_with_the_tails():
    column = np.append(NORMAL, 50.0)
    kernels = KernelMarginal.fit(column, np.ones(N + 1), 0.5)
    assert kernels.bandwidths[-1] == pytest.approx(50 - NORMAL.max())


def test_weights_are_repetitions():
    column, weights = np.array([0.0, 1, 2.5, 4]), np.array([1.0, 3, 1, 2])
    once = KernelMarginal.fit(column, weights, 1.0).weights
    repeated = KernelMarginal.fit(np.repeat(column, weights.astype(int)), np.ones(7), 1.0).weights
    np.testing.assert_allclose(once, repeated)


def test_the_log_density_is_that_of_the_kernels():
    kernels = KernelMarginal.fit(NORMAL[:50], np.ones(50), 1.0)
    x = np.linspace(-3, 3, 7)
    pairs = zip(kernels.values, kernels.weights, kernels.bandwidths, strict=True)
    expected = sum(weight * norm(value, width).pdf(x) for value, weight, width in pairs)
    np.testing.assert_allclose(kernels.log_density(x), np.log(expected))


def test_normal_scores_are_exact_in_both_tails():
    kernels = KernelMarginal(np.zeros(1), np.ones(1), np.ones(1))  # one standard normal kernel
    x = np.array([-30.0, -8, -1, 0, 1, 8, 30])
    np.testing.assert_allclose(kernels.normal_scores(x), x, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_interpolant_makes_new_samples_normal(seed):
    bijection = interpolant_for(TWO_PEAKS, factors=[0.25])
    new = np.random.default_rng(seed)
    column = np.where(new.random(400) < 0.5, -1, 1) + 0.05 * new.normal(size=400)
    z, _ = bijection(torch.from_numpy(column[:, None]))
    assert kstest(z.numpy()[:, 0], "norm").pvalue > 1e-3
    assert kstest(column, "norm").pvalue < 1e-10  # it was not normal before


def test_the_density_behind_the_interpolant_is_about_that_of_the_kernels():
    bijection = interpolant_for(ATOM, factors=[0.25])
    grid = np.linspace(-12, 12, 200_001)
    z, log_det = bijection(torch.from_numpy(grid[:, None]))
    density = norm.pdf(z.numpy()[:, 0]) * log_det.exp().numpy()
    assert density.sum() * (grid[1] - grid[0]) == pytest.approx(1, abs=1e-3)
    kernels = np.exp(KernelMarginal.fit(ATOM, np.ones(N), 0.25).log_density(grid[::1000]))
    assert np.abs(density[::1000] - kernels).mean() < 0.02


def test_columns_without_a_factor_stay_unchanged():
    bijection = interpolant_for(NORMAL, TWO_PEAKS, factors=[None, 0.25])
    x = torch.from_numpy(np.column_stack([NORMAL, TWO_PEAKS]) * 3)
    z, log_det = bijection(x)
    torch.testing.assert_close(z[:, 0], x[:, 0])
    single, log_det_single = interpolant_for(TWO_PEAKS, factors=[0.25])(x[:, 1:])
    torch.testing.assert_close(z[:, 1:], single)
    torch.testing.assert_close(log_det, log_det_single)


def test_long_columns_are_thinned_to_order_statistics():
    many = np.random.default_rng(5).gamma(0.5, size=30_000)
    x = torch.linspace(0.01, 5, 50, dtype=torch.float64).unsqueeze(-1)
    thinned, _ = interpolant_for(many, factors=[0.5])(x)
    exact = norm.ppf(np.searchsorted(np.sort(many), x.numpy()[:, 0]) / len(many))
    assert np.abs(thinned.numpy()[:, 0] - exact).max() < 0.15
