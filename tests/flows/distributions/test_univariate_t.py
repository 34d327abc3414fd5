"""Student's t in one dimension, against scipy."""

import numpy as np
import pytest
import torch
from scipy import stats
from torch import Generator

from skflow.flows.distributions import univariate_t

DF = np.array([0.7, 2.0, 5.5, 300.0, 1e4])
Z = np.array([-1e100, -1e8, -300.0, -3.0, -0.2, 0.0, 1e-9, 0.7, 40.0, 1e5])
GRID = tuple(torch.from_numpy(a) for a in np.meshgrid(Z, DF))


def test_log_density():
    z, df = GRID
    found = univariate_t.log_density(z, df)
    near = z.abs() < 1e50
    np.testing.assert_allclose(found[near], stats.t(df[near]).logpdf(z[near]), rtol=1e-10)
    far = torch.tensor([1e200, 1e300], dtype=torch.float64)
    log_density = univariate_t.log_density(far, torch.tensor(2.0, dtype=torch.float64))
    assert float(log_density.diff()) == pytest.approx(-300 * np.log(10), rel=1e-10)


def test_cdf_and_its_logarithm_in_the_far_tails():
    z, df = GRID
    near = z.abs() < 1e50
    np.testing.assert_allclose(univariate_t.cdf(z, df), stats.t(df).cdf(z), rtol=1e-10)
    log_cdf, expected = univariate_t.log_cdf(z, df), stats.t(df).logcdf(z)
    seen = near & torch.from_numpy(np.isfinite(expected))
    np.testing.assert_allclose(log_cdf[seen], expected[seen], rtol=1e-8, atol=1e-10)
    assert bool(log_cdf.isfinite().all())


def test_gradients():
    df = torch.tensor([0.7, 3.0, 50.0], dtype=torch.float64)
    z = torch.tensor([-200.0, -1.2, 0.4], dtype=torch.float64, requires_grad=True)
    for function in (univariate_t.log_density, univariate_t.log_cdf):
        (slope,) = torch.autograd.grad(function(z, df).sum(), z)
        step = 1e-5 * z.detach().abs()
        with torch.no_grad():
            difference = function(z + step, df) - function(z - step, df)
        np.testing.assert_allclose(slope, difference / (2 * step), rtol=1e-6)
    far = torch.tensor([-1e200, 1e200, 0.0], dtype=torch.float64, requires_grad=True)
    for function in (univariate_t.log_density, univariate_t.log_cdf):
        (slope,) = torch.autograd.grad(function(far, df).sum(), far)
        assert bool(slope.isfinite().all())


def test_quantiles_invert_the_cdf():
    levels = torch.tensor([1e-12, 0.01, 0.5, 0.9], dtype=torch.float64).unsqueeze(1)
    df = torch.from_numpy(DF)
    np.testing.assert_allclose(
        univariate_t.cdf(univariate_t.quantile(levels, df.expand(4, -1)), df.expand(4, -1)),
        levels.expand(4, len(DF)),
        rtol=1e-9,
    )


def test_draws():
    df = torch.full((3000,), 2.5, dtype=torch.float64)
    draws = univariate_t.sample(df, Generator().manual_seed(0))
    assert stats.kstest(draws.numpy(), stats.t(2.5).cdf).pvalue > 0.01
    single = univariate_t.sample(df.float(), Generator().manual_seed(0))
    np.testing.assert_allclose(single, draws, rtol=1e-5, atol=1e-6)
