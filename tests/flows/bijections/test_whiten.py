"""Whitening by a triangular factor."""

import torch

from skflow.flows.bijections import Whiten


def test_whitened_samples_have_unit_covariance():
    covariance = torch.tensor([[4.0, 1.0], [1.0, 2.0]], dtype=torch.float64)
    factor, loc = torch.linalg.cholesky(covariance), torch.tensor([3.0, -1.0]).double()
    bijection = Whiten(loc, factor)
    columns = torch.autograd.functional.jacobian(lambda v: bijection(v[None])[0][0], loc)
    torch.testing.assert_close(columns @ covariance @ columns.mT, torch.eye(2).double())
    assert not columns.triu(1).any()  # z_j depends on x_1 … x_j only
    z, log_det = bijection(loc[None])
    assert not z.any()
    torch.testing.assert_close(log_det[0], -0.5 * covariance.det().log())
