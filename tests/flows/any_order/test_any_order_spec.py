"""Specifications of any-order densities: from arrays to the same density."""

import json
from dataclasses import asdict

import numpy as np
import torch
from torch import Generator

from skflow.flows.any_order.any_order_density import AnyOrderDensity
from skflow.flows.any_order.any_order_spec import AnyOrderSpec
from skflow.flows.bijections import Chain, Standardize
from skflow.flows.layers import LayerConfig
from skflow.flows.spec import FlowSpec
from tests.flows.any_order.examples import (
    MIXED,
    REAL,
    columns_of,
    elliptical,
    net_part,
    rows_of,
    tensor,
)


def density(supports, n_context=0):
    parts = [net_part(supports, n_context=n_context), elliptical(supports, n_orders=2)]
    chain = Chain([Standardize(tensor([1.0] * 2), tensor([3.0] * 2))] if n_context else [])
    return AnyOrderDensity(columns_of(*supports), parts, tensor([0.6, 0.4]), chain)


def spec_of(density, n_context=0):
    layers = LayerConfig(len(density.columns), n_context, (16, 16), n_bins=6)
    return AnyOrderSpec.of(density, FlowSpec("any_order", 1, layers))


def arrays_of(density):
    return {name: tensor.numpy() for name, tensor in density.state_dict().items()}


def assert_same(first, second, supports, context=None):
    x = rows_of(supports, 30, holes=0.3)
    np.testing.assert_array_equal(first.log_prob(x, context), second.log_prob(x, context))
    draws = (each.complete(x, Generator().manual_seed(0), context) for each in (first, second))
    np.testing.assert_array_equal(*draws)


def test_a_round_trip():
    own = density(MIXED)
    assert_same(own, spec_of(own).build(arrays_of(own)), MIXED)


def test_a_round_trip_of_its_record():
    own = density(MIXED)
    record = asdict(spec_of(own))
    assert AnyOrderSpec.from_record(record) == spec_of(own)
    assert json.dumps(record)  # it is plain


def test_a_round_trip_with_a_context():
    supports = (REAL, REAL)
    own = density(supports, n_context=2)
    spec = spec_of(own, n_context=2)
    assert spec.context_transform == ("standardize",)
    context = torch.from_numpy(np.random.default_rng(0).normal(size=(30, 2)))
    assert_same(own, spec.build(arrays_of(own)), supports, context)


def test_what_is_built_is_for_evaluation():
    own = density(MIXED)
    built = spec_of(own).build(arrays_of(own))
    assert not built.training
    assert not any(parameter.requires_grad for parameter in built.parameters())
    assert built.components[0].orders.dtype == torch.long
