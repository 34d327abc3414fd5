"""The scalar map that scales and shifts."""

import math

import pytest
import torch

from skflow.flows.bijections import Affine


def affine(x, shift, raw_scale):
    raw = torch.tensor([[[shift]], [[raw_scale]]], dtype=torch.float64)
    z, log_slope = Affine().forward(torch.tensor([[x]], dtype=torch.float64), raw)
    return z.item(), log_slope.item()


def test_scales_and_shifts():
    z, log_slope = affine(2.0, 0.5, 1.0)
    assert log_slope == pytest.approx(1 / (1 + 1 / 7))
    assert z == pytest.approx(2 * math.exp(log_slope) + 0.5)


@pytest.mark.parametrize("raw_scale", [1e3, 1e15])
def test_log_scale_is_softly_clipped_to_seven(raw_scale):
    for sign in (-1, 1):
        _, log_slope = affine(1.0, 0.0, sign * raw_scale)
        assert 6.9 < sign * log_slope <= 7
