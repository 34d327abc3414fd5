"""Velocity fields: values, exact divergences, and dropout."""

import pytest
import torch
from torch import Generator

from skflow.flows.nets.mlp import ACTIVATIONS
from skflow.flows.nets.velocity_field import VALUE_AND_SLOPE, VelocityField


def normal(*shape, seed=0):
    return torch.randn(*shape, generator=Generator().manual_seed(seed), dtype=torch.float64)


def velocity(d=3, n_context=0, sizes=(8, 8), activation="silu", dropout=0.0, seed=0):
    """A network in float64, with parameters moved away from the initial output 0."""
    generator = Generator().manual_seed(seed)
    net = VelocityField(d, n_context, sizes, activation, dropout, generator).double()
    for p in net.parameters():
        p.data += 0.5 * torch.randn(p.shape, generator=generator, dtype=p.dtype)
    return net


def jacobians(net, columns, time, context=None):
    """Autograd's Jacobian at every row, (n, d, d)."""

    def one(row, row_context):
        return net(row[:, None], row.new_tensor([time]), row_context).squeeze(-1)

    rows = columns.mT
    contexts = [None] * len(rows) if context is None else context.unsqueeze(1)
    return torch.stack(
        [
            torch.autograd.functional.jacobian(lambda v, c=c: one(v, c), row)
            for row, c in zip(rows, contexts, strict=True)
        ]
    )


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_slopes_are_the_derivatives_of_the_activations(activation):
    x = torch.linspace(-30, 30, 2001, dtype=torch.float64).requires_grad_()
    expected = ACTIVATIONS[activation](x)
    value, slope = VALUE_AND_SLOPE[activation](x)
    torch.testing.assert_close(value, expected)
    torch.testing.assert_close(slope, torch.autograd.grad(expected.sum(), x)[0])


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("sizes", [(8,), (8, 8), (8, 5), (8, 8, 8), (6, 8, 8, 4)], ids=str)
def test_divergence_is_the_trace_of_autograds_jacobian(sizes, activation):
    net, columns = velocity(sizes=sizes, activation=activation), 2 * normal(3, 10, seed=1)
    velocities, divergence = net.field(columns)(columns, 0.3)
    expected = jacobians(net, columns, 0.3)
    torch.testing.assert_close(divergence, expected.diagonal(dim1=1, dim2=2).sum(1))
    torch.testing.assert_close(velocities, net(columns, columns.new_full((10,), 0.3)))


def test_divergence_with_a_context():
    net, columns, context = velocity(n_context=2), normal(3, 10, seed=1), normal(10, 2, seed=2)
    _, divergence = net.field(columns, context)(columns, 0.7)
    expected = jacobians(net, columns, 0.7, context)
    torch.testing.assert_close(divergence, expected.diagonal(dim1=1, dim2=2).sum(1))


@pytest.mark.parametrize("sizes", [(8,), (8, 8), (8, 8, 8)], ids=str)
def test_dropout_masks_are_drawn_once_for_a_trajectory(sizes):
    net, columns = velocity(sizes=sizes, dropout=0.5), normal(3, 10, seed=1)
    field = net.field(columns)
    for first, second in zip(field(columns, 0.5), field(columns, 0.5), strict=True):
        assert torch.equal(first, second)
    other = net.field(columns)(columns, 0.5)
    assert not torch.equal(other[0], field(columns, 0.5)[0])
    step = 1e-6  # the divergence is that of the field with these masks
    diagonal = [
        (field(columns + step * e, 0.5)[0] - field(columns - step * e, 0.5)[0])[j] / (2 * step)
        for j, e in enumerate(torch.eye(3, dtype=torch.float64).unsqueeze(-1))
    ]
    torch.testing.assert_close(field(columns, 0.5)[1], sum(diagonal), rtol=1e-6, atol=1e-6)


def test_is_initially_zero():
    net = VelocityField(3, 2, (8, 8), "silu", 0.0, Generator().manual_seed(0)).double()
    columns, context = normal(3, 10), normal(10, 2)
    velocities, divergence = net.field(columns, context)(columns, 0.5)
    assert (velocities == 0).all()
    assert (divergence == 0).all()


def test_is_bounded_far_out_with_zero_divergence():
    net = velocity()
    columns = normal(3, 50)
    far = net.field(columns)(1e8 * columns, 0.5)
    farther = net.field(columns)(1e12 * columns, 0.5)
    torch.testing.assert_close(far[0], farther[0])
    assert (far[1] == 0).all()
    assert (far[0].abs() < 100).all()


def test_depends_on_the_time():
    net, columns = velocity(), normal(3, 10)
    times = torch.tensor([0.0, 0.01, 0.25, 0.5, 1.0], dtype=torch.float64)
    velocities = torch.stack([net(columns, t.expand(10)) for t in times])
    for k in range(len(times)):
        for j in range(k):
            assert (velocities[k] - velocities[j]).abs().max() > 1e-3
