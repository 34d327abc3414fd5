"""Sampling from densities whose `sample` methods have different signatures."""

import numpy as np
import pytest
from sklearn.mixture import GaussianMixture
from sklearn.neighbors import KernelDensity

from skflow.data.sample_from_density import sample_rows


@pytest.mark.parametrize(
    "density", [GaussianMixture(2), KernelDensity(bandwidth=0.1)], ids=["mixture", "kernels"]
)
def test_samples_are_rows_and_depend_on_the_seed_only(density, moons):
    density.fit(moons)
    one, two, other = (
        sample_rows(density, 2000, np.random.RandomState(seed)) for seed in (0, 0, 1)
    )
    assert one.shape == (2000, 2)
    np.testing.assert_array_equal(one, two)
    assert not np.array_equal(one, other)
    # standard deviations of the columns are 0.9 and 0.5: 0.08 is 4 standard errors of the mean
    np.testing.assert_allclose(one.mean(0), moons.mean(0), atol=0.08)


def test_the_generator_advances(quick, moons):
    density, rng = quick().fit(moons), np.random.RandomState(0)
    assert not np.array_equal(sample_rows(density, 5, rng), sample_rows(density, 5, rng))


def test_the_density_is_not_modified(moons):
    density = GaussianMixture(2, random_state=7).fit(moons)
    sample_rows(density, 5, np.random.RandomState(0))
    assert density.random_state == 7
