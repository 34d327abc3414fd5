"""Probability paths: regression targets of the velocity, and the distributions at both ends."""

import itertools

import numpy as np
import pytest
import torch
from scipy.stats import kstest
from torch import Generator, nn

from skflow.flows import probability_paths as paths
from skflow.flows.bijections import Continuous
from skflow.flows.bijections.continuous import HALF_PI
from skflow.flows.families import build_bijections
from skflow.flows.layers import LayerConfig
from skflow.flows.probability_paths import (
    IndependentCoupling,
    OptimalTransportCoupling,
    log_uniform_noise_times,
    uniform_times,
)
from tests.flows.bijections.test_continuous import GaussianVelocity, normal


def seeded(seed=0):
    return Generator().manual_seed(seed)


def losses(flow, x, weights=None, context=None, seed=0):
    """Squared errors of a flow on a regression target of its path, times the weights."""
    weights = torch.ones(len(x), dtype=x.dtype) if weights is None else weights
    regression_target = flow.path.regression_target(x.mT, weights, context, seeded(seed))
    errors = flow.squared_error(
        regression_target.position,
        regression_target.time,
        regression_target.velocity,
        regression_target.context,
    )
    return errors * regression_target.weights


def ends(regression_target):
    """The rows and the noise (..., n, d) of a regression target on straight paths."""
    difference = HALF_PI * regression_target.velocity
    columns = regression_target.position - regression_target.time.unsqueeze(-2) * difference
    return columns.mT, (columns + difference).mT


def test_the_path_is_the_straight_path_scaled_to_unit_variance():
    """(1 − s) x + s ε over its standard deviation is x cos θ + ε sin θ, tan θ = s / (1 − s)."""
    x, noise, s = normal(50), normal(50, seed=1), torch.linspace(0, 1, 50, dtype=torch.float64)
    straight = ((1 - s) * x + s * noise) / torch.hypot(1 - s, s)
    angle = torch.atan2(s, 1 - s)
    torch.testing.assert_close(straight, x * angle.cos() + noise * angle.sin())


class Scaled(nn.Module):
    """The velocity field of a Gaussian, times a factor."""

    def __init__(self, factor):
        super().__init__()
        self.inner, self.factor = GaussianVelocity([0.5, 2.0]), factor

    def forward(self, columns, time, context=None):
        return self.factor * self.inner(columns, time, context)


@pytest.mark.parametrize("family", ["flow_matching", "diffusion"])
def test_the_loss_is_minimal_at_the_true_velocity(family):
    """Compared to 0, the velocity for unit variance, and to 0.8 and 1.2 times the true one."""
    path = build_bijections(family, 1, LayerConfig(2), Generator())[0].path
    x = normal(5000, 2) * torch.tensor([0.5, 2.0], dtype=torch.float64)
    means = []
    for factor in (0.0, 0.8, 1.0, 1.2):
        flow = Continuous(Scaled(factor), 8, path)
        batches = [losses(flow, batch, seed=k) for k, batch in enumerate(x.split(500))]
        means.append(torch.cat(batches).mean().item())
    assert min(means) == means[2]
    assert means[0] > means[2] + 0.05


def test_targets_are_averaged_over_the_rows_they_may_have_come_from():
    columns, here, weights = normal(2, 6), normal(2, 4, seed=1), normal(6, seed=2).exp()
    sd = normal(1, 4, seed=3).exp()
    mean = paths._mean_origins(here, columns, weights, sd)
    for i in range(4):
        squares = (here[:, i, None] - columns).square().sum(0)
        posterior = weights * (-0.5 * squares / sd[0, i] ** 2).exp()
        torch.testing.assert_close(mean[:, i], columns @ posterior / posterior.sum())


def test_large_batches_are_averaged_over_in_groups(monkeypatch):
    monkeypatch.setattr(paths, "_MAX_AVERAGED", 4)
    columns, here, weights = normal(2, 6), normal(2, 6, seed=1), normal(6, seed=2).exp()
    sd = normal(1, 6, seed=3).exp()
    mean = paths._mean_origins_in_groups(here, columns, weights, sd)
    for some in (slice(0, 4), slice(4, 6)):
        rows = here[:, some], columns[:, some], weights[some], sd[:, some]
        torch.testing.assert_close(mean[:, some], paths._mean_origins(*rows))


def test_rows_of_zero_weight_have_no_influence():
    columns, here, sd = normal(2, 6), normal(2, 4, seed=1), normal(1, 4, seed=3).exp()
    weights = torch.tensor([1.0, 1, 1, 1, 0, 0], dtype=torch.float64)
    with_them = paths._mean_origins(here, columns, weights, sd)
    without = paths._mean_origins(here, columns[:, :4], weights[:4], sd)
    torch.testing.assert_close(with_them, without)


def test_averaged_targets_have_the_same_mean_and_less_noise():
    """The loss at the true velocity falls, by the noise; the gradient's mean stays."""
    x = normal(400, 2) * torch.tensor([0.5, 2.0], dtype=torch.float64)
    flow = Continuous(GaussianVelocity([0.5, 2.0]), 8, IndependentCoupling(uniform_times))
    averaged, own = (
        torch.stack([losses(flow, x, context=c, seed=k) for k in range(20)]).mean()
        for c in (None, torch.zeros(400, 0).double())
    )
    assert averaged < 0.7 * own


def test_times_of_flow_matching_are_uniform_and_those_of_diffusion_in_log_noise():
    uniform, late = (
        times((2, 5000), seeded()).numpy() for times in (uniform_times, log_uniform_noise_times)
    )
    log_noise = np.log(np.sin(np.pi / 2 * late)) / np.log(1e-2)
    for values in (uniform, log_noise):
        assert kstest(values.ravel(), "uniform").statistic < 2e-3
        assert (np.diff(np.sort(values), axis=1) < 1e-3).all()  # in every member


def test_noise_is_assigned_at_minimum_cost():
    columns, noise = normal(2, 2, 5), normal(2, 2, 5, seed=1)
    near = paths._assign_in_groups(noise, columns, None)
    for k in range(2):
        costs = [
            (noise[k][:, list(order)] - columns[k]).square().sum().item()
            for order in itertools.permutations(range(5))
        ]
        assert (near[k] - columns[k]).square().sum().item() == pytest.approx(min(costs))


def test_coupling_pairs_rows_with_noise_that_is_near():
    x = 0.5 * normal(2, 300, 2) + torch.tensor([1.0, -1.0], dtype=torch.float64)
    regression_target = OptimalTransportCoupling().regression_target(
        x.mT, torch.ones(2, 300).double(), None, seeded()
    )
    rows, noise = ends(regression_target)
    independent = (torch.randn(2, 2, 300, generator=seeded(9)).double().mT - rows).square().sum(-1)
    # independent: 2 · (0.25 + 1) + 2. At best: a shift by 1 in each column, a scaling by ½: 2.5
    assert independent.mean() == pytest.approx(4.5, rel=0.1)
    assert (noise - rows).square().sum(-1).mean() < 3.2


def test_every_row_and_every_noise_vector_is_used_once():
    x, ones = normal(2, 150, 3), torch.ones(2, 150).double()
    rows, noise = ends(OptimalTransportCoupling().regression_target(x.mT, ones, None, seeded()))
    torch.testing.assert_close(rows, x)
    generator = seeded()
    torch.rand(2, 1, generator=generator, dtype=torch.float64)  # resamples the rows
    drawn = torch.randn(2, 3, 150, generator=generator, dtype=torch.float64).mT
    for k in range(2):
        torch.testing.assert_close(noise[k].sort(0).values, drawn[k].sort(0).values)
    assert not torch.equal(noise, drawn)


def test_rows_are_resampled_in_proportion_to_their_weights():
    weights = torch.tensor([[1.0, 0, 2, 0.5, 1.5], [1.0, 1, 1, 1, 1]], dtype=torch.float64)
    indices = [paths._resample(weights, seeded(k)) for k in range(2000)]
    counts = torch.stack(
        [torch.stack([i.bincount(minlength=5) for i in pair]) for pair in indices]
    )
    assert (counts[:, 1] == 1).all()
    assert (counts[:, 0, [0, 1, 2]] == torch.tensor([1, 0, 2])).all()
    assert ((counts[:, 0] - weights[0]).abs() < 1).all()
    torch.testing.assert_close(counts[:, 0].double().mean(0), weights[0], rtol=0, atol=0.03)


def test_unequal_weights_leave_the_noise_normal_and_the_rows_as_weighted():
    """Weights that grow with x would shift the noise if the pairs were weighted."""
    x = normal(200, 1)
    weights = (1.5 * x[:, 0]).exp()
    weights = weights / weights.mean()
    targets = [
        OptimalTransportCoupling().regression_target(x.mT, weights, None, seeded(k))
        for k in range(100)
    ]
    rows, noise = (torch.cat(end)[:, 0].numpy() for end in zip(*map(ends, targets), strict=True))
    assert all(
        (regression_target.weights == regression_target.weights[0]).all()
        for regression_target in targets
    )
    assert targets[0].weights.sum() == pytest.approx(weights.sum())
    assert kstest(noise, "norm").pvalue > 1e-3
    assert rows.mean() == pytest.approx(float((weights * x[:, 0]).mean()), abs=0.01)
    assert np.corrcoef(rows, noise)[0, 1] > 0.8


def test_noise_is_normal_given_the_class():
    side = torch.arange(200) % 2
    x = normal(200, 1) + 4.0 * side.unsqueeze(-1)
    context = nn.functional.one_hot(side).double()
    noise = []
    for k in range(50):
        regression_target = OptimalTransportCoupling().regression_target(
            x.mT, torch.ones(200).double(), context, seeded(k)
        )
        torch.testing.assert_close(regression_target.context, context)
        noise.append(ends(regression_target)[1][:, 0])
    for which in (0, 1):
        assert kstest(torch.stack(noise)[:, side == which].flatten().numpy(), "norm").pvalue > 1e-3
    correlated = np.corrcoef(x[side == 0, 0], noise[0][side == 0])[0, 1]
    assert correlated > 0.8


def test_rows_with_contexts_of_their_own_keep_their_noise():
    x = normal(1, 200, 2)
    targets = [
        OptimalTransportCoupling().regression_target(
            x.mT, torch.ones(1, 200).double(), context, seeded()
        )
        for context in (None, normal(1, 200, 1, seed=5))
    ]
    coupled, independent = (ends(regression_target)[1][0, :, 0] for regression_target in targets)
    assert abs(np.corrcoef(x[0, :, 0], independent)[0, 1]) < 0.2
    assert np.corrcoef(x[0, :, 0], coupled)[0, 1] > 0.8


def test_contexts_stay_with_their_rows():
    x = normal(1, 50, 1)
    weights = normal(1, 50, seed=3).exp()
    regression_target = OptimalTransportCoupling().regression_target(
        x.mT, weights, x.clone(), seeded()
    )
    torch.testing.assert_close(regression_target.context, ends(regression_target)[0])
