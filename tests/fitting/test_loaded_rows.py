"""Which rows of a table are held in memory."""

from dataclasses import replace

import numpy as np
import pytest

from skflow.data.nan_policy import HOLES
from skflow.data.sources import MemmapSource
from skflow.fitting.fit_context import FitContext
from skflow.fitting.loaded_rows import load_few_rows, load_rows
from skflow.runtime.process_group import ProcessGroup

FIT = FitContext(seed=0)
TABLE = np.arange(2000.0).reshape(1000, 2)


class RecordingSource(MemmapSource):
    """A source that keeps the indices it was asked for."""

    def __getitem__(self, index):
        self.read = index
        return super().__getitem__(index)


class ShardsOf(ProcessGroup):
    """A process group in which the tables of all processes have `n_all` rows."""

    def __init__(self, n_all):
        self._n_all = n_all

    def count_rows(self, rows):
        return self._n_all


def test_a_short_table_is_held_whole():
    loaded = load_rows(TABLE, None, TABLE[:, :1], 1000, FIT)
    np.testing.assert_array_equal(loaded.rows, TABLE)
    np.testing.assert_array_equal(loaded.context, TABLE[:, :1])
    np.testing.assert_array_equal(loaded.weights, np.ones(1000))
    np.testing.assert_array_equal(loaded.indices, np.arange(1000))
    assert (loaded.max_rows, loaded.n_all) == (1000, 1000)


def test_rows_are_spread_evenly_over_a_long_table():
    """One from each of as many equal segments as there are rows to hold, in order."""
    loaded = load_rows(TABLE, None, None, 50, FIT)
    np.testing.assert_array_equal(loaded.indices // 20, np.arange(50))
    np.testing.assert_array_equal(loaded.rows, TABLE[loaded.indices])
    assert loaded.context is None
    assert len(np.unique(loaded.indices % 20)) > 5  # at random within the segments


def test_rows_are_fixed_by_the_seed():
    loaded, same, other = (
        load_rows(TABLE, None, None, 50, FitContext(seed)).indices for seed in (3, 3, 4)
    )
    np.testing.assert_array_equal(loaded, same)
    assert (loaded != other).any()


def test_context_and_weights_are_those_of_the_rows():
    weights = np.linspace(1, 2, 1000)
    loaded = load_rows(TABLE, weights, -TABLE[:, :1], 50, FIT)
    np.testing.assert_array_equal(loaded.context, -loaded.rows[:, :1])
    np.testing.assert_array_equal(loaded.weights, weights[loaded.indices])


@pytest.mark.parametrize("max_rows", [30, 5000])
def test_rows_of_zero_weight_are_never_read(max_rows):
    weights = np.where(np.arange(1000) % 10 == 3, np.arange(1000.0), 0.0)
    source = RecordingSource(TABLE)
    loaded = load_rows(source, weights, None, max_rows, FIT)
    np.testing.assert_array_equal(source.read % 10, 3)
    np.testing.assert_array_equal(loaded.indices, source.read)
    np.testing.assert_array_equal(loaded.weights, weights[source.read])
    assert len(loaded.rows) == min(max_rows, 100)
    # still spread evenly, over the rows that have a weight
    assert np.diff(loaded.indices).max() <= 2 * 1000 / len(loaded.rows)


@pytest.mark.parametrize(("n_all", "own_max"), [(1000, 60), (3000, 20), (7000, 9)])
def test_a_shard_holds_rows_in_proportion_to_its_length(n_all, own_max):
    loaded = load_rows(TABLE, None, None, 60, FitContext(0, processes=ShardsOf(n_all)))
    assert len(loaded.rows) == own_max
    assert (loaded.max_rows, loaded.n_all) == (own_max, n_all)


def test_few_rows_of_a_source_come_from_several_chunks(tmp_path):
    table = np.memmap(tmp_path / "table", dtype=np.float64, mode="w+", shape=(20_000, 2))
    table[:] = np.arange(20_000)[:, None]
    weights = (np.arange(20_000) % 2).astype(float)
    loaded = load_few_rows(MemmapSource(table), weights, None, FIT)
    assert len(loaded.rows) == loaded.n_all <= 2000 + 250
    assert len(loaded.rows) >= 2000
    assert (loaded.rows[:, 0] == loaded.indices).all()
    assert (loaded.indices % 2 == 1).all()
    assert (loaded.weights == 1).all()
    assert np.ptp(loaded.indices) > 10_000


def test_rows_without_cells_are_left_out():
    table = TABLE.copy()
    table[::10], table[5, 0] = np.nan, np.nan
    rest = np.arange(1000)[np.arange(1000) % 10 > 0]
    weights = 1.0 + np.arange(1000)
    for given in (table, MemmapSource(table)):
        if given is not table:
            given.nan = HOLES
        loaded = load_rows(given, weights, None, 1000, FIT)
        assert loaded.n_empty == 100
        np.testing.assert_array_equal(loaded.rows, table[rest])
        np.testing.assert_array_equal(loaded.weights, weights[rest])
        np.testing.assert_array_equal(loaded.indices, rest)
        few = load_few_rows(given, weights, None, FIT)
        np.testing.assert_array_equal(few.rows, table[few.indices])
        assert sorted(few.indices) == rest.tolist()
    with_context = load_rows(table, None, TABLE[:, :1], 1000, FIT)
    np.testing.assert_array_equal(with_context.context, TABLE[rest, :1])


def test_too_few_rows_with_cells_in_all_processes():
    table = np.full((3, 2), np.nan)
    table[1] = 1.0
    with pytest.raises(ValueError, match=r"1 sample\(s\) with an observed cell"):
        load_rows(table, None, None, 10, FIT)

    class Two(ProcessGroup):
        def all_gather(self, value):
            return [value, (0, 3) if isinstance(value, tuple) else value]

    two = replace(FIT, processes=Two())
    assert len(load_rows(table, None, None, 10, two).rows) == 1
