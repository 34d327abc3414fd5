"""Compositions of bijections."""

import torch

from skflow.flows.bijections import Chain, Reverse, Standardize


def standardize(loc, scale):
    return Standardize(torch.tensor(loc).double(), torch.tensor(scale).double())


X = torch.tensor([[1.0, 2.0], [-3.0, 4.0]], dtype=torch.float64)


def test_maps_in_order_and_adds_log_dets():
    first, last = standardize([1.0, 0.0], [2.0, 1.0]), standardize([0.0, 5.0], [1.0, 4.0])
    z, log_det = Chain([first, Reverse(), last])(X)
    assert torch.equal(z, torch.tensor([[2.0, -1.25], [4.0, -1.75]], dtype=torch.float64))
    expected = -torch.tensor([8.0, 8.0], dtype=torch.float64).log()
    torch.testing.assert_close(log_det, expected)


def test_inverse_maps_in_the_opposite_order():
    chain = Chain([standardize([1.0, 0.0], [2.0, 1.0]), Reverse()])
    back, log_det = chain.inverse(chain(X)[0])
    torch.testing.assert_close(back, X)
    torch.testing.assert_close(log_det, torch.tensor([2.0, 2.0], dtype=torch.float64).log())


def test_an_empty_chain_is_the_identity():
    for direction in (Chain().forward, Chain().inverse):
        out, log_det = direction(X)
        assert torch.equal(out, X)
        assert log_det.tolist() == [0, 0]
