"""ShuffleBuffer: rows that are read in chunks and shuffled in a buffer."""

import pytest
import torch
from torch import Generator

from skflow.training.shuffle_buffer import ShuffleBuffer
from skflow.training.stacked_rows import StackedRows


def numbered_chunks(lengths, seed=0):
    """Chunks for two members in which the value of row i is i, or i + 0.5 for the second."""
    ends = torch.tensor(lengths).cumsum(0)
    for length, end in zip(lengths, ends, strict=True):
        rows = torch.arange(end - length, end, dtype=torch.float32).unsqueeze(1)
        yield StackedRows.stack([rows, rows + 0.5], [torch.ones(length), torch.zeros(length)])


def values(batches):
    return torch.cat([batch.columns[0, 0] for batch in batches])


@pytest.mark.parametrize("lengths", [[10], [5, 5, 5], [3, 9, 1, 1, 30], [7] * 9])
@pytest.mark.parametrize("buffer_size", [1, 10, 1000])
def test_an_epoch_yields_every_row_once(lengths, buffer_size):
    buffer = ShuffleBuffer(lambda seed: numbered_chunks(lengths), buffer_size)
    batches = list(buffer.minibatches(4, Generator().manual_seed(0)))
    assert max(map(len, batches)) <= 4
    assert values(batches).sort().values.tolist() == list(range(sum(lengths)))
    for batch in batches:
        assert (batch.columns[1, 0] % 1 == 0.5).all()
        assert batch.weights[0].all()
        assert not batch.weights[1].any()


def test_half_of_a_full_buffer_is_yielded_before_it_is_refilled():
    read = []

    def chunks(seed):
        for chunk in numbered_chunks([10] * 10):
            read.append(len(chunk))
            yield chunk

    batches = ShuffleBuffer(chunks, 30).minibatches(5, Generator().manual_seed(0))
    assert not read
    seen, held_back = [], 0
    for batch in batches:
        assert sum(read) - len(seen) < 30 + 10  # a full buffer and a chunk
        assert (batch.columns[0, 0] < sum(read)).all()
        seen += batch.columns[0, 0].tolist()
        held_back += int((batch.columns[0, 0] < sum(read) - 30).sum())
    assert seen != sorted(seen)
    assert held_back > 10  # rows from before the last refill


def test_epochs_differ_and_depend_on_the_generator_only():
    seeds = []

    def chunks(seed):
        seeds.append(seed)
        return numbered_chunks([20])

    generator, buffer = Generator().manual_seed(3), ShuffleBuffer(chunks, 100)
    before = torch.random.get_rng_state()
    first, second = (values(buffer.minibatches(5, generator)) for _ in range(2))
    again = values(buffer.minibatches(5, Generator().manual_seed(3)))
    assert not torch.equal(first, second)
    assert torch.equal(first, again)
    assert seeds[0] == seeds[2] != seeds[1]
    assert torch.equal(torch.random.get_rng_state(), before)


def test_the_generator_is_not_used_while_iterating():
    """So that the noise drawn in each step does not change the remaining batches."""
    generator = Generator().manual_seed(0)
    batches = ShuffleBuffer(lambda seed: numbered_chunks([20]), 100).minibatches(5, generator)
    state = generator.get_state()
    list(batches)
    assert torch.equal(generator.get_state(), state)


@pytest.mark.parametrize(("batch_scale", "size"), [(1.5, 6), (0.5, 2), (0.01, 1)])
def test_batches_scale_with_the_size_of_the_shard(batch_scale, size):
    buffer = ShuffleBuffer(lambda seed: numbered_chunks([60]), 100, batch_scale)
    assert {len(b) for b in buffer.minibatches(4, Generator().manual_seed(0))} == {size}
