"""What "auto" means for data sets of different sizes."""

import numpy as np
import pytest

from skflow import NormalizingFlowOutlierDetector
from skflow.fitting.defaults import DataSize, Task, resolve_config
from skflow.fitting.fit_density import deal_splits
from tests.fitting.examples import config_for as config


@pytest.mark.parametrize(
    ("n", "d", "members", "folds", "layers", "width", "steps", "batch"),
    [
        (100, 2, 5, 5, 2, 64, 800, 256),
        (1000, 9, 5, 5, 3, 64, 800, 256),
        (1000, 30, 5, 5, 2, 64, 800, 256),
        (5000, 9, 3, 10, 3, 128, 800, 256),
        (5000, 43, 3, 10, 2, 128, 800, 256),
        (10_000, 9, 1, 10, 3, 128, 1500, 512),
    ],
)
def test_sizes_depend_on_the_data(n, d, members, folds, layers, width, steps, batch):
    full = config(n, d)
    assert (full.n_members, full.n_folds, full.flow.n_transforms) == (members, folds, layers)
    assert full.flow.layers.hidden_layer_sizes == (width, width)
    assert (full.training.n_steps, full.training.batch_size) == (steps, batch)


@pytest.mark.parametrize("n", [100, 1000, 5000])
def test_effort_fast_trains_one_member_for_half_the_steps(n):
    fast = config(n, 4, effort="fast")
    assert (fast.n_members, fast.n_folds, fast.training.n_steps) == (1, 10, 400)
    assert fast.flow == config(n, 4).flow


@pytest.mark.parametrize("effort", ["fast", "full"])
@pytest.mark.parametrize("n_estimators", ["auto", 1, 2, 3, 20])
@pytest.mark.parametrize(
    "n", [2, 3, 10, 100, 1999, 2000, 2001, 2667, 3999, 4000, 5000, 9999, 10_000, 30_000]
)
def test_a_detector_holds_out_all_samples_or_two_thousand(n, n_estimators, effort):
    detector = NormalizingFlowOutlierDetector(effort=effort, n_estimators=n_estimators)
    robust = resolve_config(detector, DataSize(n, n, 4), Task(robust=True))
    splits = deal_splits(n, robust, np.random.default_rng(0))
    held_out = np.concatenate([split.held_out for split in splits])
    assert len(np.unique(held_out)) == len(held_out)
    assert len(held_out) >= min(n, 2000)
    if n_estimators != "auto" and n >= 4000:
        assert len(splits) == n_estimators


@pytest.mark.parametrize(
    ("n", "fast", "full"),
    [
        (100, (3, 3), (5, 5)),
        (3000, (2, 3), (3, 4)),
        (12_000, (1, 6), (1, 6)),
        (10**5, (1, 10), (1, 10)),
    ],
)
def test_members_and_folds_of_a_detector(n, fast, full):
    for effort, expected in (("fast", fast), ("full", full)):
        detector = NormalizingFlowOutlierDetector(effort=effort)
        robust = resolve_config(detector, DataSize(n, n, 4), Task(robust=True))
        assert (robust.n_members, robust.n_folds) == expected


def test_a_detector_holds_samples_out_without_early_stopping():
    detector = NormalizingFlowOutlierDetector(early_stopping=False)
    robust = resolve_config(detector, DataSize(100, 100, 4), Task(robust=True))
    assert (robust.n_folds, robust.stops_early, robust.safety_net) == (5, False, False)


@pytest.mark.parametrize(
    ("n", "d", "noise", "rate"),
    [
        (100, 30, 0.3, 4e-3),  # fewer than fifty samples per column: scarce
        (5000, 9, 0.0, 2e-2),  # five hundred samples per column and more: plenty
        (1000, 20, 0.3, 4e-3),
        (158, 1, 0.15, 4e-3 * 5**0.75),  # halfway
    ],
)
def test_few_samples_get_noise_dropout_and_a_low_learning_rate(n, d, noise, rate):
    settings = config(n, d)
    assert settings.training.noise == pytest.approx(noise, abs=2e-3)
    assert settings.flow.layers.dropout == pytest.approx(noise, abs=2e-3)
    assert settings.training.learning_rate == pytest.approx(rate, rel=2e-2)


def test_explicit_parameters_are_used():
    settings = config(
        5000, 4, n_estimators=4, n_transforms=7, hidden_layer_sizes=12, noise=0.2, max_iter=3
    )
    assert (settings.n_members, settings.flow.n_transforms) == (4, 7)
    assert settings.flow.layers.hidden_layer_sizes == (12,)
    assert settings.training.noise == 0.2
    assert settings.training.n_steps == 3 * 18  # batches of 256 samples of nine tenths


def test_without_held_out_samples_there_is_no_safety_net():
    settings = config(500, 2, early_stopping=False)
    assert settings.n_folds is None
    assert not settings.safety_net


@pytest.mark.parametrize(
    ("flow", "steps", "base", "every"),
    [
        ("flow_matching", 4000, "normal", 100),
        ("flow_matching_ot", 4000, "normal", 100),
        ("diffusion", 4000, "normal", 100),
        ("cnf", 400, "t", 25),
    ],
)
def test_the_length_of_training_of_continuous_flows(flow, steps, base, every):
    settings = config(3000, 2, flow=flow)
    assert (settings.training.n_steps, settings.base) == (steps, base)
    assert (settings.training.check_every, settings.training.max_held_out) == (every, 512)
    assert config(3000, 2, flow=flow, max_iter=3).training.n_steps == 3 * 11


def test_flow_matching_on_few_samples_takes_fewer_and_larger_steps():
    """Unless there are many columns, or steps or learning rate are given."""
    full = config(3000, 2, flow="flow_matching", effort="fast").training
    few = config(218, 2, flow="flow_matching", effort="fast").training
    assert (full.n_steps, few.n_steps) == (2000, 400)
    assert few.learning_rate == 2e-2
    half = config(1000, 9, flow="flow_matching", effort="fast").training
    plain = config(1000, 9, flow="flow_matching", max_iter=7).training
    assert half.learning_rate == pytest.approx(2 * plain.learning_rate)
    assert (half.n_steps, plain.n_steps) == (1000, 7 * 4)
    wide = config(218, 30, flow="flow_matching", effort="fast").training
    assert wide.n_steps == 2000
    own = config(218, 2, flow="flow_matching", learning_rate_init=1e-3, effort="fast").training
    assert (own.n_steps, own.learning_rate) == (2000, 1e-3)
    assert config(600, 2, flow="diffusion").training.learning_rate <= 2e-2
    assert config(218, 2, flow="cnf").training.n_steps == 400


def test_other_families_have_half_the_learning_rate():
    rate = config(5000, 2, flow="nsf").training.learning_rate
    assert config(5000, 2).training.learning_rate == 2 * rate
    own = config(5000, 2, flow=lambda n_features, n_context, generator: [])
    assert own.training.learning_rate == rate
