"""The masked network: which outputs depend on which columns, in blocks and incrementally."""

import copy

import pytest
import torch
from torch import Generator

from skflow.flows.nets.masked_mlp import MaskedMLP

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
    """A masked MLP with random values of all parameters, those of the zero output too."""
    generator = Generator().manual_seed(seed)
    net = MaskedMLP(n_columns, n_context, N_PARAMETERS, hidden, activation, 0.0, generator)
    for p in net.parameters():
        p.data = torch.randn(p.shape, generator=generator)
    return net.double()


def stacked(nets):
    """One network whose parameters have a leading axis with one slice per network."""
    result = copy.deepcopy(nets[0])
    for name, _ in nets[0].named_parameters():
        owner, _, key = name.rpartition(".")
        values = torch.stack([net.get_parameter(name).data for net in nets])
        result.get_submodule(owner)._parameters[key] = torch.nn.Parameter(values)
    return result


def inputs(*shape, seed=1):
    return torch.randn(*shape, generator=Generator().manual_seed(seed), dtype=torch.float64)


def jacobian(net, n_columns, n_context):
    """(parameter, output column, input)."""
    x = inputs(n_columns + n_context)
    full = torch.autograd.functional.jacobian(lambda v: net(v[:, None])[:, 0], x)
    return full.unflatten(0, (N_PARAMETERS, n_columns))


@pytest.mark.parametrize(("n_columns", "n_context", "hidden"), SIZES)
def test_no_column_depends_on_itself_or_a_later_one(n_columns, n_context, hidden):
    derivatives = jacobian(masked(n_columns, n_context, hidden), n_columns, n_context)
    for j in range(n_columns):
        assert not derivatives[:, j, j:n_columns].any()
        if n_context:
            assert (derivatives[:, j, n_columns:] != 0).all()


@pytest.mark.parametrize("hidden", [(5,), (16, 16), (7, 16)])
@pytest.mark.parametrize("n_context", [0, 2])
def test_a_column_depends_on_all_before_it_if_there_are_enough_units(hidden, n_context):
    derivatives = jacobian(masked(5, n_context, hidden, activation="tanh"), 5, n_context)
    for j in range(5):
        assert (derivatives[:, j, :j] != 0).all()


@pytest.mark.parametrize(("n_columns", "n_context", "hidden"), SIZES)
@pytest.mark.parametrize("gradients", [False, True])
def test_incremental_forward_equals_forward(n_columns, n_context, hidden, gradients):
    net = masked(n_columns, n_context, hidden)
    x = 3 * inputs(n_columns + n_context, 11)  # some beyond the bound of ±5
    expected = net(x).unflatten(0, (N_PARAMETERS, n_columns))
    with torch.set_grad_enabled(gradients):
        next_column = net.incremental_forward(N_PARAMETERS, x[n_columns:])
        columns = [x[j : j + 1] for j in range(n_columns)]
        found = [next_column(columns[:j]) for j in range(n_columns)]
    torch.testing.assert_close(torch.stack(found, dim=1), expected)
    assert found[-1].requires_grad == gradients


def test_incremental_forward_of_stacked_networks_equals_that_of_each():
    nets = [masked(4, 1, (6, 6), seed) for seed in range(3)]
    x = inputs(3, 5, 7)
    next_column = stacked(nets).incremental_forward(N_PARAMETERS, x[:, 4:])
    previous = []
    for j in range(4):
        raw = next_column(previous)
        for k, net in enumerate(nets):
            expected = net(x[k]).unflatten(0, (N_PARAMETERS, 4))[:, j]
            torch.testing.assert_close(raw[k], expected)
        previous.append(x[:, j : j + 1])


@pytest.mark.parametrize("members", [1, 3])
@pytest.mark.parametrize("shared_rows", [True, False])
@pytest.mark.parametrize(("n_columns", "n_context", "hidden"), [(40, 0, (24, 24)), (17, 2, (3,))])
def test_blockwise_forward_equals_forward(n_columns, n_context, hidden, shared_rows, members):
    nets = [masked(n_columns, n_context, hidden, seed) for seed in range(members)]
    net = stacked(nets) if members > 1 else nets[0]
    rows = (11,) if shared_rows else (members, 11)
    x = inputs(*rows[:-1], n_columns + n_context, 11).requires_grad_()
    blocks = net.blockwise_forward(x, N_PARAMETERS)
    assert [block.shape[-2] for block in blocks] == ([13, 13, 14] if n_columns == 40 else [8, 9])
    found = torch.cat(blocks, dim=-2)
    expected = net(x).unflatten(-2, (N_PARAMETERS, n_columns))
    torch.testing.assert_close(found, expected)
    g_outputs = inputs(*expected.shape, seed=5)
    gradients, expected_gradients = (
        torch.autograd.grad((g_outputs * out).sum(), [x, *net.parameters()])
        for out in (found, expected)
    )
    torch.testing.assert_close(gradients, expected_gradients)


def test_there_is_one_block_on_other_devices_than_the_cpu():
    net = masked(40, 0, (8,)).to("meta")
    assert len(net.blockwise_forward(inputs(40, 5).to("meta"), N_PARAMETERS)) == 1


def test_inputs_beyond_the_bound_act_like_those_at_the_bound():
    net = masked(3, 1, (8,))
    x = inputs(4, 1)
    x[0], x[3] = 5.0, -5.0
    outlying = x.clone()
    outlying[0], outlying[3] = 1e15, -1e15
    assert torch.equal(net(outlying), net(x))
