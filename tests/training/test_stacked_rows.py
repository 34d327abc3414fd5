"""StackedRows: the rows of several ensemble members, shuffled and split into batches."""

import pytest
import torch
from torch import Generator

from skflow.training.stacked_rows import StackedRows


def stack(sizes, with_context=False):
    """Member k's row i is (100 k + i, −i), with weight i + 1 and context i."""
    rows = [torch.tensor([[100.0 * k + i, -i] for i in range(n)]) for k, n in enumerate(sizes)]
    weights = [torch.arange(n) + 1.0 for n in sizes]
    context = [torch.arange(n)[:, None] * 1.0 for n in sizes] if with_context else None
    return StackedRows.stack(rows, weights, context), rows, weights


def test_rows_of_each_member_are_padded_with_rows_of_weight_zero():
    stacked, rows, weights = stack([5, 3, 1], with_context=True)
    assert stacked.columns.shape == (3, 2, 5)
    assert stacked.context.shape == (3, 1, 5)
    assert len(stacked) == 5
    for k, n in enumerate([5, 3, 1]):
        assert torch.equal(stacked.columns[k, :, :n].T, rows[k])
        assert torch.equal(stacked.weights[k, :n], weights[k])
        assert not stacked.weights[k, n:].any()
        # padding repeats a valid row, so that its log p is finite
        assert torch.equal(stacked.columns[k, :, n:], rows[k][:1].T.expand(2, 5 - n))


@pytest.mark.parametrize(("n", "size"), [(10, 3), (10, 10), (10, 100), (7, 1), (512, 256)])
def test_minibatches_have_every_row_once_and_nearly_equal_sizes(n, size):
    stacked, *_ = stack([n, max(1, n - 2)], with_context=True)
    batches = list(stacked.minibatches(size, Generator().manual_seed(0)))
    sizes = [len(batch) for batch in batches]
    assert len(sizes) == -(-n // size)
    assert max(sizes) <= size
    assert max(sizes) - min(sizes) <= 1
    seen = torch.cat([b.columns for b in batches], dim=-1)
    weights = torch.cat([b.weights for b in batches], dim=-1)
    context = torch.cat([b.context for b in batches], dim=-1)
    for k in range(2):
        order = seen[k, 0].argsort(stable=True)
        assert torch.equal(seen[k, 0][order], stacked.columns[k, 0].sort().values)
        assert torch.equal(weights[k].sort().values, stacked.weights[k].sort().values)
        assert torch.equal(context[k, 0], -seen[k, 1])  # as in each row
        positive = weights[k] > 0
        assert torch.equal(weights[k][positive], context[k, 0][positive] + 1)


def test_members_are_shuffled_independently_and_anew_in_each_epoch():
    stacked, *_ = stack([50, 50])
    generator = Generator().manual_seed(0)
    first, second = (next(stacked.minibatches(50, generator)) for _ in range(2))
    assert not torch.equal(first.columns[0, 1], first.columns[1, 1])
    assert not torch.equal(first.columns, second.columns)


def test_minibatches_use_their_generator_only():
    stacked, *_ = stack([20, 20])
    before = torch.random.get_rng_state()
    one, two = (
        torch.cat([b.columns for b in stacked.minibatches(7, Generator().manual_seed(3))], -1)
        for _ in range(2)
    )
    assert torch.equal(one, two)
    assert torch.equal(torch.random.get_rng_state(), before)


def test_blocks_hold_the_rows_in_order():
    stacked, *_ = stack([10, 8], with_context=True)
    blocks = list(stacked.blocks(4))
    assert [len(b) for b in blocks] == [4, 4, 2]
    for name in ("columns", "weights", "context"):
        together = torch.cat([getattr(b, name) for b in blocks], dim=-1)
        assert torch.equal(together, getattr(stacked, name))


def test_to_moves_columns_weights_and_context():
    moved = stack([3, 2], with_context=True)[0].to(torch.device("meta"))
    assert {t.device.type for t in (moved.columns, moved.weights, moved.context)} == {"meta"}
