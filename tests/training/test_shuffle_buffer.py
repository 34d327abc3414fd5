"""Rows that come in chunks, and are shuffled in a buffer."""

import pytest
import torch
from torch import Generator

from skflow.training.batches import StackedRows
from skflow.training.shuffle_buffer import ShuffleBuffer


def numbered_chunks(lengths, seed=0):
    """Chunks of rows that are their numbers, for two members."""
    ends = torch.tensor(lengths).cumsum(0)
    for length, end in zip(lengths, ends, strict=True):
        rows = torch.arange(end - length, end, dtype=torch.float32).unsqueeze(1)
        yield StackedRows.stack([rows, rows + 0.5], [torch.ones(length), torch.zeros(length)])


def numbers(batches):
    return torch.cat([batch.columns[0, 0] for batch in batches])


@pytest.mark.parametrize("lengths", [[10], [5, 5, 5], [3, 9, 1, 1, 30], [7] * 9])
@pytest.mark.parametrize("n_buffer", [1, 10, 1000])
def test_an_epoch_has_every_row_once(lengths, n_buffer):
    stream = ShuffleBuffer(lambda seed: numbered_chunks(lengths), n_buffer)
    batches = list(stream.minibatches(4, Generator().manual_seed(0)))
    assert max(map(len, batches)) <= 4
    assert numbers(batches).sort().values.tolist() == list(range(sum(lengths)))
    for batch in batches:
        assert (batch.columns[1, 0] % 1 == 0.5).all()
        assert batch.weights[0].all()
        assert not batch.weights[1].any()


def test_half_of_a_full_buffer_is_dealt_out():
    read = []

    def chunks(seed):
        for chunk in numbered_chunks([10] * 10):
            read.append(len(chunk))
            yield chunk

    batches = ShuffleBuffer(chunks, 30).minibatches(5, Generator().manual_seed(0))
    assert not read
    seen, held_back = [], 0
    for batch in batches:
        assert sum(read) - len(seen) < 30 + 10  # a full buffer, and a chunk
        assert (batch.columns[0, 0] < sum(read)).all()
        seen += batch.columns[0, 0].tolist()
        held_back += int((batch.columns[0, 0] < sum(read) - 30).sum())
    assert seen != sorted(seen)
    assert held_back > 10  # rows that were there before the last filling


def test_epochs_differ_and_depend_on_their_generator_only():
    seeds = []

    def chunks(seed):
        seeds.append(seed)
        return numbered_chunks([20])

    generator, stream = Generator().manual_seed(3), ShuffleBuffer(chunks, 100)
    before = torch.random.get_rng_state()
    first, second = (numbers(stream.minibatches(5, generator)) for _ in range(2))
    again = numbers(stream.minibatches(5, Generator().manual_seed(3)))
    assert not torch.equal(first, second)
    assert torch.equal(first, again)
    assert seeds[0] == seeds[2] != seeds[1]
    assert torch.equal(torch.random.get_rng_state(), before)


def test_what_is_drawn_is_drawn_at_once():
    """So that the noise of the steps between cannot change the batches to come."""
    generator = Generator().manual_seed(0)
    batches = ShuffleBuffer(lambda seed: numbered_chunks([20]), 100).minibatches(5, generator)
    state = generator.get_state()
    list(batches)
    assert torch.equal(generator.get_state(), state)


@pytest.mark.parametrize(("share", "size"), [(1.5, 6), (0.5, 2), (0.01, 1)])
def test_a_large_shard_has_large_batches(share, size):
    stream = ShuffleBuffer(lambda seed: numbered_chunks([60]), 100, share)
    assert {len(b) for b in stream.minibatches(4, Generator().manual_seed(0))} == {size}
