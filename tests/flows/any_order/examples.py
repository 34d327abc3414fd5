"""Columns, parts and rows shared by the tests of any-order densities."""

import math

import numpy as np
import torch
from torch import Generator

from skflow.data.support import Support
from skflow.fitting.any_order.standardized_columns import fit_bijections, fit_columns
from skflow.flows.any_order.any_order_density import AnyOrderDensity
from skflow.flows.any_order.conditional_net import ConditionalNet
from skflow.flows.any_order.elliptical import Elliptical
from skflow.flows.any_order.links import Links
from skflow.flows.any_order.net_part import NetPart
from skflow.flows.bijections import Standardize
from skflow.flows.layers import LayerConfig

NAN = math.nan
REAL = Support()
RAIN = Support(low=0, atoms=[0])
SHARE = Support(low=0, high=1, atoms=[0, 0.3, 1])
COUNT = Support("lattice", step=1, low=0)
TENTHS = Support("lattice", step=0.25, origin=0.125)
CATEGORY = Support("category", levels=[1, 2, 5])
FLAG = Support("lattice", step=1, low=0, high=1)
ANGLE = Support("circular")
MIXED = (REAL, RAIN, SHARE, COUNT, TENTHS, CATEGORY, FLAG, ANGLE)


def tensor(values):
    return torch.as_tensor(np.array(values, dtype=float))


def values_of(support, n, rng):
    """Values of a column, most states among them."""
    z = rng.standard_normal(n)
    if support.kind == "circular":
        return np.remainder(2.5 + z, support.period)
    if support.kind == "category" or support.n_values < 10:
        return rng.choice(support.states, n)
    if support.kind == "lattice":
        return support.lattice.points(np.floor(3 * np.abs(z)) + (support.low is None))
    low, high = support.lower, support.upper
    x = z if math.isinf(low) else low + (high - low if high < math.inf else 1) / (1 + np.exp(-z))
    pile = rng.random(n) < 0.3
    return np.where(pile, rng.choice(support.states, n), x) if support.states else x


def rows_of(supports, n=60, seed=0, holes=0.0):
    """Rows of columns with supports, some cells of which are missing."""
    rng = np.random.default_rng(seed)
    x = np.stack([values_of(support, n, rng) for support in supports], axis=1)
    x[rng.random(x.shape) < holes] = NAN
    return torch.from_numpy(x)


def columns_of(*supports, seed=0):
    x = rows_of(supports, seed=seed)
    return fit_columns(x.numpy(), np.ones(len(x)), supports)


def links_of(columns, *supports, seed=0):
    x = rows_of(supports, seed=seed)
    return Links(fit_bijections(columns, x, torch.ones(len(x)).double()), len(columns))


def plain_links(d):
    """x ↦ (x − j) / (1 + j) of column j."""
    j = torch.arange(d).double()
    return Links([Standardize(j, 1 + j)], d)


def orders_of(d, n_orders=1):
    return torch.stack([torch.arange(d).roll(k) for k in range(n_orders)])


def scatters(m, d, seed):
    rng = np.random.default_rng(seed)
    a = rng.standard_normal((m, d, 2 * d))
    return torch.from_numpy(a @ a.swapaxes(1, 2) / (2 * d))


def log_states_of(columns, m, seed):
    """Log-probabilities (m, d, n_states) of the states that the columns have."""
    rng = np.random.default_rng(seed)
    possible = columns.is_possible
    raw = torch.from_numpy(rng.standard_normal((m, *possible.shape)))
    return torch.where(possible, raw, -torch.inf).log_softmax(-1)


def elliptical(supports, m=2, df=4.0, n_orders=1, links=None, seed=0):
    columns = columns_of(*supports)
    d = len(columns)
    rng = np.random.default_rng(seed)
    return Elliptical(
        columns,
        links or links_of(columns, *supports),
        orders_of(d, n_orders),
        torch.from_numpy(rng.standard_normal(m)).log_softmax(0),
        torch.from_numpy(rng.standard_normal((m, d)) / 2),
        scatters(m, d, seed),
        tensor(df),
        log_states_of(columns, m, seed),
    )


def random_net(columns, seed=0, size=0.5, n_context=0):
    generator = Generator().manual_seed(seed)
    config = LayerConfig(len(columns), n_context, (16, 16), n_bins=6)
    net = ConditionalNet(columns, config, generator).double()
    output = net.net.output
    for parameter in (output.weight, output.bias):
        noise = torch.randn(parameter.shape, generator=generator, dtype=torch.float64)
        parameter.data = size * noise
    return net.requires_grad_(False).eval()


def net_part(supports, df=5.0, n_orders=2, seed=0, n_context=0, size=0.5):
    """A part with a network of random weights."""
    columns = columns_of(*supports)
    d = len(columns)
    return NetPart(
        columns,
        links_of(columns, *supports),
        orders_of(d, n_orders),
        tensor(np.zeros((1, d))),
        scatters(1, d, seed),
        tensor(df),
        log_states_of(columns, 1, seed)[0],
        random_net(columns, seed, size, n_context),
    )


def nodes_of(support):
    """Values of the continuum of a support and weights, whose sums are integrals or sums."""
    t = np.linspace(-14, 14, 4001)
    if support.kind == "circular":
        x = np.arange(2000) / 2000 * support.period
        return x, np.full(2000, support.period / 2000)
    if support.kind == "category" or (support.kind == "lattice" and support.states):
        return np.empty(0), np.empty(0)
    if support.kind == "lattice":
        k = np.arange(0 if support.low is not None else -3000, 3000)
        x = support.lattice.points(k)
        return x, np.ones(len(x))
    if math.isinf(support.lower):
        x, slope = np.sinh(t), np.cosh(t)
    elif math.isinf(support.upper):
        t = np.linspace(-30, 30, 6001)
        x, slope = support.lower + np.exp(t), np.exp(t)
    else:
        t = np.linspace(-25, 25, 6001)
        x = 1 / (1 + np.exp(-t))
        slope = x * (1 - x) * (support.upper - support.lower)
        x = support.lower + x * (support.upper - support.lower)
    keep = (x > support.lower) & (x < support.upper)
    return x[keep], (slope * (t[1] - t[0]))[keep]


def points_of(support):
    """States and nodes of the continuum, with the weights that sum or integrate over both."""
    x, weights = nodes_of(support)
    states = np.array(support.states)
    return np.concatenate([states, x]), np.concatenate([np.ones(len(states)), weights])


def total_mass(part, supports, x, columns):
    """Sum over states plus integral of the density of some columns given the others of a row."""
    points, weights = zip(*(points_of(supports[j]) for j in columns), strict=True)
    grid = np.stack([a.ravel() for a in np.meshgrid(*points, indexing="ij")], axis=1)
    weight = np.prod([a.ravel() for a in np.meshgrid(*weights, indexing="ij")], axis=0)
    rows = x.repeat(len(grid), 1)
    rows[:, list(columns)] = tensor(grid)
    given = torch.ones_like(rows, dtype=torch.bool)
    given[:, list(columns)] = False
    density = AnyOrderDensity(part.columns, [part], tensor([1.0]))
    return float(weight @ density.log_prob_given(rows, given).exp().numpy())
