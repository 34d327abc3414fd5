"""Marginal transforms of each kind, and which candidates there are."""

import numpy as np
import pytest
import torch
from scipy.stats import kstest, norm

from skflow.flows.bijections import Chain, Standardize
from skflow.preprocessing.dataset import WeightedDataset
from skflow.preprocessing.marginals import Marginals, _center_at_median, candidate_marginals

N = 2000
KINDS = ("standardize", "yeo-johnson", "kernel")
FOLDS = np.arange(N) % 5
RNG = np.random.default_rng(0)
NORMAL = RNG.normal(size=N)
LOG_NORMAL = np.exp(NORMAL)
ZERO_INFLATED = np.where(RNG.random(N) < 0.6, 0.0, RNG.normal(size=N))
COUNTS = RNG.choice([0, 1, 2, 7, 50], p=[0.5, 0.2, 0.15, 0.1, 0.05], size=N)


def dataset(*columns):
    x = torch.from_numpy(np.column_stack(columns))
    return WeightedDataset(x, torch.ones(N, dtype=torch.float64))


def dequantized(counts):
    """Counts beside a normal column, and the bounds of their unit intervals."""
    data = dataset(counts + np.random.default_rng(1).random(N) - 0.5, NORMAL)
    half = torch.tensor([0.5, 0.0], dtype=torch.float64)
    middle = torch.from_numpy(np.column_stack([counts, NORMAL]).astype(float))
    bounds = torch.stack([middle - half, middle + half])
    return WeightedDataset(data.x, data.weights, bin_bounds=bounds)


def transformed(marginals, data):
    z, _ = Chain(marginals.fit(data.x, data.weights, data.bin_bounds))(data.x)
    return z.numpy()


@pytest.mark.parametrize("kind", ["standardize", "yeo-johnson"])
def test_columns_have_mean_zero_and_unit_variance(kind):
    z = transformed(Marginals(kind), dataset(1e3 * NORMAL + 5, LOG_NORMAL))
    np.testing.assert_allclose(z.mean(0), 0, atol=1e-9)
    np.testing.assert_allclose(z.std(0), 1, rtol=1e-9)


def test_yeo_johnson_makes_a_skewed_column_about_normal():
    data = dataset(LOG_NORMAL)
    assert kstest(transformed(Marginals("standardize"), data)[:, 0], "norm").statistic > 0.2
    assert kstest(transformed(Marginals("yeo-johnson"), data)[:, 0], "norm").statistic < 0.07


def test_only_columns_with_a_factor_get_kernels():
    data = dataset(ZERO_INFLATED, NORMAL)
    z = transformed(Marginals("kernel", (0.1, None)), data)
    powers = transformed(Marginals("yeo-johnson"), data)
    np.testing.assert_allclose(z[:, 1], powers[:, 1], rtol=1e-12)
    assert np.abs(z[:, 0] - powers[:, 0]).max() > 0.1


def test_a_minimum_slope_bounds_the_inverse():
    data = dataset(-(LOG_NORMAL**2))
    far = torch.tensor([[-12.0]], dtype=torch.float64)
    reach = [
        float(Chain(Marginals("yeo-johnson", (), slope).fit(data.x, data.weights)).inverse(far)[0])
        for slope in (0.0, 0.5)
    ]
    assert reach[0] < 3 * reach[1] < 0


def test_integers_have_a_probability_for_each_unit_interval():
    data = dequantized(COUNTS)
    marginals = Marginals("kernel", ("integer", None))
    chain = Chain(marginals.fit(data.x, data.weights, data.bin_bounds))
    z, log_det = chain(data.x)
    assert kstest(z[:, 0].numpy(), "norm").statistic < 0.0436  # p > 0.001
    log_p = norm.logpdf(z).sum(1) + log_det.numpy()
    fractions = (COUNTS[:, None] == COUNTS).mean(1)
    expected = np.log(fractions) + norm.logpdf(NORMAL)
    assert log_p.mean() == pytest.approx(expected.mean(), abs=0.05)


def test_candidates_include_kernels_only_if_a_column_gains():
    candidates = candidate_marginals(KINDS, dataset(NORMAL, ZERO_INFLATED), FOLDS, 0.1)
    assert [marginals.kind for marginals in candidates] == list(KINDS)
    assert candidates[2].factors == (None, 0.1)
    assert all(marginals.min_slope == 0.1 for marginals in candidates)
    without = candidate_marginals(KINDS, dataset(NORMAL, LOG_NORMAL), FOLDS)
    assert [marginals.kind for marginals in without] == ["standardize", "yeo-johnson"]


def test_columns_of_integers_never_get_kernels():
    (kernels,) = candidate_marginals(("kernel",), dequantized(COUNTS), FOLDS)
    assert kernels.factors == ("integer", None)
    many_values = np.round(1e6 * NORMAL)  # as good as continuous
    assert candidate_marginals(("kernel",), dequantized(many_values), FOLDS) == []


def test_columns_are_centered_at_their_weighted_median():
    x = torch.tensor([[3.0], [1.0], [9.0], [2.0]], dtype=torch.float64)
    weights = torch.tensor([1.0, 1.0, 1.5, 0.5], dtype=torch.float64)
    center = _center_at_median(x, weights)
    assert center.loc.tolist() == [3.0]
    assert torch.equal(center.scale, Standardize.fit(x, weights).scale)
