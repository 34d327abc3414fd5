"""The map of bounded columns onto the line, and its fit."""

import math

import pytest
import torch

from skflow.flows.bijections import Bounded

INF = math.inf
LOW = torch.tensor([0.0, -INF, -2.0, -INF, 1e6], dtype=torch.float64)
HIGH = torch.tensor([INF, 5.0, 3.0, INF, 1e6 + 1e-3], dtype=torch.float64)


def rows(n=200, seed=0):
    """Rows within the bounds, some close to them."""
    generator = torch.Generator().manual_seed(seed)
    u = 3 * torch.randn(n, 5, generator=generator, dtype=torch.float64)
    within = torch.sigmoid(u)
    x = LOW + (HIGH - LOW) * within
    return torch.stack([u[:, 0].exp(), 5 - u[:, 1].exp(), x[:, 2], u[:, 3], x[:, 4]], dim=1)


def bounded():
    return Bounded.fit(LOW, HIGH, rows(seed=1), torch.ones(200, dtype=torch.float64))


def test_round_trip_and_opposite_log_dets():
    x = rows()
    z, log_det = bounded()(x)
    back, log_det_back = bounded().inverse(z)
    torch.testing.assert_close(back, x, rtol=1e-10, atol=1e-10)
    torch.testing.assert_close(log_det_back, -log_det, rtol=1e-6, atol=1e-6)


def test_log_det_equals_that_of_the_jacobian_by_autograd():
    bijection = bounded()
    for row in rows()[:10]:
        _, log_det = bijection(row[None])
        jacobian = torch.autograd.functional.jacobian(lambda v: bijection(v[None])[0][0], row)
        torch.testing.assert_close(torch.linalg.slogdet(jacobian).logabsdet, log_det[0])


@pytest.mark.parametrize("size", [1.0, 1e3, 1e15, 1e100, 1e150])
def test_images_of_the_inverse_lie_within_the_bounds(size):
    z = size * torch.randn(200, 5, generator=torch.Generator().manual_seed(0)).double()
    back, log_det = bounded().inverse(z)
    assert (back >= LOW).all()
    assert (back <= HIGH).all()
    assert back.isfinite().all()
    assert log_det.isfinite().all()


def test_values_beyond_the_bounds_are_treated_as_the_nearest_inside():
    z, log_det = bounded()(torch.full((200, 5), -1e9, dtype=torch.float64))
    assert z.isfinite().all()
    assert log_det.isfinite().all()


def test_is_onto():
    z = 50 * torch.randn(200, 5, generator=torch.Generator().manual_seed(0)).double()
    z[:, 4] /= 50  # its bounds are so close that x has few significant digits
    torch.testing.assert_close(bounded()(bounded().inverse(z)[0])[0], z, rtol=1e-6, atol=1e-4)


def test_a_uniform_column_becomes_a_t_with_two_degrees_of_freedom():
    x = (torch.arange(1000, dtype=torch.float64)[:, None] + 0.5) / 1000
    bijection = Bounded.fit(torch.zeros(1).double(), torch.ones(1).double(), x, torch.ones(1000))
    assert bijection.scale.item() == pytest.approx(1.0, abs=0.01)
    z, log_det = bijection(x)
    t = torch.distributions.StudentT(torch.tensor(2.0).double(), 0.0, math.sqrt(2))
    torch.testing.assert_close(
        t.log_prob(z[:, 0]) + log_det, torch.zeros(1000).double(), atol=0.02, rtol=0
    )


def test_a_log_normal_column_is_centered_at_its_median():
    x = torch.randn(2001, 1, generator=torch.Generator().manual_seed(0)).double().exp() * 7
    bijection = Bounded.fit(
        torch.zeros(1).double(), torch.full((1,), INF).double(), x, torch.ones(2001)
    )
    assert bijection.center.item() == pytest.approx(x.median().log().item())
    assert bijection.scale.item() == 1  # narrower columns stay as they are
    assert bijection(x)[0].median().item() == pytest.approx(0, abs=1e-9)
