"""Parts without training: what they are fitted to, and when EM refines them."""

import numpy as np
import pytest
import torch

from skflow.data.support import Support
from skflow.fitting.any_order.parts import AnyOrderSamples, untrained_parts
from skflow.fitting.any_order.standardized_columns import (
    CompletedSamples,
    fit_bijections,
    fit_columns,
)
from skflow.fitting.gmm_and_kde import MixtureConfig
from skflow.fitting.initial_fit import StudentTInitialFit
from skflow.fitting.model_selection import SelectedModels
from skflow.fitting.student_t import StudentTShape
from skflow.preprocessing.dataset import WeightedDataset
from skflow.preprocessing.marginals import Marginals
from tests.fitting.examples import config_for
from tests.flows.any_order.examples import MIXED, NAN, orders_of, rows_of

N = 200
REALS = (Support(), Support())
SHAPE = StudentTShape(5.0, 1e-4)
SELECTED = SelectedModels(
    Marginals("standardize"), StudentTInitialFit(SHAPE), MixtureConfig(2, 1e-3)
)


def samples_of(x, supports):
    data = WeightedDataset(x, torch.ones(len(x)).double())
    columns = fit_columns(x.numpy(), np.ones(len(x)), supports)
    bijections = fit_bijections(columns, x, data.weights)
    rng = np.random.default_rng(0)
    completed = CompletedSamples.of(data, columns, bijections, rng).data
    return AnyOrderSamples(data, completed, columns, bijections, orders_of(len(columns), 2))


def parts_of(x, supports, **params):
    return untrained_parts(samples_of(x, supports), SELECTED, config_for(N, 2, **params))


def correlated(seed=0):
    rng = np.random.default_rng(seed)
    return torch.from_numpy(rng.normal(size=(N, 2)) @ np.array([[2.0, 1.6], [0, 1.2]]) + 5)


@pytest.mark.parametrize("name", ["start", "wide t", "gaussians"])
def test_parts_are_densities_of_the_data(name):
    """Moments of draws are those of the samples, as far as the tails of the part let them."""
    x = correlated()
    part = parts_of(x, REALS)[name].part
    drawn = part.complete(
        torch.full((4000, 2), torch.nan).double(), torch.Generator().manual_seed(0)
    )
    np.testing.assert_allclose(drawn.median(0).values, x.median(0).values, atol=0.3)
    ranks = [each.argsort(0).argsort(0).double().T.corrcoef()[0, 1] for each in (drawn, x)]
    assert float(ranks[0]) == pytest.approx(float(ranks[1]), abs=0.1)


def test_holes_hardly_change_the_parts():
    x = correlated()
    holes = torch.where(torch.from_numpy(np.random.default_rng(1).random((N, 2)) < 0.2), NAN, x)
    holes[:, 0] = torch.where(holes.isnan().all(1), x[:, 0], holes[:, 0])
    complete, incomplete = parts_of(x, REALS), parts_of(holes, REALS)
    test = WeightedDataset(correlated(1), torch.ones(N).double())
    test = AnyOrderSamples(test, test, complete["start"].part.columns, [], orders_of(2))
    for name in complete:
        loss = float((complete[name].log_prob(test) - incomplete[name].log_prob(test)).mean())
        assert abs(loss) < 0.1, name


def test_mixed_columns():
    x = rows_of(MIXED, N, holes=0.2)
    samples = samples_of(x, MIXED)
    for component in untrained_parts(samples, SELECTED, config_for(N, 8)).values():
        log_prob = component.log_prob(samples)
        assert bool(log_prob.isfinite().all())
        assert len(component.part.orders) == 2  # for the lattices
        taken = component.log_prob(samples.take(slice(10)))
        np.testing.assert_allclose(taken, log_prob[:10], rtol=1e-9)


def test_which_parts():
    x = correlated()
    assert list(parts_of(x, REALS)) == ["start", "wide t", "gaussians"]
    assert list(parts_of(x, REALS, safety_net=False)) == ["start"]
    assert len(parts_of(x, REALS)["start"].part.orders) == 1
    assert float(parts_of(x, REALS)["wide t"].part.df) == 2
    assert float(parts_of(x, REALS)["start"].part.df) == 5
    assert float(parts_of(x, REALS, base="normal")["start"].part.df) == 1e4
