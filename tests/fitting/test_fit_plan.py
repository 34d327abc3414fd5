"""What every fit does: splits, held-out samples and weights of components."""

import numpy as np

from skflow.fitting.fit_plan import (
    StackedComponents,
    deal_splits,
    held_out_samples,
    of_all_splits,
)
from tests.fitting.examples import config_for, dataset, normal_samples

N = 100


def splits(**params):
    return deal_splits(N, config_for(N, 2, **params), np.random.default_rng(0))


def test_every_member_holds_out_a_fold_of_its_own():
    dealt = splits(n_estimators=3)
    assert len(dealt) == 3
    held_out = np.concatenate([split.held_out for split in dealt])
    assert len(set(held_out)) == len(held_out)
    for split in dealt:
        assert sorted([*split.train, *split.held_out]) == list(range(N))


def test_nothing_is_held_out_without_early_stopping():
    (split,) = splits(n_estimators=1, early_stopping=False)
    assert len(split.held_out) == 0
    assert split.train.tolist() == list(range(N))
    data = dataset(normal_samples(N))
    config = config_for(N, 2, n_estimators=1, early_stopping=False)
    (samples,) = held_out_samples(data, [split], config)
    assert len(samples) == N


def test_held_out_samples_are_those_of_the_splits():
    data, config = dataset(normal_samples(N)), config_for(N, 2, n_estimators=2)
    dealt = splits(n_estimators=2)
    for samples, split in zip(held_out_samples(data, dealt, config), dealt, strict=True):
        np.testing.assert_array_equal(samples.x, data.x[split.held_out])


def test_components_of_a_kind_share_its_weight():
    stacked = StackedComponents({"flow": ["a", "b"], "start": ["c"]}, {"flow": 0.6, "start": 0.4})
    assert stacked.weighted == [("a", 0.3), ("b", 0.3), ("c", 0.4)]


def test_components_by_kind():
    untrained = [{"start": 1, "wide t": 2}, {"start": 3, "wide t": 4}]
    assert of_all_splits(untrained) == {"start": [1, 3], "wide t": [2, 4]}
