"""QuantileTransformer's knots, ends and jumps."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm
from sklearn.neighbors import KernelDensity
from sklearn.preprocessing import QuantileTransformer

from skflow.compose import TransformedDensity, log_abs_det

X = np.array([[0.0], [1.0], [3.0], [3.0], [3.0], [7.0]])


def fitted(X, distribution="uniform"):
    transformer = QuantileTransformer(n_quantiles=len(X), output_distribution=distribution)
    return transformer.fit(X)


def slopes(transformer, x):
    return np.exp(log_abs_det(transformer, np.reshape(x, (-1, 1))))


def test_slopes_at_knots_ends_and_jumps():
    # the distribution function goes 0, 0.2, and at 3 jumps from 0.4 to 0.8, then to 1
    np.testing.assert_allclose(slopes(fitted(X), [0.5, 2, 5]), [0.2, 0.1, 0.05])
    np.testing.assert_allclose(slopes(fitted(X), [1, 3]), [0.15, 0.075])
    np.testing.assert_allclose(slopes(fitted(X), [0, 7]), [0.2, 0.05])
    np.testing.assert_allclose(slopes(fitted(X), [-1e-9, 7.000001]), 0)


def test_normal_quantiles_are_cut_off():
    transformer = fitted(X, "normal")
    assert np.isfinite(log_abs_det(transformer, X)).all()
    assert slopes(transformer, [1e-8, 7 - 1e-8]).tolist() == [0, 0]
    end, near = log_abs_det(transformer, [[0.0], [1e-5]])
    assert end == pytest.approx(np.log(0.2) - norm.logpdf(norm.ppf(1e-7)))
    assert near == pytest.approx(np.log(0.2) - norm.logpdf(norm.ppf(2e-6)))


def test_repeated_ends():
    transformer = fitted(np.array([[0.0], [0.0], [0.0], [4.0], [9.0], [9.0]]))
    np.testing.assert_allclose(slopes(transformer, [0, 1, 9]), [0.05, 0.05, 0.04])


@pytest.mark.parametrize("values", [[5.0, 5.0, 5.0], [5.0]])
def test_constant_columns_have_no_density(values):
    transformer = fitted(np.column_stack([np.arange(len(values)), values]))
    with pytest.raises(ValueError, match=r"column \d .*all quantiles are"):
        log_abs_det(transformer, [[0.0, 5.0]])


def test_density_and_atoms_have_the_mass_1():
    density = TransformedDensity(fitted(X), KernelDensity(bandwidth=0.3)).fit(X)
    x = np.linspace(0, 7, 70_001)
    middles = (x[1:] + x[:-1])[:, None] / 2
    inside = np.exp(density.score_samples(middles)).sum() * (x[1] - x[0])
    drawn = density.sample(20_000, random_state=0)
    atoms = np.isin(drawn, [0, 3, 7])  # beyond the ends, and at the jump
    assert 0.2 < inside < 0.8
    assert inside + atoms.mean() == pytest.approx(1, abs=0.015)
    assert density.score_samples([[-0.1], [7.1]]).tolist() == [-np.inf, -np.inf]


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(-20, 20), min_size=2, max_size=30).filter(lambda x: len(set(x)) > 1))
def test_slopes_rise_to_all_but_the_jumps(values):
    x = np.sort(values).astype(float)
    transformer = fitted(x[:, None])
    heights = np.arange(len(x)) / (len(x) - 1)
    jumps = sum(np.ptp(heights[x == value]) for value in set(x))
    knots = np.unique(x)
    middles = (knots[1:] + knots[:-1]) / 2
    rise = slopes(transformer, middles) @ np.diff(knots)
    assert rise + jumps == pytest.approx(1)
