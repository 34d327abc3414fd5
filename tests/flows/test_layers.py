"""Builders of learned layers: what they build, and that the generator determines it."""

import pytest
import torch
from torch import Generator

from skflow.flows.bijections import Autoregressive, Continuous, Coupling, Planar, Radial
from skflow.flows.layers import (
    LayerConfig,
    autoregressive,
    continuous,
    coupling,
    planar,
    radial,
)

LAYERS = {
    "coupling": (coupling("affine"), Coupling),
    "autoregressive": (autoregressive("affine"), Autoregressive),
    "planar": (planar, Planar),
    "radial": (radial, Radial),
    "continuous": (continuous(4), Continuous),
}
CONFIG = LayerConfig(4, n_context=2, hidden_layer_sizes=(6, 5), activation="tanh")


@pytest.fixture(params=list(LAYERS))
def layer(request):
    return LAYERS[request.param]


def test_builds_its_bijection_from_the_generator_alone(layer):
    build, kind = layer
    before = torch.random.get_rng_state()
    one, two, other = (build(CONFIG, Generator().manual_seed(seed)) for seed in (0, 0, 1))
    assert type(one) is kind
    assert all(map(torch.equal, one.parameters(), two.parameters()))
    assert not all(map(torch.equal, one.parameters(), other.parameters()))
    assert torch.equal(torch.random.get_rng_state(), before)


def test_conditioner_networks_have_the_sizes_of_the_configuration(layer):
    build, _ = layer
    net = build(CONFIG, Generator()).net
    assert [hidden.weight.shape[0] for hidden in net.hidden] == [6, 5]


@pytest.mark.parametrize(("transformer", "n_parameters"), [("additive", 1), ("spline", 23)])
def test_transformers_are_chosen_by_name(transformer, n_parameters):
    for build in (coupling(transformer), autoregressive(transformer)):
        assert build(CONFIG, Generator()).transformer.n_parameters == n_parameters


@pytest.mark.parametrize("from_end", [False, True])
def test_half_of_the_columns_condition_the_others(from_end):
    bijection = coupling("affine", from_end)(LayerConfig(5), Generator())
    assert (bijection.n_conditioning, bijection.from_end) == (2, from_end)


def test_without_inputs_the_parameters_are_learned_directly():
    for build in (coupling("affine"), autoregressive("affine")):
        shapes = [p.shape for p in build(LayerConfig(1), Generator()).parameters()]
        assert shapes == [torch.Size([2])]
