"""EM with holes: the likelihood rises, and holes that depend on observed cells do no harm."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy import special, stats

from skflow.fitting.any_order import elliptical_em as module
from skflow.fitting.any_order.elliptical_em import (
    EllipticalMixture,
    IncompleteSamples,
    Regularization,
    _expectations,
    fit_by_em,
    positive_definite,
    state_shares,
)

NONE = Regularization()
NUMBERS = torch.ones(3, 1, dtype=torch.bool)


def samples(u, known=None, weights=None, state=None):
    u = torch.from_numpy(u)
    known = torch.ones_like(u, dtype=torch.bool) if known is None else torch.from_numpy(known)
    state = torch.zeros(u.shape, dtype=torch.long) if state is None else torch.from_numpy(state)
    weights = torch.ones(len(u)) if weights is None else torch.from_numpy(weights)
    observed = known if state.max() == 0 else known | (state > 0)
    return IncompleteSamples(torch.where(known, u, 0.0), known, state, observed, weights.double())


def mixture(m=1, d=2, df=1e4, n_states=1, seed=0):
    rng = np.random.default_rng(seed)
    return EllipticalMixture(
        torch.full((m,), -np.log(m)).double(),
        torch.from_numpy(rng.normal(size=(m, d))),
        torch.eye(d).double().repeat(m, 1, 1),
        df,
        torch.full((m, d, n_states), -np.log(n_states)).double(),
    )


def normal(n, d=3, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, d)) @ rng.normal(size=(d, d)) + rng.normal(size=d)


def holes(n, d=3, share=0.3, seed=1):
    known = np.random.default_rng(seed).random((n, d)) > share
    known[:, 0] |= ~known.any(1)
    return known


def log_likelihood(u, known, model):
    """Mean log-density of the known cells of each row, by scipy."""
    total = 0.0
    for row, seen in zip(u, known, strict=True):
        j = np.flatnonzero(seen)
        each = [
            stats.multivariate_t(loc[j], scatter[j][:, j], model.df).logpdf(row[j]) + float(w)
            for loc, scatter, w in zip(model.loc, model.scatter, model.log_weights, strict=True)
        ]
        total += special.logsumexp(each)
    return total / len(u)


@pytest.mark.parametrize(("m", "df"), [(1, 3.0), (2, 1e4)])
def test_the_likelihood_rises_with_every_step(m, df):
    u, known = normal(80), holes(80)
    data = samples(u, known)
    model, scores = mixture(m, 3, df), []
    for _ in range(6):
        scores.append(log_likelihood(u, known, model))
        own = _expectations([data], model)
        assert own.log_likelihood / 80 == pytest.approx(scores[-1], rel=1e-9)
        model = fit_by_em(data, model, NUMBERS, NONE, 1)
    assert np.diff(scores).min() > -1e-12
    assert scores[-1] > scores[0] + 0.5


def test_without_holes_it_is_the_fit_of_complete_data():
    """A single step of a Gaussian, from anywhere."""
    u = normal(300)
    weights = np.random.default_rng(2).uniform(0.2, 2, 300)
    model = fit_by_em(samples(u, weights=weights), mixture(1, 3), NUMBERS, NONE, 30)
    mean = np.average(u, axis=0, weights=weights)
    np.testing.assert_allclose(model.loc[0], mean, atol=2e-3)
    covariance = np.cov(u.T, aweights=weights, ddof=0)
    np.testing.assert_allclose(model.scatter[0], covariance, rtol=5e-3, atol=5e-3)


def test_holes_that_depend_on_an_observed_column():
    """The mean of all cells, not of those that were seen."""
    n = 4000
    rng = np.random.default_rng(0)
    x0 = rng.normal(size=n)
    x1 = 0.8 * x0 + 0.6 * rng.normal(size=n)
    known = np.stack([np.ones(n, dtype=bool), rng.random(n) > stats.norm.cdf(x0)], axis=1)
    u = np.stack([x0, x1], axis=1)
    possible = torch.ones(2, 1, dtype=torch.bool)
    model = fit_by_em(samples(u, known), mixture(), possible, NONE, 200)
    error = 1 / known[:, 1].sum() ** 0.5
    assert x1[known[:, 1]].mean() < -10 * error  # what a fit of the observed cells says
    assert float(model.loc[0, 1]) == pytest.approx(0, abs=3 * error)
    covariance = model.scatter[0]
    correlation = covariance[0, 1] / (covariance[0, 0] * covariance[1, 1]).sqrt()
    assert float(correlation) == pytest.approx(0.8, abs=0.04)


def test_weights_are_repetitions():
    u, known = normal(60), holes(60)
    counts = np.random.default_rng(3).integers(1, 4, 60)
    weighed = fit_by_em(samples(u, known, counts * 1.0), mixture(2, 3), NUMBERS, NONE, 10)
    repeated = samples(u.repeat(counts, 0), known.repeat(counts, 0))
    expected = fit_by_em(repeated, mixture(2, 3), NUMBERS, NONE, 10)
    np.testing.assert_allclose(weighed.loc, expected.loc, rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(weighed.scatter, expected.scatter, rtol=1e-6, atol=1e-9)


def test_blocks_do_not_change_the_fit(monkeypatch):
    data = samples(normal(200), holes(200))
    expected = fit_by_em(data, mixture(2, 3), NUMBERS, NONE, 5)
    monkeypatch.setattr(module, "_BLOCK", 17)
    monkeypatch.setattr(module, "_MAX_ENTRIES", 1)
    found = fit_by_em(data, mixture(2, 3), NUMBERS, NONE, 5)
    np.testing.assert_allclose(found.loc, expected.loc, rtol=1e-9)
    np.testing.assert_allclose(found.scatter, expected.scatter, rtol=1e-9)


def test_states_belong_to_components():
    """Two groups that differ in a category and in a number, which one of them lacks."""
    n = 400
    rng = np.random.default_rng(0)
    group = rng.integers(0, 2, n)
    u = np.stack([np.zeros(n), 6.0 * group + rng.normal(size=n)], axis=1)
    state = np.stack([1 + (rng.random(n) < 0.1 + 0.8 * group), np.zeros(n, dtype=int)], axis=1)
    known = np.stack([np.zeros(n, dtype=bool), rng.random(n) < 0.6], axis=1)
    possible = torch.tensor([[False, True, True], [True, False, False]])
    initial = mixture(2, n_states=3)
    log_states = torch.where(possible, 0.0, -torch.inf).log_softmax(-1).double()
    initial = replace(initial, log_states=log_states.repeat(2, 1, 1))
    initial.loc[:, 1] = torch.tensor([1.0, 5.0])
    model = fit_by_em(samples(u, known, state=state), initial, possible, NONE, 60)
    np.testing.assert_allclose(model.loc[:, 1], [0, 6], atol=0.3)
    np.testing.assert_allclose(model.log_states[:, 0, 2].exp(), [0.1, 0.9], atol=0.08)
    assert model.log_states[:, 0, 0].tolist() == [-np.inf] * 2
    assert model.log_states[:, 1, 0].tolist() == [0, 0]


def test_shares_of_states_are_smoothed():
    state = np.array([[1], [1], [2], [1]])
    data = samples(np.zeros((4, 1)), np.zeros((4, 1), dtype=bool), state=state)
    possible = torch.tensor([[False, True, True, True]])
    shares = state_shares(data, possible).exp()[0]
    np.testing.assert_allclose(shares, [0, 10 / 15, 4 / 15, 1 / 15], rtol=1e-9)


def test_regularization():
    scatter = torch.tensor([[4.0, 1.0], [1.0, 1.0]]).double()
    found = Regularization(0.5, 0.25).of(scatter)
    np.testing.assert_allclose(found, [[4.25, 0.5], [0.5, 1.25]])


def test_columns_that_depend_on_each_other_stay_positive_definite():
    u = normal(60, 2)
    u = np.concatenate([u, u[:, :1] - u[:, 1:]], axis=1)
    model = fit_by_em(samples(u, holes(60)), mixture(1, 3, 4.0), NUMBERS, Regularization(1e-8))
    assert bool(torch.linalg.eigvalsh(model.scatter[0]).min() > 0)
    assert bool(model.loc.isfinite().all())


def test_a_row_that_outweighs_all_others():
    """Its fit has next to no variance, and that must not be negative."""
    u, weights = normal(100), np.ones(100)
    weights[0] = 1e13
    model = fit_by_em(
        samples(u, holes(100), weights), mixture(2, 3), NUMBERS, Regularization(1e-8)
    )
    assert bool(torch.linalg.cholesky(model.scatter).isfinite().all())


def test_scatter_is_made_positive_definite_only_where_it_is_not():
    good = torch.tensor([[4.0, 1.0], [1.0, 1.0]]).double()
    bad = torch.tensor([[4.0, 2.0], [2.0, 1.0 - 1e-15]]).double()
    flat = torch.zeros(2, 2).double()
    found = positive_definite(torch.stack([good, bad, flat]))
    np.testing.assert_array_equal(found[0], good)
    np.testing.assert_allclose(found[1], bad, atol=1e-11)
    assert bool(torch.linalg.eigvalsh(found).min() > 0)
