"""Centering and scaling, by weighted moments and without overflow."""

import numpy as np
import pytest
import torch

from skflow.flows.bijections import Standardize


def test_fit_takes_weighted_moments():
    rng = np.random.default_rng(0)
    x, weights = rng.normal(3.0, [1.0, 20.0], (50, 2)), rng.integers(1, 4, 50)
    bijection = Standardize.fit(torch.from_numpy(x), torch.from_numpy(weights).double())
    repeated = x.repeat(weights, axis=0)
    np.testing.assert_allclose(bijection.loc, repeated.mean(0))
    np.testing.assert_allclose(bijection.scale, repeated.std(0))


def test_constant_columns_have_unit_scale_and_become_zero():
    x = torch.full((7, 1), 0.1, dtype=torch.float64)
    bijection = Standardize.fit(x, torch.ones(7).double())
    assert bijection.scale.item() == 1
    assert not bijection(x)[0].any()


@pytest.mark.parametrize("size", [1e-170, 1e170])
def test_fit_neither_overflows_nor_underflows(size):
    x = size * torch.tensor([[-1.0], [1.0]], dtype=torch.float64)
    bijection = Standardize.fit(x, torch.ones(2).double())
    assert bijection.scale.item() == pytest.approx(size)


def test_far_out_rows_stay_squarable_and_their_density_falls_as_that_of_a_cauchy():
    bijection = Standardize(torch.zeros(2).double(), torch.ones(2).double())
    x = torch.tensor([[1e160, 0.0], [1e170, 0.0], [1e180, 1e180]], dtype=torch.float64)
    z, log_det = bijection(x)
    assert z.square().sum(-1).isfinite().all()
    assert torch.equal(z[0], z[1])
    # t with one degree of freedom in two columns: p falls with the third power of the distance
    torch.testing.assert_close(log_det[1] - log_det[0], torch.tensor(-3 * np.log(1e10)).double())
