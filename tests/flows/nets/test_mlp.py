"""Conditioner networks: dense layers, dropout and multilayer perceptrons."""

import pytest
import torch
from torch import Generator

from skflow.flows.nets.mlp import ACTIVATIONS, MLP, Constant, Dense, Dropout


def inputs(*shape, seed=1):
    return torch.randn(*shape, generator=Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize("shared_rows", [True, False])
def test_stacked_dense_layers_compute_what_each_does_alone(shared_rows):
    layers = [Dense(inputs(4, 3, seed=k), inputs(4, seed=k + 9)) for k in range(3)]
    x = inputs(3, 6) if shared_rows else inputs(3, 3, 6)
    stacked = Dense(
        torch.stack([layer.weight.data for layer in layers]),
        torch.stack([layer.bias.data for layer in layers]),
    )
    result = stacked(x)
    for k, layer in enumerate(layers):
        expected = layer.weight @ (x if shared_rows else x[k]) + layer.bias[:, None]
        torch.testing.assert_close(result[k], expected)


def test_dense_uses_only_the_weights_of_its_mask():
    layer = Dense(torch.ones(2, 3), torch.zeros(2))
    layer.set_mask(torch.tensor([[True, False, False], [True, True, False]]))
    out = layer(torch.tensor([[1.0], [10.0], [100.0]]))
    assert out.tolist() == [[1.0], [11.0]]
    out.sum().backward()
    assert layer.weight.grad.tolist() == [[1, 0, 0], [1, 10, 0]]


def test_dense_without_inputs_is_its_bias():
    layer = Dense(torch.zeros(2, 0), torch.tensor([1.0, 2.0]))
    assert layer(torch.zeros(0, 5)).tolist() == [[1.0] * 5, [2.0] * 5]


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_mlp_is_initially_zero_and_learns(activation):
    net = MLP(3, 4, (8, 8), activation, 0.0, Generator().manual_seed(0))
    x = inputs(3, 20).float()
    assert not net(x).any()
    (net(x) - 1).square().sum().backward()
    assert net.output.weight.grad.abs().max() > 0


def test_mlp_layers_of_equal_size_are_residual():
    net = MLP(2, 3, (4, 4), "tanh", 0.0, Generator().manual_seed(0))
    torch.nn.init.normal_(net.output.weight, generator=Generator().manual_seed(1))
    x = inputs(2, 5).float()
    first = net.hidden[0](x).tanh()
    expected = net.output(first + net.hidden[1](first).tanh())
    torch.testing.assert_close(net(x), expected)


def test_one_seed_one_network():
    one, two, other = (
        MLP(3, 2, (8,), "silu", 0.0, Generator().manual_seed(seed)).hidden[0].weight
        for seed in (0, 0, 1)
    )
    assert torch.equal(one, two)
    assert not torch.equal(one, other)


def test_dropout_draws_from_its_own_generator_only():
    generator = Generator().manual_seed(0)
    dropout = Dropout(0.3, generator)
    units = torch.ones(200, 200)
    before, own = torch.random.get_rng_state(), generator.get_state()
    dropped = dropout(units)
    assert torch.equal(torch.random.get_rng_state(), before)
    assert not torch.equal(generator.get_state(), own)
    torch.testing.assert_close(dropped.unique(), torch.tensor([0, 256 / (256 - 77)]))
    assert float((dropped == 0).float().mean()) == pytest.approx(0.3, abs=0.01)
    generator.set_state(own)
    assert torch.equal(dropout(units), dropped)


@pytest.mark.parametrize(("rate", "training"), [(0.3, False), (0.0, True)])
def test_inactive_dropout_draws_no_random_numbers(rate, training):
    generator = Generator().manual_seed(0)
    units, before = torch.ones(4, 4), generator.get_state()
    assert torch.equal(Dropout(rate, generator).train(training)(units), units)
    assert torch.equal(generator.get_state(), before)


def test_dropout_of_a_network_is_active_in_training_only():
    net = MLP(2, 2, (32,), "silu", 0.5, Generator().manual_seed(0))
    torch.nn.init.ones_(net.output.weight)
    x = inputs(2, 10).float()
    assert not torch.equal(net(x), net(x))
    net.eval()
    assert torch.equal(net(x), net(x))


def test_constant_repeats_its_parameter_for_every_row():
    constant = Constant(torch.tensor([1.0, 2.0, 3.0]))
    out = constant(torch.empty(0, 4))
    assert torch.equal(out, torch.tensor([1.0, 2.0, 3.0])[:, None].expand(3, 4))
    out.sum().backward()
    assert constant.value.grad.tolist() == [4, 4, 4]
    assert torch.equal(constant.incremental_forward(3, torch.empty(0, 4))([]), out)
