"""Columns of integers, spread over their unit intervals and made standard normal."""

import numpy as np
import pytest
import torch
from scipy.stats import kstest, norm

from skflow.preprocessing.integer_marginals import IntegerMarginal, prefers_integer_marginal
from skflow.preprocessing.kernel_marginals import interpolant_through

RNG = np.random.default_rng(0)
COUNTS = RNG.choice([0, 1, 2, 7, 50], p=[0.5, 0.2, 0.15, 0.1, 0.05], size=3000)
X = (COUNTS + RNG.random(3000) - 0.5 - 4) / 11  # about standardized
LOW, HIGH = (COUNTS - 4.5) / 11, (COUNTS - 3.5) / 11
ONES = np.ones(3000)


def test_weights_are_relative_frequencies_and_the_missing_mass_that_of_singletons():
    marginal = IntegerMarginal.fit(LOW, HIGH, ONES)
    assert marginal.weights == pytest.approx(
        np.bincount(COUNTS, minlength=51)[[0, 1, 2, 7, 50]] / 3000
    )
    assert marginal.missing_mass == pytest.approx(1 / 3000)  # no bin has a single sample
    single = IntegerMarginal.fit(np.append(LOW, 9.0), np.append(HIGH, 9.1), np.append(ONES, 1.0))
    assert single.missing_mass == pytest.approx(1 / 3001)


def test_weights_are_repetitions():
    once = IntegerMarginal.fit(LOW[:5], HIGH[:5], np.array([1.0, 2.0, 3.0, 1.0, 4.0]))
    many = IntegerMarginal.fit(
        *(np.repeat(end[:5], [1, 2, 3, 1, 4]) for end in (LOW, HIGH)), np.ones(11)
    )
    assert once.weights == pytest.approx(many.weights)


def test_the_density_is_the_weight_of_a_bin_over_its_width():
    marginal = IntegerMarginal.fit(LOW, HIGH, ONES)
    expected = (COUNTS[:, None] == COUNTS).mean(1) * 11
    found = np.exp(marginal.log_density(LOW[:20], HIGH[:20]))
    assert found == pytest.approx(expected[:20], rel=2e-3)
    unseen = np.exp(marginal.log_density(np.array([1.0]), np.array([1.1])))
    assert unseen == pytest.approx(norm.pdf(1.05) / 3000, rel=1e-6)


def test_the_interpolant_makes_a_column_of_few_integers_normal():
    bijection = interpolant_through([IntegerMarginal.fit(LOW, HIGH, ONES).knots()])
    z, log_det = bijection(torch.from_numpy(X)[:, None])
    assert kstest(z[:, 0].numpy(), norm.cdf).statistic < 0.02
    log_p = norm.logpdf(z[:, 0].numpy()) + log_det.numpy()
    ideal = np.log((COUNTS[:, None] == COUNTS).mean(1) * 11)
    assert log_p.mean() == pytest.approx(ideal.mean(), abs=0.03)


def test_many_light_bins_are_merged():
    counts = np.append(np.arange(5000), np.full(5000, 2500))
    low = counts / 1000 - 2.5
    knots = IntegerMarginal.fit(low, low + 1e-3, np.ones(10_000)).knots()
    assert knots.shape[1] < 1000
    assert (np.diff(knots[:2]) > 0).all()
    z, log_det = interpolant_through([knots])(torch.from_numpy(low + 5e-4)[:, None])
    heavy = (norm.logpdf(z[:, 0]) + log_det.numpy())[counts == 2500]
    # half of the samples are singletons, so half of the mass is that of the normal
    assert np.exp(heavy.mean()) == pytest.approx(0.5 * 0.5 / 1e-3, rel=0.05)


def test_integer_marginals_are_preferred_if_they_gain_held_out_likelihood():
    folds = np.arange(3000) % 5
    score = norm.logpdf(X).mean()
    assert prefers_integer_marginal(LOW, HIGH, ONES, folds, score)
    fine = np.round(np.random.default_rng(1).normal(size=3000) * 1e6)
    ends = (fine - 0.5) / 1e6, (fine + 0.5) / 1e6
    assert not prefers_integer_marginal(*ends, ONES, folds, norm.logpdf(fine / 1e6).mean())
