"""The weights of the safety net."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.optimize import minimize_scalar
from scipy.special import logsumexp

from skflow.fitting.fit_density import deal_splits
from skflow.fitting.gmm_and_kde import MixtureConfig
from skflow.fitting.initial_fit import StudentTInitialFit
from skflow.fitting.model_selection import SelectedModels
from skflow.fitting.stacking import HeldOutScores, stack, stacking_weights
from skflow.fitting.student_t import StudentTShape
from skflow.fitting.untrained_components import untrained_components
from skflow.preprocessing.dataset import Split
from skflow.preprocessing.marginals import Marginals
from tests.fitting.examples import config_for, dataset, normal_samples


@settings(deadline=None, derandomize=True, max_examples=50)
@given(
    st.integers(1, 5).flatmap(
        lambda k: hnp.arrays(
            float,
            st.tuples(st.integers(1, 20), st.just(k)),
            elements=st.floats(-50, 50) | st.floats(-1e6, 1e6) | st.just(-1e6),
        )
    ),
    st.data(),
)
def test_on_the_simplex_with_a_floor_under_the_net(log_prob, data):
    n, n_parts = log_prob.shape
    net = data.draw(st.integers(0, n_parts - 1))
    weights = data.draw(hnp.arrays(float, n, elements=st.floats(0.01, 10)))
    share = stacking_weights(log_prob, weights / weights.mean(), net)
    assert share.shape == (n_parts,)
    assert (share >= 0).all()
    assert share.sum() == pytest.approx(1)
    assert share[net] >= (1 - 1e-9) / (n + 1)


def test_the_floor_holds_for_a_million_rows_too():
    """Weights that sum to two million stand for as many rows."""
    log_prob = np.array([[0.0, -50.0], [1.0, -50.0]])
    share = stacking_weights(log_prob, np.full(2, 1e6), net=1)
    assert share[1] == pytest.approx(1 / (2e6 + 1))


def test_a_clearly_better_part_gets_nearly_all():
    log_prob = np.tile([0.0, -1.0, -2.0], (500, 1))
    share = stacking_weights(log_prob, np.ones(500), net=2)
    assert share[0] > 0.99
    assert 1 / 501 <= share[2] < 2 / 501


def test_parts_for_different_rows_share_as_their_rows_do():
    log_prob = np.full((100, 3), -20.0)
    log_prob[:70, 0] = log_prob[70:, 1] = 0
    share = stacking_weights(log_prob, np.ones(100), net=2)
    np.testing.assert_allclose(share, [70 / 101, 30 / 101, 1 / 101], atol=1e-6)


def test_equal_parts_share_equally_but_for_the_net():
    share = stacking_weights(np.zeros((99, 3)), np.ones(99), net=0)
    assert share[1] == share[2]
    assert share[0] > share[1]


def test_maximizes_the_likelihood_with_one_row_more_for_the_net():
    rng = np.random.default_rng(0)
    log_prob, weights = rng.normal(size=(60, 2)), rng.uniform(0.5, 2, 60)
    weights /= weights.mean()

    def loss(share):
        log_share = np.log([1 - share, share])
        return -(weights @ logsumexp(log_prob + log_share, axis=1)) - log_share[1]

    expected = minimize_scalar(loss, bounds=(1e-9, 1 - 1e-9), method="bounded").x
    assert stacking_weights(log_prob, weights, net=1)[1] == pytest.approx(expected, abs=1e-3)


def test_weights_are_repetitions():
    rng = np.random.default_rng(1)
    log_prob, repeats = rng.normal(size=(30, 3)), rng.integers(1, 5, 30)
    one = stacking_weights(log_prob, repeats.astype(float), net=2)
    two = stacking_weights(log_prob.repeat(repeats, axis=0), np.ones(repeats.sum()), net=2)
    np.testing.assert_allclose(one, two, rtol=1e-9)


def test_order_of_the_parts_does_not_matter():
    log_prob = np.random.default_rng(2).normal(size=(40, 3))
    share = stacking_weights(log_prob, np.ones(40), net=0)
    turned = stacking_weights(log_prob[:, [2, 1, 0]], np.ones(40), net=2)
    np.testing.assert_allclose(turned, share[[2, 1, 0]], rtol=1e-12)


def test_a_part_that_gives_some_row_no_chance_still_counts_elsewhere():
    log_prob = np.array([[0.0, -3.0]] * 50 + [[-1e6, -3.0]])
    share = stacking_weights(log_prob, np.ones(51), net=1)
    assert share[0] > 0.9
    assert share[1] > 0


def weights_of(leak):
    """Weights of an initial fit and of kernels too narrow to generalize."""
    data, config = dataset(normal_samples()), config_for(400, 2)
    selected = SelectedModels(
        Marginals("standardize"), StudentTInitialFit(StudentTShape(1e4, 1e-8)), bandwidth=0.01
    )
    splits = deal_splits(400, config, np.random.default_rng(0))
    untrained = []
    for split in splits:
        components = untrained_components(data.take(split.train), selected, config)
        if leak:
            components["kernels"] = untrained_components(data, selected, config)["kernels"]
        untrained.append(components)
    initial_fits = [components["start"] for components in untrained]
    return stack(HeldOutScores.of(initial_fits, untrained, splits, data))


def test_held_out_scores_are_out_of_fold():
    assert weights_of(leak=False).get("kernels", 0.0) < 0.05


def test_a_planted_leak_is_detected():
    assert weights_of(leak=True)["kernels"] > 0.9


def test_the_wide_t_keeps_its_minimum_weight():
    data, config = dataset(normal_samples()), config_for(400, 2)
    split = [Split(np.arange(300), np.arange(300, 400))]
    selected = SelectedModels(
        Marginals("standardize"),
        StudentTInitialFit(StudentTShape(1e4, 1e-8)),
        mixture=MixtureConfig(2, 3e-3),
    )
    components = untrained_components(data.take(split[0].train), selected, config)
    weights = stack(HeldOutScores.of([components["start"]], [components], split, data))
    assert weights["wide t"] >= 1 / 101
    assert sum(weights.values()) == pytest.approx(1)
