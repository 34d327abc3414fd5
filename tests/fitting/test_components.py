"""Parts of a density, what left-out rows choose, and that they are left out indeed."""

import numpy as np
import pytest
import torch

from skflow.estimators.density import NormalizingFlowDensity
from skflow.fitting.components import (
    HeldOutScores,
    SelectedModels,
    choose,
    component_weights,
    untrained_components,
)
from skflow.fitting.defaults import resolve_config
from skflow.fitting.fit_density import deal_splits
from skflow.fitting.gmm_and_kde import MixtureConfig
from skflow.fitting.initial_fit import StudentTInitialFit
from skflow.fitting.student_t import StudentTShape
from skflow.flows.bijections import Chain
from skflow.preprocessing.dataset import Split, WeightedDataset
from skflow.preprocessing.marginals import Marginals


def recipe_for(n, d, **parameters):
    return resolve_config(NormalizingFlowDensity(**parameters).get_params(), n, n, d)


def table_of(x):
    x = torch.from_numpy((x - x.mean(0)) / x.std(0))
    return WeightedDataset(x, torch.ones(len(x), dtype=torch.float64))


def draw(n=400, d=2, seed=0):
    return np.random.default_rng(seed).normal(size=(n, d))


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
def test_no_member_sees_what_it_leaves_out(n, parameters, n_members, held_out):
    splits = deal_splits(n, recipe_for(n, 2, **parameters), np.random.default_rng(0))
    assert len(splits) == n_members
    for split in splits:
        assert not set(split.seen) & set(split.held_out)
        assert len(split.held_out) == held_out
        assert len(split.seen) + held_out == n


def blended(kernels_see_everything):
    """Weights of a start and of kernels so narrow that they only know what they have seen."""
    table, config = table_of(draw()), recipe_for(400, 2)
    selected = SelectedModels(
        Marginals("standardize"), StudentTInitialFit(StudentTShape(1e4, 1e-8)), bandwidth=0.01
    )
    splits = deal_splits(400, config, np.random.default_rng(0))
    sides = []
    for split in splits:
        side = untrained_components(table.take(split.seen), selected, config)
        if kernels_see_everything:
            side["kernels"] = untrained_components(table, selected, config)["kernels"]
        sides.append(side)
    return component_weights(
        HeldOutScores.of([side["start"] for side in sides], sides, splits, table)
    )


def test_an_out_of_fold_density_has_not_seen_its_rows():
    assert blended(kernels_see_everything=False).get("kernels", 0.0) < 0.05


def test_a_planted_leak_shows():
    assert blended(kernels_see_everything=True)["kernels"] > 0.9


def test_side_pieces_depend_on_their_own_rows_only():
    x = draw()
    config = recipe_for(400, 2)
    selected = SelectedModels(
        Marginals("yeo-johnson"),
        StudentTInitialFit(StudentTShape(5.0, 1e-4)),
        mixture=MixtureConfig(2, 3e-3),
        bandwidth=0.3,
    )
    seen = np.arange(300)
    spoilt = np.concatenate([x[:300], 1e3 * x[300:]])
    table, other = (
        WeightedDataset(*map(torch.from_numpy, (x, np.ones(400)))),
        torch.from_numpy(spoilt),
    )
    honest = untrained_components(table.take(seen), selected, config)
    same = untrained_components(WeightedDataset(other, table.w).take(seen), selected, config)
    for name, component in honest.items():
        torch.testing.assert_close(
            component.flow.log_prob(table.x), same[name].flow.log_prob(table.x), rtol=0, atol=0
        )


@pytest.mark.parametrize(
    ("column", "kinds"),
    [
        (lambda r, n: r.uniform(-1, 1, size=n), {"standardize", "yeo-johnson"}),
        (lambda r, n: np.exp(r.normal(size=n)), {"yeo-johnson"}),
        (lambda r, n: np.where(r.random(n) < 0.5, 0.0, r.normal(size=n)), {"kernel"}),
    ],
)
def test_marginals_suit_the_columns(column, kinds):
    r = np.random.default_rng(3)
    table = table_of(np.column_stack([column(r, 1000), column(r, 1000)]))
    chosen = choose(table, recipe_for(1000, 2), np.random.default_rng(0))
    assert chosen.marginals.kind in kinds


def test_heavy_tails_and_normal_ones_are_told_apart():
    r = np.random.default_rng(4)
    heavy = r.standard_t(3, size=(2000, 3))
    for x, lowest, highest in ((heavy, 2, 6), (draw(2000, 3), 30, 1e4)):
        chosen = choose(table_of(x), recipe_for(2000, 3, marginals=None), np.random.default_rng(0))
        assert lowest <= chosen.start.shape.df <= highest


def test_a_normal_base_keeps_a_normal_start():
    chosen = choose(
        table_of(np.random.default_rng(4).standard_t(3, size=(500, 2))),
        recipe_for(500, 2, base="normal"),
        np.random.default_rng(0),
    )
    assert chosen.start.shape.df == 1e4


def test_the_start_is_whitened_by_the_t():
    table, config = table_of(draw(1000) @ np.array([[1, 0.9], [0, 0.2]])), recipe_for(1000, 2)
    selected = SelectedModels(
        Marginals("standardize"), StudentTInitialFit(StudentTShape(1e4, 1e-8))
    )
    start = untrained_components(table, selected, config)["start"]
    z, _ = Chain(start.flow.chain.bijections)(table.x)
    torch.testing.assert_close(torch.cov(z.T), torch.eye(2).double(), atol=0.01, rtol=0)


def test_the_net_is_never_below_its_floor():
    table, config = table_of(draw()), recipe_for(400, 2)
    split = [Split(np.arange(300), np.arange(300, 400))]
    selected = SelectedModels(
        Marginals("standardize"),
        StudentTInitialFit(StudentTShape(1e4, 1e-8)),
        mixture=MixtureConfig(2, 3e-3),
    )
    side = untrained_components(table.take(split[0].seen), selected, config)
    weights = component_weights(HeldOutScores.of([side["start"]], [side], split, table))
    assert weights["wide t"] >= 1 / 101
    assert sum(weights.values()) == pytest.approx(1)


def test_the_mixtures_that_earned_their_weight_are_kept():
    rng = np.random.default_rng(0)
    centres = rng.choice([-3.0, 3.0], (300, 1))
    density = NormalizingFlowDensity(random_state=0, max_iter=1).fit(
        centres + 0.3 * rng.normal(size=(300, 5))
    )
    parts = density._spec.components
    mixtures = [k for k, part in enumerate(parts) if part.base == "gaussians"]
    assert density.weights_["gaussians"] > 0.5
    assert len(mixtures) == 5
    weights = density.flow_.base.weights[mixtures]
    np.testing.assert_allclose(weights, density.weights_["gaussians"] / 5)
