"""Substitutes of stages: bounded numbers of samples, halves that hold each other out."""

import numpy as np
import pytest
import torch

from skflow.fitting.model_selection import default_models
from skflow.fitting.stacking import HeldOutScores
from skflow.fitting.substitutes import few_indices, few_splits, quick_components
from skflow.preprocessing.marginals import Marginals
from tests.fitting.examples import config_for, dataset, normal_samples


@pytest.mark.parametrize(
    ("n", "n_columns", "size"),
    [(10, 3, 10), (2000, 3, 2000), (10**6, 3, 2000), (10**6, 500, 800), (10**6, 5000, 200)],
)
def test_the_more_columns_the_fewer_samples(n, n_columns, size):
    few = few_indices(n, n_columns, seed=0)
    assert len(few) == len(np.unique(few)) == size
    assert (np.diff(few) > 0).all()
    assert few.max() < n
    if size < n:
        assert few.mean() == pytest.approx(n / 2, rel=0.15)
        assert not np.array_equal(few, few_indices(n, n_columns, seed=1))


def test_each_half_is_held_out_once():
    data = dataset(normal_samples(5000))
    splits = few_splits(data, config_for(5000, 2), seed=0)
    for split, other in (splits, splits[::-1]):
        assert sorted(split.train) == sorted(other.held_out)
        assert len(split.train) == 1000
        assert not set(split.train) & set(split.held_out)


def test_without_early_stopping_nothing_is_held_out():
    (split,) = few_splits(dataset(normal_samples(50)), config_for(50, 2, early_stopping=False), 0)
    assert (len(split.train), len(split.held_out)) == (50, 0)


@pytest.mark.parametrize("df", [1.5, 50])
def test_tails_are_those_that_held_out_samples_prefer(df):
    x = np.random.default_rng(0).standard_t(df, size=(1000, 2))
    data, config = dataset(x), config_for(1000, 2)
    splits, models = few_splits(data, config, 0), default_models(data, config)
    components = quick_components(data, splits, models, config)
    degrees = [float(c["start"].flow.base.log_df.exp()) for c in components]
    assert degrees == pytest.approx([2.5 if df < 2 else 5.0] * 2)
    scores = HeldOutScores.of([], components, splits, data, max_rows=100)
    assert scores.names == ["start", "wide t"]
    assert scores.log_prob.shape == (200, 2)


def test_ties_are_fitted_by_the_selected_kernels():
    rng = np.random.default_rng(1)
    data = dataset(np.where(rng.random((400, 1)) < 0.6, 0.0, rng.normal(size=(400, 1))))
    config = config_for(400, 1)
    splits, models = few_splits(data, config, 0), default_models(data, config)
    kernels = Marginals("kernel", (0.1,))
    with_kernels, without = (
        quick_components(data, splits, selected, config)
        for selected in (replaced(models, kernels), models)
    )
    gain = [
        k["start"].log_prob(data).mean() - w["start"].log_prob(data).mean()
        for k, w in zip(with_kernels, without, strict=True)
    ]
    assert torch.stack(gain).min() > 0.5


def replaced(models, marginals):
    """The models with other marginal transforms."""
    return type(models)(marginals, models.initial_fit)
