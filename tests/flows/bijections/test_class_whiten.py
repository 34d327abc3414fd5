"""Whitening by the class that the context names."""

import torch

from skflow.flows.bijections import ClassWhiten, Whiten

LOC = torch.tensor([[1.0, -1.0], [5.0, 2.0]], dtype=torch.float64)
FACTOR = torch.tensor([[[2.0, 0.0], [0.5, 1.0]], [[1.0, 0.0], [-1.0, 3.0]]], dtype=torch.float64)
X = torch.tensor([[0.0, 1.0], [2.0, 3.0], [-1.0, 0.5]], dtype=torch.float64)


def test_every_row_is_whitened_as_its_class():
    labels = torch.tensor([1, 0, 1])
    context = torch.nn.functional.one_hot(labels).double()
    z, log_det = ClassWhiten(LOC, FACTOR)(X, context)
    for i, k in enumerate(labels.tolist()):
        expected_z, expected_log_det = Whiten(LOC[k], FACTOR[k])(X[i : i + 1])
        torch.testing.assert_close(z[i], expected_z[0])
        torch.testing.assert_close(log_det[i], expected_log_det[0])


def test_without_context_all_rows_have_the_first_class():
    z, log_det = ClassWhiten(LOC, FACTOR)(X)
    expected_z, expected_log_det = Whiten(LOC[0], FACTOR[0])(X)
    torch.testing.assert_close(z, expected_z)
    torch.testing.assert_close(log_det, expected_log_det)
