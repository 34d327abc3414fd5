"""A learned factor per column."""

import torch

from skflow.flows.bijections import Scale


def test_multiplies_by_the_exponential():
    scale = Scale(2).double()
    scale.log_scale.data = torch.tensor([0.5, 2.0], dtype=torch.float64)
    x = torch.tensor([[1.0, -2.0]], dtype=torch.float64)
    z, log_det = scale(x)
    torch.testing.assert_close(z, x * scale.log_scale.exp())
    torch.testing.assert_close(log_det, scale.log_scale.sum()[None])
