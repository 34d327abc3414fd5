"""Fits that a machine has no memory or no time for are refused; the estimate is a lower bound."""

import numpy as np
import pytest
from torch import Generator

from skflow import NormalizingFlowDensity
from skflow.fitting.defaults import DataSize, Task
from skflow.fitting.feasibility import _weights_and_units, feasible_config
from skflow.flows.bijections import LULinear
from skflow.flows.families import build_bijections
from skflow.runtime import memory

SIZE = DataSize(n_distinct=120, n_effective=120.0, n_features=2)


@pytest.fixture(autouse=True)
def _sixteen_gigabytes(monkeypatch):
    monkeypatch.setattr(memory, "total_memory", lambda: 16 * 10**9)


def configured(size=SIZE, **params):
    return feasible_config(NormalizingFlowDensity(**params), size)


@pytest.mark.parametrize(("d", "c"), [(1, 0), (2, 0), (7, 3)])
def test_numbers_of_weights_are_about_those_of_the_bijections(family, d, c):
    size = DataSize(1000, 1000.0, d, c)
    task = Task(context="numbers" if c else None)
    config = feasible_config(NormalizingFlowDensity(flow=family), size, task)
    bijections = build_bijections(
        family, config.flow.n_transforms, config.flow.layers, Generator().manual_seed(0)
    )
    exact = sum(p.numel() for bijection in bijections for p in bijection.parameters())
    assert _weights_and_units(config)[0] < 2.5 * exact + 100
    if exact > 10_000:
        assert _weights_and_units(config)[0] > exact / 2.5


REFUSED = {
    "n_estimators=1000000000 needs at least .* [TP]B": {"n_estimators": 10**9},
    "n_transforms=1000000000 needs at least .* [TP]B": {"n_transforms": 10**9},
    r"hidden_layer_sizes=\(1000000, 1000000\) needs at least .* [TP]B": {
        "hidden_layer_sizes": (10**6, 10**6)
    },
    r"hidden_layer_sizes=\(1000000,\) (has a layer of 1,000,000 units|needs at least 20 GB)": {
        "hidden_layer_sizes": (10**6,)
    },
    "n_transforms=2000 makes a chain .*days": {
        "n_transforms": 2000,
        "flow": "flow_matching",
    },
}


@pytest.mark.parametrize("message", REFUSED)
@pytest.mark.parametrize("effort", ["fast", "full"])
def test_what_is_too_large_is_refused_by_name(message, effort):
    with pytest.raises(ValueError, match=rf"{message}.*Use .*'auto' has"):
        configured(effort=effort, **REFUSED[message])


def test_of_several_parameters_the_most_expensive_is_named():
    with pytest.raises(ValueError, match=r"^n_estimators=1000000 needs"):
        configured(n_estimators=10**6, hidden_layer_sizes=(32, 32), batch_size=64)
    with pytest.raises(ValueError, match=r"^batch_size=100000000 needs"):
        configured(DataSize(10**8, 1e8, 10), batch_size=10**8, hidden_layer_sizes=(512, 512))


def test_layers_that_would_take_hours_are_refused_where_memory_abounds(monkeypatch):
    monkeypatch.setattr(memory, "total_memory", lambda: 10**15)
    message = r"layer of 1,000,000 units, .* at least 20 GB .* takes hours.* At most 65,536"
    with pytest.raises(ValueError, match=message):
        configured(hidden_layer_sizes=(10**6,))
    assert configured(hidden_layer_sizes=(2**16,)).flow.layers.hidden_layer_sizes == (2**16,)


def test_columns_are_named_if_they_are_too_many():
    with pytest.raises(ValueError, match=r"Training on 5,000,000 columns needs.*PCA"):
        configured(DataSize(1000, 1000.0, 5_000_000))


@pytest.mark.parametrize(
    ("params", "size"),
    [
        ({"n_estimators": 100}, DataSize(10_000, 1e4, 10)),
        ({"hidden_layer_sizes": (1024, 1024)}, DataSize(100_000, 1e5, 20)),
        ({"batch_size": 10**12}, SIZE),
        ({"max_iter": 10**12}, SIZE),
        ({"n_transforms": 100}, DataSize(10_000, 1e4, 10)),
        ({}, DataSize(10**7, 1e7, 1000)),
    ],
    ids=str,
)
def test_large_fits_are_possible(params, size):
    assert configured(size, **params).n_members >= 1


def test_batches_are_no_larger_than_the_data():
    X = np.random.default_rng(0).normal(size=(60, 2))
    params = {"effort": "fast", "batch_size": 10**12, "max_iter": 2, "hidden_layer_sizes": 8}
    assert np.isfinite(NormalizingFlowDensity(**params, tol=10.0).fit(X).score(X))


def test_families_of_users_are_checked_for_the_columns_they_get():
    with pytest.raises(ValueError, match="LULinear, cannot map rows of 2 columns"):
        configured(flow=lambda n_features, n_context, generator: [LULinear(5)])
    assert configured(flow=lambda d, c, generator: LULinear(d)).flow.n_transforms == 1
