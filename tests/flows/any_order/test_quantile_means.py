"""Means by quantiles, against closed forms and against tails that would decide them."""

import math

import pytest
import torch
from scipy import stats

from skflow.flows.any_order.quantile_means import (
    LEVELS,
    mean,
    mean_direction,
    without_heavy_tails,
)

ONE = torch.ones(1, 1, dtype=torch.float64)


def quantiles_of(*distributions):
    """(m, k, 1)."""
    values = [torch.from_numpy(each.ppf(LEVELS.numpy())) for each in distributions]
    return torch.stack(values).unsqueeze(-1)


@pytest.mark.parametrize(
    ("distribution", "tolerance"),
    [
        (stats.norm(3, 2), 1e-4),
        (stats.lognorm(0.5), 1e-3),
        (stats.t(3, loc=-1), 1e-4),
        (stats.gamma(2), 1e-3),
        (stats.lognorm(1.0), 5e-2),
    ],
)
def test_the_mean_is_that_of_the_distribution(distribution, tolerance):
    value = mean(quantiles_of(distribution), ONE).item()
    assert value == pytest.approx(distribution.mean(), rel=tolerance)


def test_weights_are_those_of_the_components():
    quantiles = quantiles_of(stats.norm(0), stats.norm(10))
    weights = torch.tensor([[0.25], [0.75]], dtype=torch.float64)
    assert mean(quantiles, weights).item() == pytest.approx(7.5, abs=1e-3)


def test_a_tail_without_a_mean_does_not_decide_it():
    heavy = quantiles_of(stats.lognorm(8.0))  # with a mean of e³²
    value = mean(heavy, ONE).item()
    assert 1 < value < stats.lognorm(8.0).ppf(0.99)
    overflow = torch.where(LEVELS > 0.99, torch.inf, LEVELS).view(1, -1, 1)
    assert 0 < mean(overflow, ONE).item() < 10


def test_components_without_a_variance_are_left_out_if_they_weigh_less_than_half():
    df = torch.tensor([[5.0, 5.0], [1.0, 1.0]], dtype=torch.float64)
    weights = torch.tensor([[0.9, 0.3], [0.1, 0.7]], dtype=torch.float64)
    expected = torch.tensor([[1.0, 0.3], [0.0, 0.7]], dtype=torch.float64)
    torch.testing.assert_close(without_heavy_tails(weights, df), expected)
    torch.testing.assert_close(without_heavy_tails(0.2 * weights, df), expected)


@pytest.mark.parametrize("period", [2 * math.pi, 24.0])
@pytest.mark.parametrize("turns", [0, 1, -2])
def test_the_mean_direction_does_not_depend_on_turns(period, turns):
    angles = quantiles_of(stats.norm(0.1, 0.3), stats.norm(1.1, 0.3)) * period / (2 * math.pi)
    angles[1] += turns * period
    weights = torch.tensor([[0.5], [0.5]], dtype=torch.float64)
    direction = mean_direction(angles, weights, torch.tensor(period, dtype=torch.float64))
    assert direction.item() == pytest.approx(0.6 * period / (2 * math.pi), abs=1e-3 * period)


def test_the_mean_direction_across_the_cut():
    angles = quantiles_of(stats.norm(math.pi + 0.2, 0.4))
    direction = mean_direction(angles, ONE, torch.tensor(2 * math.pi, dtype=torch.float64))
    assert direction.item() == pytest.approx(0.2 - math.pi, abs=1e-6)
