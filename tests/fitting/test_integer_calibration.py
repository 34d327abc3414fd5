"""The map that gives integers of one column their shares, on densities that have them wrong."""

import numpy as np
import pytest
import torch

from skflow.fitting.integer_calibration import calibrate_integers
from skflow.flows.bijections import Chain, Regress, Standardize
from skflow.flows.distributions.flow import Flow
from skflow.flows.distributions.interval import Interval
from skflow.flows.distributions.mixture import Mixture
from skflow.flows.distributions.normal_and_t import StandardNormal
from skflow.preprocessing.dataset import WeightedDataset

INF = np.inf


def tensor(*values):
    return torch.tensor(values, dtype=torch.float64)


def density(loc, scale, slope=None):
    """A normal density, whose mean may depend on a context."""
    bijections = [Standardize(tensor(loc), tensor(scale))]
    if slope is not None:
        bijections.insert(0, Regress(tensor([slope]), tensor(0.0)))
    component = Flow(Chain(bijections), StandardNormal(1))
    return Flow(Chain(), Mixture([component], tensor(1.0)))


def dataset(values, counts, context=None):
    rows = np.repeat(values, counts).astype(float)[:, None]
    return WeightedDataset.of(rows, np.ones(len(rows)), context)


def shares(flow, calibration, values, low, high, context=None):
    """Probabilities behind the map, averaged over the context."""
    calibrated = Flow(Chain([calibration]), flow)
    out = []
    for value in values:
        k = torch.full((1 if context is None else len(context),), value, dtype=torch.float64)
        cell = Interval.around(k, tensor(low), tensor(high))
        out.append(float(calibrated.log_interval(cell, context).exp().mean()))
    return np.array(out)


@pytest.mark.parametrize(("low", "high", "rest"), [(0, 1, 0.0), (-INF, INF, 5e-5)])
def test_few_values_have_their_shares(low, high, rest):
    flow, data = density(0.4, 0.6), dataset([0, 1], [1990, 10])
    found = shares(flow, calibrate_integers(flow, data), [0.0, 1.0], low, high)
    np.testing.assert_allclose(found, np.array([0.995, 0.005]), rtol=6e-3)
    assert found.sum() == pytest.approx(1 - rest, abs=2e-6)


def test_of_many_values_only_wrong_shares_are_moved():
    rng = np.random.default_rng(0)
    values, counts = np.unique(np.round(rng.normal(20, 4, 2000)), return_counts=True)
    counts[values == 20] *= 2  # a spike
    n = counts.sum()
    flow, data = density(20.0, 4.0), dataset(values, counts)
    found = shares(flow, calibrate_integers(flow, data), values, -INF, INF)
    errors = (found - counts / n) / np.sqrt(counts) * n
    assert np.abs(errors[counts >= 5]).max() < 2
    assert found[values == 20] == pytest.approx(counts[values == 20] / n, rel=0.1)
    assert np.abs(errors).max() > 0.5  # not the shares of the samples


def test_shares_are_averages_over_the_context():
    rng = np.random.default_rng(0)
    context = rng.normal(size=(3000, 1))
    y = (context[:, 0] + rng.normal(size=3000) > 2).astype(float)
    data = WeightedDataset.of(y[:, None], np.ones(3000), context)
    flow = density(0.2, 0.3, slope=0.3)
    calibration = calibrate_integers(flow, data)
    found = shares(flow, calibration, [0.0, 1.0], 0, 1, data.context)
    np.testing.assert_allclose(found[1], y.mean(), rtol=0.02)
    assert found.sum() == pytest.approx(1, abs=1e-12)


def test_nothing_is_calibrated_without_edges():
    flow = density(0.0, 1.0)
    assert calibrate_integers(flow, dataset([2.0**50, 2.0**50 + 4], [5, 5])) is None
    assert calibrate_integers(flow, dataset(np.arange(100), [1] * 100)) is None
