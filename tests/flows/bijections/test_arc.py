"""The map of an arc of a circle onto the line."""

import math

import pytest
import torch

from skflow.flows.bijections import Arc

INF = math.inf


def arc():
    ends = torch.tensor([[-1.0, -INF], [7.0, INF]], dtype=torch.float64)
    return Arc(*ends)


def angles(n=200):
    generator = torch.Generator().manual_seed(0)
    x = torch.rand(n, 2, generator=generator, dtype=torch.float64)
    return torch.stack([8 * x[:, 0] - 1, 9 * x[:, 1]], dim=1)


def test_round_trip_and_opposite_log_dets():
    x = angles()
    z, log_det = arc()(x)
    back, log_det_back = arc().inverse(z)
    torch.testing.assert_close(back, x, rtol=1e-10, atol=1e-10)
    torch.testing.assert_close(log_det_back, -log_det, rtol=1e-6, atol=1e-6)


def test_log_det_equals_that_of_the_jacobian_by_autograd():
    for row in angles()[:10]:
        _, log_det = arc()(row[None])
        jacobian = torch.autograd.functional.jacobian(lambda v: arc()(v[None])[0][0], row)
        torch.testing.assert_close(torch.linalg.slogdet(jacobian).logabsdet, log_det[0])


@pytest.mark.parametrize("size", [1.0, 1e3, 1e15, 1e100, 1e150])
def test_images_of_the_inverse_lie_within_the_ends(size):
    z = size * torch.randn(200, 2, generator=torch.Generator().manual_seed(0)).double()
    back, log_det = arc().inverse(z)
    assert (back >= arc().low).all()
    assert (back <= arc().high).all()
    assert back.isfinite().all()
    assert log_det.isfinite().all()


def test_values_beyond_the_ends_are_treated_as_the_nearest_inside():
    x = torch.tensor([[-1e9, 0.0], [-1.0, 0.0], [7.0, 0.0], [1e9, 0.0]], dtype=torch.float64)
    z, log_det = arc()(x)
    assert z.isfinite().all()
    assert log_det.isfinite().all()
    assert torch.equal(z[0], z[1])
    assert torch.equal(z[2], z[3])


def test_formula_of_the_docstring():
    x = angles()
    s = (x[:, 0] - 3) / 4
    z, _ = arc()(x)
    torch.testing.assert_close(z[:, 0], s / (1 - s**2))
    assert torch.equal(z[:, 1], x[:, 1])  # without ends
