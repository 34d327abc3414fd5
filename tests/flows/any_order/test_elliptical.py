"""Elliptical parts, against scipy's distributions and against their own integrals."""

import itertools

import numpy as np
import pytest
import torch
from scipy import stats

from tests.flows.any_order.examples import (
    CATEGORY,
    COUNT,
    FLAG,
    MIXED,
    NAN,
    RAIN,
    REAL,
    SHARE,
    TENTHS,
    elliptical,
    orders_of,
    plain_links,
    rows_of,
    total_mass,
)

D = 3
HOLES = list(itertools.product([True, False], repeat=D))[:-1]


def reals(m=2, df=4.0, n_orders=1):
    return elliptical((REAL,) * D, m, df, n_orders, plain_links(D))


def log_prob(part, x):
    return part.log_probs(x, torch.zeros_like(x, dtype=torch.bool)).rest


def truth(part, x, columns):
    """The log-density of the joint's marginal in some columns, of rows (n, k)."""
    j = np.array(columns)
    z = (x - j) / (1 + j)
    each = [
        stats.multivariate_t(part.loc[k][j], part.scatter[k][j][:, j], float(part.df)).logpdf(z)
        for k in range(len(part.loc))
    ]
    joint = np.stack(each, -1).reshape(len(x), -1) + part.log_weights.numpy()
    return np.logaddexp.reduce(joint, axis=1) - np.log1p(j).sum()


@pytest.mark.parametrize("observed", HOLES)
@pytest.mark.parametrize(("m", "df"), [(1, 3.0), (3, 4.0), (2, 1e4)])
def test_rows_with_holes_have_the_density_of_the_marginal(observed, m, df):
    part = reals(m, df)
    x = rows_of((REAL,) * D, 9) * 3
    columns = np.flatnonzero(observed)
    holes = torch.where(torch.tensor(observed), x, NAN)
    expected = truth(part, x[:, columns].numpy(), columns)
    np.testing.assert_allclose(log_prob(part, holes), expected, rtol=1e-9)


def test_mixed_holes_and_conditionals():
    """Conditional times marginal is the joint, whatever is given of each row."""
    part = reals(3)
    x = rows_of((REAL,) * D, 40, holes=0.3) * 2
    given = torch.from_numpy(np.random.default_rng(1).random(x.shape) < 0.5)
    log_given, log_rest = part.log_probs(x, given)
    np.testing.assert_allclose(log_given + log_rest, log_prob(part, x), rtol=1e-9, atol=1e-12)
    marginal = torch.where(given, x, NAN)
    np.testing.assert_allclose(log_given, log_prob(part, marginal), rtol=1e-9, atol=1e-12)


def test_orders_do_not_matter_without_lattices_and_angles():
    supports = (REAL, RAIN, CATEGORY, SHARE, FLAG)
    part = elliptical(supports)
    x = rows_of(supports, 40, holes=0.2)
    expected = log_prob(part, x)
    part.orders = orders_of(5, 5).flip(1)
    np.testing.assert_allclose(log_prob(part, x), expected, rtol=1e-9, atol=1e-9)


def test_empty_rows_have_probability_one():
    part = elliptical(MIXED)
    x = torch.full((3, len(MIXED)), torch.nan).double()
    np.testing.assert_array_equal(log_prob(part, x), np.zeros(3))


def test_components_share_a_categorys_information():
    """A state is evidence for the components in which it is likely."""
    part = elliptical((CATEGORY, REAL), m=2)
    x = rows_of((CATEGORY, REAL), 30)
    log_states = part.log_states[:, 0]  # (2, n_states)
    state = part.columns.states(x)[:, 0]
    latent = part.columns.split(x, part.links).columns[1]
    each = []
    for k in range(2):
        scale = float(part.scatter[k, 1, 1].sqrt())
        density = stats.t(4, part.loc[k, 1], scale).logpdf(latent.u) + latent.log_slope.numpy()
        each.append(part.log_weights[k] + log_states[k][state] + torch.from_numpy(density))
    np.testing.assert_allclose(log_prob(part, x), torch.logsumexp(torch.stack(each), 0))


@pytest.mark.parametrize("j", range(len(MIXED)))
def test_one_column_sums_to_one(j):
    part = elliptical(MIXED)
    x = rows_of(MIXED, 2, seed=3)
    for row in (x[0], torch.where(torch.arange(len(MIXED)) % 2 == 0, x[1], NAN)):
        assert total_mass(part, MIXED, row, [j]) == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize(
    "pair",
    [(SHARE, FLAG), (CATEGORY, RAIN), (FLAG, CATEGORY), (CATEGORY, COUNT), (FLAG, TENTHS)],
    ids=str,
)
def test_two_columns_sum_to_one(pair):
    x = torch.full((2,), torch.nan).double()
    assert total_mass(elliptical(pair, n_orders=2), pair, x, [0, 1]) == pytest.approx(1, abs=1e-3)
