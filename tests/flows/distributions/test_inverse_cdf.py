"""Quantiles by root finding, of known distributions."""

import numpy as np
import torch
from scipy import stats

from skflow.flows.distributions.inverse_cdf import inverse_cdf


def test_quantiles_of_a_bimodal_distribution():
    def cdf_and_density(y):
        y = y.numpy()
        cdf = 0.999 * stats.norm.cdf(y) + 0.001 * stats.norm.cdf(y, 50, 0.1)
        density = 0.999 * stats.norm.pdf(y) + 0.001 * stats.norm.pdf(y, 50, 0.1)
        return torch.from_numpy(cdf), torch.from_numpy(density)

    levels = torch.tensor([1e-8, 0.3, 0.9985, 0.9995], dtype=torch.float64)
    ends = torch.full_like(levels, -100), torch.full_like(levels, 200)
    found = inverse_cdf(cdf_and_density, levels, *ends)
    np.testing.assert_allclose(cdf_and_density(found)[0], levels, rtol=1e-6)
    rough = inverse_cdf(cdf_and_density, levels, *ends, max_iter=4)
    assert (rough - found).abs().max() > 1
