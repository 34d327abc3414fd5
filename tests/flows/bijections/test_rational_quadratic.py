"""One segment of a rational-quadratic function: its ends, its slope and its inverse."""

import pytest
import torch

from skflow.flows.bijections.rational_quadratic import segment_forward, segment_inverse

T = torch.linspace(0, 1, 101, dtype=torch.float64)
SEGMENTS = [  # width, height, slopes at both ends
    (1.0, 1.0, 1.0, 1.0),
    (2.0, 0.5, 3.0, 0.1),
    (0.1, 4.0, 0.01, 50.0),
    (1.0, 1e-3, 1e-3, 10.0),
    (1.0, 1.0, 1e3, 1e3),
]


def arguments(segment):
    """s, h, rise and fall."""
    w, h, rise, fall = (torch.tensor(v, dtype=torch.float64) for v in segment)
    return h / w, h, rise, fall


@pytest.mark.parametrize("segment", SEGMENTS)
def test_ends_and_slopes_at_the_ends(segment):
    _, h, rise, fall = segment
    height, log_slope = segment_forward(T, *arguments(segment))
    assert height[0].item() == 0
    assert height[-1].item() == pytest.approx(h)
    assert log_slope[0].exp().item() == pytest.approx(rise)
    assert log_slope[-1].exp().item() == pytest.approx(fall)


@pytest.mark.parametrize("segment", SEGMENTS)
def test_log_slope_is_the_logarithm_of_the_derivative(segment):
    t = T.clone().requires_grad_()
    height, log_slope = segment_forward(t, *arguments(segment))
    (derivative,) = torch.autograd.grad(height.sum(), t)
    torch.testing.assert_close(derivative / segment[0], log_slope.exp())
    assert (derivative > 0).all()


@pytest.mark.parametrize("segment", SEGMENTS)
def test_inverse_of_forward_is_the_coordinate(segment):
    height, _ = segment_forward(T, *arguments(segment))
    t = segment_inverse(height, *arguments(segment))
    torch.testing.assert_close(t, T, rtol=1e-9, atol=1e-9)
