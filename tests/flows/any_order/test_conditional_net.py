"""Networks of conditionals: what they see, and one column's outputs alone."""

import numpy as np
import pytest
import torch

from skflow.flows.any_order.conditional_net import NetInputs
from tests.flows.any_order.examples import CATEGORY, MIXED, columns_of, random_net, tensor

COLUMNS = columns_of(*MIXED)
N = 6


def inputs(seed=0):
    rng = np.random.default_rng(seed)
    known = torch.from_numpy(rng.random((8, N)) < 0.5).double()
    state = torch.from_numpy(rng.integers(0, 3, (8, N))).double()
    filled, residuals = torch.from_numpy(rng.normal(size=(2, 8, N)))
    return NetInputs(filled, residuals, known, state)


def test_outputs_of_one_column_are_rows_of_all():
    net = random_net(COLUMNS)
    hidden = net.hidden(inputs(), None)
    outputs = net.outputs(hidden)
    numbers = [j for j in range(8) if COLUMNS.has_continuum[j]]
    with_atoms = [j for j in range(8) if COLUMNS.n_atoms[j]]
    assert outputs.shift.shape == (6, N)
    assert outputs.logits.shape == (4, 4, N)
    for j in range(8):
        own = net.outputs_of(j, hidden)
        k = [numbers.index(j)] if j in numbers else []
        for name in ("shift", "log_scale", "raw"):
            np.testing.assert_allclose(
                getattr(own, name), getattr(outputs, name)[..., k, :], rtol=1e-12
            )
        k = [with_atoms.index(j)] if j in with_atoms else []
        np.testing.assert_allclose(own.logits, outputs.logits[..., k, :], rtol=1e-12)


@pytest.mark.parametrize("field", ["filled", "known", "state"])
def test_it_sees_every_input(field):
    net = random_net(COLUMNS)
    before = net.hidden(inputs(), None)
    own = inputs()
    changed = getattr(own, field).clone()
    changed[1] = {"filled": 0.5, "known": 1.0, "state": 1.0}[field]
    after = net.hidden(NetInputs(**{**vars(own), field: changed}), None)
    row = getattr(own, field)[1] != changed[1]
    if field == "state":
        row &= own.known[1] > 0
    assert bool((before != after).any(0)[row].all())
    np.testing.assert_allclose(before[:, ~row], after[:, ~row], rtol=1e-12)


def test_states_of_unknown_cells_are_not_seen():
    net = random_net(columns_of(CATEGORY))
    known, state = torch.zeros(1, 3).double(), tensor([[1.0, 2.0, 3.0]])
    units = net.hidden(NetInputs(*torch.zeros(2, 1, 3).double(), known, state), None)
    np.testing.assert_allclose(units[:, 0], units[:, 2], rtol=1e-12)
    units = net.hidden(NetInputs(*torch.zeros(2, 1, 3).double(), 1 - known, state), None)
    assert float((units[:, 0] - units[:, 2]).abs().max()) > 0.01


def test_scales_are_bounded():
    net = random_net(COLUMNS, size=1e6)
    log_scale = net.outputs(net.hidden(inputs(), None)).log_scale
    assert float(log_scale.abs().max()) <= 12


def test_the_context_is_seen():
    net = random_net(COLUMNS, n_context=2)
    context = torch.zeros(N, 2).double()
    before = net.hidden(inputs(), context)
    context[2, 1] = 1
    changed = (net.hidden(inputs(), context) != before).any(0)
    assert changed.tolist() == [k == 2 for k in range(N)]
