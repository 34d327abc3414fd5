"""Where tails begin, and how heavy they are."""

import numpy as np
import pytest
import torch
from scipy.stats import genpareto, norm, t

from skflow.preprocessing.column_tails import Thresholds, fit_tails

N = 20_000


def columns(*arrays):
    return torch.from_numpy(np.stack(arrays, axis=1))


def ones(x):
    return torch.ones(len(x), dtype=torch.float64)


def with_pareto_tail(shape, threshold=2.0):
    """Standard normal values, whose upper tail is that of a generalized Pareto distribution."""
    z = norm.ppf((np.arange(N) + 0.5) / N)
    beyond = z > threshold
    scale = norm.sf(threshold) / norm.pdf(threshold)
    level = norm.cdf(z[beyond]) - norm.cdf(threshold)
    z[beyond] = threshold + genpareto.ppf(level / norm.sf(threshold), shape, scale=scale)
    return z


def test_tails_begin_at_quantiles_of_twenty_samples_and_more():
    x = columns(np.arange(1000.0))
    low, high = Thresholds.of(x, ones(x))
    assert (low.item(), high.item()) == pytest.approx((19.5, 979.5), abs=1)
    low, high = Thresholds.of(columns(np.arange(10_000.0)), torch.ones(10_000).double())
    assert (low.item(), high.item()) == pytest.approx((99.5, 9899.5), abs=1)


def test_thresholds_depend_on_relative_weights_only():
    x = columns(np.random.default_rng(0).normal(size=500))
    weights = (torch.arange(500) % 3).double()
    of_weighted = Thresholds.of(x, weights)
    assert of_weighted == Thresholds.of(x, 7 * weights)
    assert of_weighted == Thresholds.of(x[weights > 0], weights[weights > 0])


def test_normal_tails_are_left_alone():
    x = columns(norm.ppf((np.arange(N) + 0.5) / N))
    tails = fit_tails(x, ones(x), 1e4)
    assert (tails.shape_low.item(), tails.shape_high.item()) == (-1, -1)
    z, log_det = tails(x)
    inside = x.abs().squeeze() < 3
    torch.testing.assert_close(z[inside], x[inside], rtol=0, atol=5e-3)
    torch.testing.assert_close(
        log_det[inside], torch.zeros_like(log_det[inside]), rtol=0, atol=5e-3
    )


@pytest.mark.parametrize("shape", [0.0, 0.2, 0.5])
def test_the_shape_of_a_tail_is_found(shape):
    x = columns(with_pareto_tail(shape))
    tails = fit_tails(x, ones(x), 1e4)
    assert tails.shape_high.item() == pytest.approx(shape, abs=0.1)
    assert tails.shape_low.item() == -1


def test_few_samples_do_not_make_a_heavy_tail():
    x = columns(np.append(norm.ppf((np.arange(99) + 0.5) / 99), 6.0))
    assert fit_tails(x, ones(x), 1e4).shape_high.item() <= 0.3


def test_a_repeated_largest_value_is_an_end():
    x = columns(np.where(np.arange(1000) % 10, 1.0, -1.0))
    tails = fit_tails(x, ones(x), 2.0)
    beyond, _ = tails.inverse(torch.tensor([[6.0]]).double())  # one sample in 80
    assert beyond.item() < 2


@pytest.mark.parametrize("df", [2.0, 10.0, 1e4])
def test_tails_of_a_t_become_those_of_the_column(df):
    """What is beyond the threshold has the Pareto tail's quantiles, whatever the t behind it."""
    x = columns(with_pareto_tail(0.2))
    tails = fit_tails(x, ones(x), df)
    u = tails.high.item()
    t_beyond = t.isf(t.sf(u, df) * np.array([0.1, 0.02]), df)
    excess = tails.inverse(torch.from_numpy(t_beyond).unsqueeze(1))[0].squeeze(1) - u
    data = x[x > u] - u
    expected = data.quantile(torch.tensor([0.9, 0.98]).double())
    torch.testing.assert_close(excess, expected, rtol=0.4, atol=0)
