"""Densities of bounded, integer and circular columns over a density of real numbers."""

import math

import numpy as np
import pytest
import torch
from scipy import stats
from torch import Generator

from skflow.flows.bijections import Chain, Standardize
from skflow.flows.distributions.constrained_columns import ColumnConstraints, ConstrainedDensity
from skflow.flows.distributions.flow import Flow
from skflow.flows.distributions.normal_and_t import StandardNormal

INF = math.inf
OFFSETS = (np.arange(16) + 0.5) / 16 - 0.5


def constraints(kind):
    """Tensors of one column: integers, angles in degrees, or numbers from 0 to 1."""
    values = {
        "low": -INF,
        "high": INF,
        "value_at_low": -INF,
        "value_at_high": INF,
        "integer": 0.0,
        "period": INF,
        "origin": 0.0,
        "cut_point": 0.0,
    }
    values |= {
        "integer": {"integer": 1.0},
        "angle": {"period": 360.0, "cut_point": 90.0},
        "unit": {"low": 0.0, "high": 1.0, "value_at_low": 0.01, "value_at_high": 0.98},
    }[kind]
    tensors = {name: torch.tensor([v], dtype=torch.float64) for name, v in values.items()}
    offsets = OFFSETS if kind == "integer" else np.zeros(1)
    return tensors | {"offsets": torch.from_numpy(offsets)[:, None]}


def density(kind, loc, scale):
    loc, scale = (torch.tensor([v], dtype=torch.float64) for v in (loc, scale))
    flow = Flow(Chain([Standardize(loc, scale)]), StandardNormal(1))
    return ConstrainedDensity(flow, **constraints(kind))


def column(*values):
    return torch.tensor(values, dtype=torch.float64)[:, None]


def test_integers_have_the_probability_of_their_unit_interval():
    k = np.arange(-5, 12)
    log_prob = density("integer", 2.2, 3.0).log_prob(column(*k.tolist()))
    cdf = stats.norm(2.2, 3.0).cdf
    np.testing.assert_allclose(log_prob.exp(), cdf(k + 0.5) - cdf(k - 0.5), rtol=1e-10)


def test_the_cells_of_declared_ends_take_what_lies_beyond():
    tensors = constraints("integer") | {"low": torch.zeros(1), "high": torch.full((1,), 3.0)}
    flow = density("integer", 2.2, 3.0).continuous
    bounded = ConstrainedDensity(flow, **{k: t.double() for k, t in tensors.items()})
    p = bounded.log_prob(column(0.0, 1.0, 2.0, 3.0)).exp()
    cdf = stats.norm(2.2, 3.0).cdf
    expected = np.diff([0, cdf(0.5), cdf(1.5), cdf(2.5), 1])
    np.testing.assert_allclose(p, expected, rtol=1e-10)
    assert bounded.log_prob(column(-1.0, 4.0)).tolist() == [-INF, -INF]
    edge = bounded.supports.upper_edge(column(-0.5, 0.0, 2.9, 3.0)).flatten().tolist()
    assert edge == [-INF, 0.5, 2.5, INF]


def test_angles_add_up_the_density_of_both_ends():
    """Around the cut point at 90°, and only there."""
    angles = column(90.0, 100.0, 80.0, 270.0)
    log_prob = density("angle", 200.0, 100.0).log_prob(angles)
    pdf = stats.norm(200.0, 100.0).pdf
    expected = [pdf(90) + pdf(450), pdf(100) + pdf(460), pdf(80) + pdf(440), pdf(270)]
    np.testing.assert_allclose(log_prob.exp(), expected, rtol=1e-10)
    turned = density("angle", 200.0, 100.0).log_prob(angles + 360)
    torch.testing.assert_close(turned, log_prob)


@pytest.mark.parametrize(
    ("kind", "values"), [("integer", (0.5, 2.000001)), ("unit", (-0.1, 1.1, INF))]
)
def test_density_is_zero_where_constraints_are_violated(kind, values):
    x = column(*values)
    assert not ColumnConstraints(**constraints(kind)).contains(x).any()
    assert (density(kind, 0.5, 0.3).log_prob(x) == -INF).all()


def test_ends_are_replaced_by_values_inside():
    log_prob = density("unit", 0.5, 0.3).log_prob(column(0.0, 0.01, 0.5, 0.98, 1.0))
    expected = stats.norm(0.5, 0.3).logpdf([0.01, 0.01, 0.5, 0.98, 0.98])
    np.testing.assert_allclose(log_prob, expected)


@pytest.mark.parametrize(("kind", "loc"), [("integer", 2.2), ("angle", 700.0), ("unit", 0.5)])
def test_samples_satisfy_the_constraints(kind, loc):
    fitted = density(kind, loc, 100.0)
    samples = fitted.sample(1000, Generator().manual_seed(0))
    assert fitted.supports.contains(samples).all()
    if kind == "angle":
        assert ((samples >= 0) & (samples < 360)).all()
        assert samples.std() > 50


def test_upper_edge_is_where_the_distribution_function_is_evaluated():
    edge = ColumnConstraints(**constraints("integer")).upper_edge(column(2.0, 2.7))
    assert edge.flatten().tolist() == [2.5, 2.5]
    edge = ColumnConstraints(**constraints("unit")).upper_edge(column(-1.0, 0.0, 0.5, 1.0, 2.0))
    assert edge.flatten().tolist() == [0.01, 0.01, 0.5, 1.0, 1.0]
