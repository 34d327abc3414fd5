"""Stacking: the weights of the components of the mixture."""

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
def test_weights_sum_to_one_with_a_minimum_for_the_net(log_prob, data):
    n, n_components = log_prob.shape
    net = data.draw(st.integers(0, n_components - 1))
    sample_weight = data.draw(hnp.arrays(float, n, elements=st.floats(0.01, 10)))
    weights = stacking_weights(log_prob, sample_weight / sample_weight.mean(), net)
    assert weights.shape == (n_components,)
    assert (weights >= 0).all()
    assert weights.sum() == pytest.approx(1)
    assert weights[net] >= (1 - 1e-9) / (n + 1)


def test_the_minimum_depends_on_the_total_weight():
    """Sample weights that sum to two million stand for as many samples."""
    log_prob = np.array([[0.0, -50.0], [1.0, -50.0]])
    weights = stacking_weights(log_prob, np.full(2, 1e6), net=1)
    assert weights[1] == pytest.approx(1 / (2e6 + 1))


def test_a_clearly_better_component_gets_nearly_all_weight():
    log_prob = np.tile([0.0, -1.0, -2.0], (500, 1))
    weights = stacking_weights(log_prob, np.ones(500), net=2)
    assert weights[0] > 0.99
    assert 1 / 501 <= weights[2] < 2 / 501


def test_components_of_separate_samples_are_weighted_by_their_numbers():
    log_prob = np.full((100, 3), -20.0)
    log_prob[:70, 0] = log_prob[70:, 1] = 0
    weights = stacking_weights(log_prob, np.ones(100), net=2)
    np.testing.assert_allclose(weights, [70 / 101, 30 / 101, 1 / 101], atol=1e-6)


def test_equal_components_have_equal_weights_except_for_the_net():
    weights = stacking_weights(np.zeros((99, 3)), np.ones(99), net=0)
    assert weights[1] == weights[2]
    assert weights[0] > weights[1]


def test_weights_maximize_the_likelihood_with_one_more_sample_for_the_net():
    rng = np.random.default_rng(0)
    log_prob, sample_weight = rng.normal(size=(60, 2)), rng.uniform(0.5, 2, 60)
    sample_weight /= sample_weight.mean()

    def loss(weight):
        log_weights = np.log([1 - weight, weight])
        return -(sample_weight @ logsumexp(log_prob + log_weights, axis=1)) - log_weights[1]

    expected = minimize_scalar(loss, bounds=(1e-9, 1 - 1e-9), method="bounded").x
    assert stacking_weights(log_prob, sample_weight, net=1)[1] == pytest.approx(expected, abs=1e-3)


def test_weights_are_repetitions():
    rng = np.random.default_rng(1)
    log_prob, repeats = rng.normal(size=(30, 3)), rng.integers(1, 5, 30)
    one = stacking_weights(log_prob, repeats.astype(float), net=2)
    two = stacking_weights(log_prob.repeat(repeats, axis=0), np.ones(repeats.sum()), net=2)
    np.testing.assert_allclose(one, two, rtol=1e-9)


def test_the_order_of_the_components_does_not_matter():
    log_prob = np.random.default_rng(2).normal(size=(40, 3))
    weights = stacking_weights(log_prob, np.ones(40), net=0)
    reversed_ = stacking_weights(log_prob[:, [2, 1, 0]], np.ones(40), net=2)
    np.testing.assert_allclose(reversed_, weights[[2, 1, 0]], rtol=1e-12)


def test_a_component_with_one_impossible_sample_keeps_its_weight():
    log_prob = np.array([[0.0, -3.0]] * 50 + [[-1e6, -3.0]])
    weights = stacking_weights(log_prob, np.ones(51), net=1)
    assert weights[0] > 0.9
    assert weights[1] > 0


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
