"""Samples in the original units: rejected outside the image of the transformer, or an error."""

import numpy as np
import pytest
from scipy.stats import kstest
from sklearn.neighbors import KernelDensity
from sklearn.preprocessing import FunctionTransformer, Normalizer, PowerTransformer

from skflow.compose import TransformedDensity, log_abs_det
from skflow.compose.inverse_transform import _inverse_or_nan

RNG = np.random.default_rng(0)
X = np.exp(RNG.normal(size=(300, 2)))


class Uniform(KernelDensity):
    """Draws for which powers have no inverse, now and then."""

    def sample(self, n_samples=1, random_state=None):
        return np.random.default_rng(random_state).uniform(-10, 10, (n_samples, 1))


def test_draws_without_an_inverse_are_drawn_again():
    rows = RNG.uniform(1, 1.1, (50, 1)) ** 0.2  # λ = 5
    transformer = PowerTransformer("box-cox", standardize=False)
    density = TransformedDensity(transformer, Uniform()).fit(rows)
    power = density.transformer_.lambdas_[0]
    drawn = density.sample(2000, random_state=0)
    assert drawn.shape == (2000, 1)
    mapped = density.transformer_.transform(drawn)
    low, high = sorted([-1 / power, 10 if power > 0 else -10])
    assert kstest(mapped[:, 0], lambda z: (z - low) / (high - low)).pvalue > 1e-3


class Nowhere(KernelDensity):
    def sample(self, n_samples=1, random_state=None):
        return np.full((n_samples, 1), np.nan)


def test_no_draw_has_an_inverse():
    density = TransformedDensity(FunctionTransformer(np.log, np.exp), Nowhere()).fit(X[:, :1])
    with pytest.raises(ValueError, match=r"5 of 5 samples are missing.*Nowhere"):
        density.sample(5)


class Doubled(Normalizer):
    def transform(self, X):
        return 2 * X


def test_samples_through_a_transformer_without_an_inverse():
    @log_abs_det.register
    def _(transformer: Doubled, X):
        return np.full(len(X), np.log(4))

    density = TransformedDensity(Doubled(), KernelDensity(bandwidth=0.3)).fit(X)
    expected = KernelDensity(bandwidth=0.3).fit(2 * X).score_samples(2 * X) + np.log(4)
    np.testing.assert_allclose(density.score_samples(X), expected)
    with pytest.raises(TypeError, match="Doubled has no inverse_transform"):
        density.sample()


def test_values_outside_the_image_have_no_inverse():
    power = PowerTransformer("box-cox", standardize=False)
    power.fit(X[:, :1]).lambdas_ = np.array([0.5])  # x = (1 + z / 2)²
    x = _inverse_or_nan(power, np.array([[4.0], [-1.0], [-2.5]]))
    np.testing.assert_allclose(x, [[9], [0.25], [np.nan]])
