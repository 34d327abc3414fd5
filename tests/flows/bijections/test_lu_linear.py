"""Learned linear mixing by triangular factors."""

import pytest
import torch

from skflow.flows.bijections import LULinear

TRIANGLES = torch.tensor([[9.0, 2.0, -1.0], [0.5, 9.0, 3.0], [-2.0, 1.0, 9.0]]).double()
LOG_DIAGONAL = torch.tensor([0.2, -0.4, 1.0], dtype=torch.float64)
X = torch.tensor([[1.0, 2.0, 3.0], [-1.0, 0.5, 2.0]], dtype=torch.float64)


def linear(volume_preserving, fused):
    layer = LULinear(3, volume_preserving, fused).double()
    layer.triangles.data = TRIANGLES
    if not volume_preserving:
        layer.log_diagonal.data = LOG_DIAGONAL
    return layer


def matrix(volume_preserving):
    log_diagonal = 0 * LOG_DIAGONAL if volume_preserving else LOG_DIAGONAL
    lower = TRIANGLES.tril(-1) + torch.eye(3).double()
    return lower @ (TRIANGLES.triu(1) + torch.diag(log_diagonal.exp()))


@pytest.mark.parametrize("fused", [True, False])
@pytest.mark.parametrize("volume_preserving", [True, False])
def test_is_the_product_of_both_factors(volume_preserving, fused):
    mixing = matrix(volume_preserving)
    z, log_det = linear(volume_preserving, fused)(X)
    torch.testing.assert_close(z, X @ mixing.mT)
    torch.testing.assert_close(log_det, torch.linalg.slogdet(mixing).logabsdet.expand(2))


@pytest.mark.parametrize("volume_preserving", [True, False])
def test_inverse_is_that_of_the_matrix(volume_preserving):
    mixing = matrix(volume_preserving)
    x, log_det = linear(volume_preserving, True).inverse(X)
    torch.testing.assert_close(x, torch.linalg.solve(mixing, X.mT).mT)
    torch.testing.assert_close(log_det, -torch.linalg.slogdet(mixing).logabsdet.expand(2))


def test_volume_preserving_mixing_has_no_diagonal_to_learn():
    assert [name for name, _ in LULinear(3, True).named_parameters()] == ["triangles"]
    assert linear(True, True)(X)[1].tolist() == [0, 0]


def test_is_initially_the_identity():
    assert torch.equal(LULinear(3).double()(X)[0], X)
