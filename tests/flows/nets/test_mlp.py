"""Conditioner networks: who sees whom, column by column, and their random numbers."""

import copy

import pytest
import torch
from torch import Generator

from skflow.flows.nets.masked_mlp import MaskedMLP
from skflow.flows.nets.mlp import ACTIVATIONS, MLP, Constant, Dense, Dropout

SIZES = [  # columns, context, hidden layers
    (1, 2, (8,)),
    (2, 0, (8, 8)),
    (3, 2, (16, 16, 16)),
    (5, 0, (2,)),
    (5, 1, (3, 3)),
    (6, 2, (1,)),
    (6, 0, (12, 7, 7)),
    (4, 3, (9, 17)),
]
N_PARAMETERS = 3


def masked(n_columns, n_context, hidden, seed=0, activation="silu"):
    """A masked MLP with all parameters, the zero output's too, at random values."""
    generator = Generator().manual_seed(seed)
    net = MaskedMLP(n_columns, n_context, N_PARAMETERS, hidden, activation, 0.0, generator)
    for p in net.parameters():
        p.data = torch.randn(p.shape, generator=generator)
    return net.double()


def inputs(*shape, seed=1):
    return torch.randn(*shape, generator=Generator().manual_seed(seed), dtype=torch.float64)


def jacobian(net, n_columns, n_context):
    """(parameter, output column, input)."""
    x = inputs(n_columns + n_context)
    full = torch.autograd.functional.jacobian(lambda v: net(v[:, None])[:, 0], x)
    return full.unflatten(0, (N_PARAMETERS, n_columns))


@pytest.mark.parametrize(("n_columns", "n_context", "hidden"), SIZES)
def test_no_column_sees_itself_or_a_later_one(n_columns, n_context, hidden):
    seen = jacobian(masked(n_columns, n_context, hidden), n_columns, n_context)
    for j in range(n_columns):
        assert not seen[:, j, j:n_columns].any()
        if n_context:
            assert (seen[:, j, n_columns:] != 0).all()


@pytest.mark.parametrize("hidden", [(5,), (16, 16), (7, 16)])
@pytest.mark.parametrize("n_context", [0, 2])
def test_a_column_sees_all_columns_before_it_where_units_suffice(hidden, n_context):
    seen = jacobian(masked(5, n_context, hidden, activation="tanh"), 5, n_context)
    for j in range(5):
        assert (seen[:, j, :j] != 0).all()


@pytest.mark.parametrize(("n_columns", "n_context", "hidden"), SIZES)
@pytest.mark.parametrize("gradients", [False, True])
def test_sweep_is_the_full_pass_column_by_column(n_columns, n_context, hidden, gradients):
    net = masked(n_columns, n_context, hidden)
    x = 3 * inputs(n_columns + n_context, 11)  # some beyond the reach of ±5
    expected = net(x).unflatten(0, (N_PARAMETERS, n_columns))
    with torch.set_grad_enabled(gradients):
        next_column = net.sweep(N_PARAMETERS, x[n_columns:])
        columns = [x[j : j + 1] for j in range(n_columns)]
        found = [next_column(columns[:j]) for j in range(n_columns)]
    torch.testing.assert_close(torch.stack(found, dim=1), expected)
    assert found[-1].requires_grad == gradients


def test_sweep_of_stacked_members_is_that_of_each():
    nets = [masked(4, 1, (6, 6), seed) for seed in range(3)]
    both = stacked(nets)
    x = inputs(3, 5, 7)
    next_column = both.sweep(N_PARAMETERS, x[:, 4:])
    known = []
    for j in range(4):
        raw = next_column(known)
        for k, net in enumerate(nets):
            expected = net(x[k]).unflatten(0, (N_PARAMETERS, 4))[:, j]
            torch.testing.assert_close(raw[k], expected)
        known.append(x[:, j : j + 1])


@pytest.mark.parametrize("members", [1, 3])
@pytest.mark.parametrize("shared_rows", [True, False])
@pytest.mark.parametrize(("n_columns", "n_context", "hidden"), [(40, 0, (24, 24)), (17, 2, (3,))])
def test_blocks_are_the_full_pass(n_columns, n_context, hidden, shared_rows, members):
    nets = [masked(n_columns, n_context, hidden, seed) for seed in range(members)]
    net = stacked(nets) if members > 1 else nets[0]
    rows = (11,) if shared_rows else (members, 11)
    x = inputs(*rows[:-1], n_columns + n_context, 11).requires_grad_()
    blocks = net.by_blocks(x, N_PARAMETERS)
    assert [block.shape[-2] for block in blocks] == ([13, 13, 14] if n_columns == 40 else [8, 9])
    found = torch.cat(blocks, dim=-2)
    expected = net(x).unflatten(-2, (N_PARAMETERS, n_columns))
    torch.testing.assert_close(found, expected)
    towards = inputs(*expected.shape, seed=5)
    by, of = (
        torch.autograd.grad((towards * out).sum(), [x, *net.parameters()])
        for out in (found, expected)
    )
    torch.testing.assert_close(by, of)


def test_elsewhere_than_on_a_cpu_there_is_one_block():
    net = masked(40, 0, (8,)).to("meta")
    assert len(net.by_blocks(inputs(40, 5).to("meta"), N_PARAMETERS)) == 1


def stacked(nets):
    """One network whose parameters carry a leading axis, one slice a network."""
    result = copy.deepcopy(nets[0])
    for name, _ in nets[0].named_parameters():
        owner, _, key = name.rpartition(".")
        together = torch.stack([net.get_parameter(name).data for net in nets])
        result.get_submodule(owner)._parameters[key] = torch.nn.Parameter(together)
    return result


@pytest.mark.parametrize("with_rows_of_their_own", [True, False])
def test_stacked_dense_layers_are_each_of_them(with_rows_of_their_own):
    layers = [Dense(inputs(4, 3, seed=k), inputs(4, seed=k + 9)) for k in range(3)]
    x = inputs(3, 3, 6) if with_rows_of_their_own else inputs(3, 6)
    result = stacked(layers)(x)
    for k, layer in enumerate(layers):
        expected = layer.weight @ (x[k] if with_rows_of_their_own else x) + layer.bias[:, None]
        torch.testing.assert_close(result[k], expected)


def test_dense_uses_only_the_weights_allowed():
    layer = Dense(torch.ones(2, 3), torch.zeros(2))
    layer.mask(torch.tensor([[True, False, False], [True, True, False]]))
    out = layer(torch.tensor([[1.0], [10.0], [100.0]]))
    assert out.tolist() == [[1.0], [11.0]]
    out.sum().backward()
    assert layer.weight.grad.tolist() == [[1, 0, 0], [1, 10, 0]]


def test_dense_without_inputs_is_its_bias():
    layer = Dense(torch.zeros(2, 0), torch.tensor([1.0, 2.0]))
    assert layer(torch.zeros(0, 5)).tolist() == [[1.0] * 5, [2.0] * 5]


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_mlp_starts_at_zero_and_learns(activation):
    net = MLP(3, 4, (8, 8), activation, 0.0, Generator().manual_seed(0))
    x = inputs(3, 20).float()
    assert not net(x).any()
    (net(x) - 1).square().sum().backward()
    assert net.output.weight.grad.abs().max() > 0


def test_mlp_layers_of_equal_width_add_to_the_one_before():
    net = MLP(2, 3, (4, 4), "tanh", 0.0, Generator().manual_seed(0))
    torch.nn.init.normal_(net.output.weight, generator=Generator().manual_seed(1))
    x = inputs(2, 5).float()
    first = net.hidden[0](x).tanh()
    expected = net.output(first + net.hidden[1](first).tanh())
    torch.testing.assert_close(net(x), expected)


def test_far_outliers_steer_as_those_at_the_reach():
    net = masked(3, 1, (8,))
    x = inputs(4, 1)
    x[0], x[3] = 5.0, -5.0
    far = x.clone()
    far[0], far[3] = 1e15, -1e15
    assert torch.equal(net(far), net(x))


def test_same_generator_same_network():
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
def test_dropout_at_rest_draws_nothing(rate, training):
    generator = Generator().manual_seed(0)
    units, before = torch.ones(4, 4), generator.get_state()
    assert torch.equal(Dropout(rate, generator).train(training)(units), units)
    assert torch.equal(generator.get_state(), before)


def test_dropout_in_a_network_acts_in_training_only():
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
    assert torch.equal(constant.sweep(3, torch.empty(0, 4))([]), out)
