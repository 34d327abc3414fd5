"""Columns in reverse order."""

import torch

from skflow.flows.bijections import Reverse

X = torch.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])


def test_reverses_the_columns_and_is_its_own_inverse():
    z, log_det = Reverse()(X)
    assert z.tolist() == [[3, 2, 1], [6, 5, 4]]
    assert log_det.tolist() == [0, 0]
    assert torch.equal(Reverse().inverse(z)[0], X)
