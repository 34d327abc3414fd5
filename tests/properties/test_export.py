"""Fitted densities can be exported to programs that need torch only, by torch.export."""

import io

import numpy as np
import pytest
import torch

from skflow import (
    NormalizingFlowClassifier,
    NormalizingFlowDensity,
    NormalizingFlowRegressor,
    Support,
)
from skflow.flows.families import FAMILIES

pytestmark = pytest.mark.filterwarnings("ignore:No complete tensor found in the group:UserWarning")

ROWS = torch.export.Dim("rows", min=2)
FAST = {"effort": "fast", "max_iter": 3, "tol": 10, "random_state": 0}


def exported(density, *inputs):
    """The exported program, saved and loaded."""
    shapes = [{0: ROWS}] * len(inputs)
    program = torch.export.export(density, inputs, dynamic_shapes=shapes, strict=False)
    file = io.BytesIO()
    torch.export.save(program, file)
    file.seek(0)
    return torch.export.load(file).module()


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"safety_net": False},
        {"support": [Support(low=-5, high=5), None]},
        pytest.param({"support": ["circular", ("circular", 7)]}, marks=pytest.mark.slow),
    ],
    ids=str,
)
def test_scores_are_the_same(moons, params):
    density = NormalizingFlowDensity(**FAST | params).fit(moons)
    program = exported(density.flow_, torch.tensor(moons))
    for rows in (moons, moons[:17]):
        scores = program(torch.tensor(rows)).numpy()
        np.testing.assert_allclose(scores, density.score_samples(rows), rtol=1e-10)


@pytest.mark.slow
def test_probabilities_of_integers_are_the_same(moons):
    counts = np.round(3 * moons[:, :1])
    density = NormalizingFlowDensity(**FAST, support=("integer", -4, None)).fit(counts)
    program = exported(density.flow_, torch.tensor(counts))
    scores = program(torch.tensor(counts[:17])).numpy()
    np.testing.assert_allclose(scores, density.score_samples(counts[:17]), rtol=1e-9)


@pytest.mark.slow
@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_can_be_exported(moons, family):
    density = NormalizingFlowDensity(**FAST | {"flow": family, "n_transforms": 2}).fit(moons)
    program = exported(density.flow_, torch.tensor(moons))
    scores = program(torch.tensor(moons[:50])).numpy()
    np.testing.assert_allclose(scores, density.score_samples(moons[:50]), rtol=1e-9)


def test_conditional_densities(moons):
    X, y = moons[:, :1], moons[:, 1]
    regressor = NormalizingFlowRegressor(**FAST).fit(X, y)
    program = exported(regressor.flow_, torch.tensor(y[:, None]), torch.tensor(X))
    found = program(torch.tensor(y[:9, None]), torch.tensor(X[:9])).numpy()
    np.testing.assert_allclose(found, regressor.log_prob(X[:9], y[:9]), rtol=1e-10)
    labels = (y > 0).astype(int)
    classifier = NormalizingFlowClassifier(**FAST).fit(moons, labels)
    one_hot = torch.eye(2, dtype=torch.float64)[labels]
    program = exported(classifier.flow_, torch.tensor(moons), one_hot)
    found = program(torch.tensor(moons[:9]), one_hot[:9]).numpy()
    np.testing.assert_allclose(found, classifier.log_prob(moons[:9], labels[:9]), rtol=1e-10)
