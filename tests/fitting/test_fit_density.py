"""Splits of the samples, and which components a fitted density keeps."""

import numpy as np
import pytest

from skflow import NormalizingFlowDensity
from skflow.fitting.fit_density import deal_splits
from tests.fitting.examples import config_for


@pytest.mark.parametrize(
    ("n", "parameters", "n_members", "held_out"),
    [
        (400, {}, 5, 80),
        (400, {"n_estimators": 1}, 1, 40),
        (400, {"n_estimators": 8}, 8, 50),
        (2000, {}, 3, 200),
        (10_000, {}, 1, 1000),
    ],
)
def test_training_and_held_out_samples_are_disjoint(n, parameters, n_members, held_out):
    splits = deal_splits(n, config_for(n, 2, **parameters), np.random.default_rng(0))
    assert len(splits) == n_members
    for split in splits:
        assert not set(split.train) & set(split.held_out)
        assert len(split.held_out) == held_out
        assert len(split.train) + held_out == n


def test_the_mixture_of_each_split_is_kept():
    rng = np.random.default_rng(0)
    centers = rng.choice([-3.0, 3.0], (300, 1))
    density = NormalizingFlowDensity(random_state=0, max_iter=1).fit(
        centers + 0.3 * rng.normal(size=(300, 5))
    )
    components = density._spec.components
    mixtures = [k for k, component in enumerate(components) if component.base == "gaussians"]
    assert density.weights_["gaussians"] > 0.5
    assert len(mixtures) == 5
    weights = density.flow_.base.weights[mixtures]
    np.testing.assert_allclose(weights, density.weights_["gaussians"] / 5)
