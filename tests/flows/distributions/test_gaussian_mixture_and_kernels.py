"""Gaussian mixtures and kernel densities against SciPy."""

import numpy as np
import pytest
import torch
from scipy import stats
from scipy.special import logsumexp
from torch import Generator

from skflow.flows.distributions.gaussian_mixture_and_kernels import (
    GaussianKernels,
    GaussianMixture,
)

WEIGHTS = np.array([0.2, 0.5, 0.3])
MEANS = np.array([[0.0, 0.0], [10.0, -5.0], [-10.0, 4.0]])
FACTORS = np.array([[[1.0, 0.0], [0.5, 2.0]], [[0.3, 0.0], [0.0, 0.3]], [[2.0, 0.0], [-1.0, 1.0]]])


def mixture():
    return GaussianMixture(*(torch.from_numpy(a) for a in (np.log(WEIGHTS), MEANS, FACTORS)))


def kernels(bandwidth=0.7):
    centers, log_weights = torch.from_numpy(MEANS), torch.from_numpy(np.log(WEIGHTS))
    return GaussianKernels(log_weights, centers, torch.tensor(bandwidth, dtype=torch.float64))


def expected_log_prob(x, covariances):
    terms = [
        stats.multivariate_normal(mean, covariance).logpdf(x)
        for mean, covariance in zip(MEANS, covariances, strict=True)
    ]
    return logsumexp(terms, axis=0, b=WEIGHTS[:, None])


def rows(n=50):
    return 8 * np.random.default_rng(0).standard_normal((n, 2))


def test_mixture_log_prob_equals_scipys():
    found = mixture().log_prob(torch.from_numpy(rows()))
    expected = expected_log_prob(rows(), FACTORS @ FACTORS.transpose(0, 2, 1))
    np.testing.assert_allclose(found, expected, rtol=1e-10)


def test_kernel_log_prob_equals_scipys():
    found = kernels().log_prob(torch.from_numpy(rows()))
    expected = expected_log_prob(rows(), [0.49 * np.eye(2)] * 3)
    np.testing.assert_allclose(found, expected, rtol=1e-10)


def test_kernels_compute_many_rows_in_blocks_as_one_by_one(monkeypatch):
    x = torch.from_numpy(rows(20))
    alone = torch.cat([kernels().log_prob(row[None]) for row in x])
    monkeypatch.setattr(
        "skflow.flows.distributions.gaussian_mixture_and_kernels._MAX_DISTANCES", 10
    )
    torch.testing.assert_close(kernels().log_prob(x), alone)


@pytest.mark.parametrize("density", [mixture(), kernels()], ids=["mixture", "kernels"])
@pytest.mark.parametrize(("dtype", "size"), [(torch.float64, 1e200), (torch.float32, 1e30)])
def test_log_prob_is_finite_far_out(density, dtype, size):
    x = torch.tensor([[size, -size], [0.0, size]], dtype=dtype)
    assert density.to(dtype).log_prob(x).isfinite().all()
    density.double()


@pytest.mark.parametrize(
    ("density", "covariances"),
    [
        (mixture(), FACTORS @ FACTORS.transpose(0, 2, 1)),
        (kernels(), np.array([0.49 * np.eye(2)] * 3)),
    ],
    ids=["mixture", "kernels"],
)
def test_samples_have_the_mean_and_the_covariance(density, covariances):
    samples = density.sample(50_000, Generator().manual_seed(0)).numpy()
    mean = WEIGHTS @ MEANS
    offsets = MEANS - mean
    covariance = np.tensordot(WEIGHTS, covariances, 1) + (WEIGHTS * offsets.T) @ offsets
    np.testing.assert_allclose(samples.mean(0), mean, atol=0.15)
    np.testing.assert_allclose(np.cov(samples.T), covariance, rtol=0.03, atol=0.3)
