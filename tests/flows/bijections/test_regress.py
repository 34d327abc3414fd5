"""Subtraction of a linear prediction."""

import torch

from skflow.flows.bijections import Regress

COEFFICIENTS = torch.tensor([[1.0, 2.0, 0.0], [0.0, -1.0, 3.0]])
INTERCEPT = torch.tensor([10.0, 20.0])
X = torch.tensor([[0.0, 0.0], [5.0, 5.0]])


def test_subtracts_the_prediction_from_the_context():
    context = torch.tensor([[1.0, 1.0, 1.0], [0.0, 2.0, 0.0]])
    z, log_det = Regress(COEFFICIENTS, INTERCEPT)(X, context)
    assert z.tolist() == [[-13, -22], [-9, -13]]
    assert log_det.tolist() == [0, 0]


def test_without_context_it_subtracts_the_intercept():
    assert Regress(COEFFICIENTS, INTERCEPT)(X)[0].tolist() == [[-10, -20], [-5, -15]]
