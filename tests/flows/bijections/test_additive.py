"""The scalar map that shifts."""

import torch

from skflow.flows.bijections import Additive


def test_adds_the_raw_parameter_and_preserves_volume():
    x, raw = torch.tensor([[1.0, -2.0]]), torch.tensor([[[0.5, 3.0]]])
    z, log_slope = Additive().forward(x, raw)
    assert z.tolist() == [[1.5, 1.0]]
    assert log_slope.tolist() == [[0.0, 0.0]]
    assert torch.equal(Additive().inverse(z, raw)[0], x)
