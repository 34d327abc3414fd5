"""Tables that are read in chunks: the rows, fits and scores are those of an array."""

import subprocess
import sys

import dask
import dask.array
import dask.dataframe
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.dataset
import pyarrow.parquet
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skflow import NormalizingFlowOutlierDetector
from skflow.data import sources
from skflow.data.nan_policy import HOLES
from skflow.data.sources import in_blocks, rows_with_cells, source_of

NAMES = ["east", "north"]


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch):
    """Chunks so small that the tables of these tests have several."""
    monkeypatch.setattr(sources, "_CHUNK_SIZE", 64)
    with dask.config.set(scheduler="synchronous"):
        yield


def written(X, folder):
    """A folder of two Parquet files of different lengths."""
    for k, rows in enumerate(np.split(X, [len(X) // 3])):
        table = pa.table(dict(zip(NAMES, rows.T, strict=True)))
        pyarrow.parquet.write_table(table, folder / f"{k}.parquet", row_group_size=50)
    return folder


def mapped(X, folder, dtype=np.float64):
    np.save(folder / "X.npy", np.asarray(X, dtype, order="F"))
    return np.load(folder / "X.npy", mmap_mode="r")


def frame(X):
    return pd.DataFrame(X, columns=NAMES)


def unknown_lengths(X):
    array = dask.array.from_array(X, chunks=(70, 1))
    return array[array[:, 0] < np.inf]


SOURCES = {
    "memory map": mapped,
    "path": lambda X, folder: str(written(X, folder)),
    "data set": lambda X, folder: pyarrow.dataset.dataset(written(X, folder)),
    "dask array": lambda X, folder: dask.array.from_array(X, chunks=(70, 1)),
    "dask array of unknown length": lambda X, folder: unknown_lengths(X),
    "dask frame": lambda X, folder: dask.dataframe.from_pandas(frame(X), npartitions=4),
}


@pytest.fixture(params=SOURCES)
def table(request, moons, tmp_path):
    return SOURCES[request.param](moons, tmp_path)


def assert_same(scores, expected):
    """Equal up to rounding, which depends on the block sizes of matrix products."""
    np.testing.assert_allclose(np.asarray(scores), expected, rtol=1e-11)


def test_a_source_reads_the_rows_of_the_table(table, moons):
    source = source_of(table)
    assert source.shape == (len(source), 2) == moons.shape
    np.testing.assert_array_equal(np.concatenate(list(source.chunks())), moons)
    blocks = list(in_blocks(source, 48))
    assert max(map(len, blocks)) <= 48 < max(map(len, source.chunks()))
    np.testing.assert_array_equal(np.concatenate(blocks), moons)
    for start, chunk in source.enumerate_chunks(np.random.default_rng(0)):
        np.testing.assert_array_equal(chunk, moons[start : start + len(chunk)])
    for indices in ([0], [299], [0, 99, 100, 101, 299], range(300), [5, 5, 200]):
        rows = source[np.array(indices)]
        np.testing.assert_array_equal(rows, moons[indices])
        assert rows.flags.c_contiguous
        assert type(rows) is np.ndarray


@settings(max_examples=50, deadline=None)
@given(st.data())
def test_rows_by_index_from_any_partitions(data):
    lengths = data.draw(st.lists(st.integers(0, 5), min_size=1, max_size=6))
    X = np.arange(2.0 * sum(lengths)).reshape(-1, 2)
    indices = data.draw(st.lists(st.integers(0, max(0, len(X) - 1)), max_size=8)) if len(X) else []
    with dask.config.set(scheduler="synchronous"):
        source = source_of(dask.array.from_array(X, chunks=(tuple(lengths), 2)))
        indices = np.sort(np.array(indices, dtype=int))
        np.testing.assert_array_equal(source[indices], X[indices])


def test_fits_and_scores_equal_those_of_the_array(quick, table, moons, more_moons):
    names = source_of(table).names
    X = moons if names is None else frame(moons)
    of_array = quick(max_rows=150).fit(X)
    fitted = quick(max_rows=150).fit(table)
    assert of_array.n_iter_ > 0
    assert (
        getattr(fitted, "feature_names_in_", None) is getattr(names, "__array__", lambda: None)()
        or list(fitted.feature_names_in_) == NAMES
    )
    scores = of_array.score_samples(X)
    np.testing.assert_array_equal(fitted.score_samples(X), scores)
    assert_same(fitted.score_samples(table), scores)
    assert_same(fitted.score(table), of_array.score(X))
    weights = np.arange(300) % 3
    weighted = of_array.score(X, sample_weight=weights)
    assert_same(fitted.score(table, sample_weight=weights), weighted)


def test_sample_weight_of_a_source(quick, table, moons):
    weights = np.arange(300) % 3
    names = source_of(table).names
    X = moons if names is None else frame(moons)
    fitted, of_array = (quick().fit(rows, sample_weight=weights) for rows in (table, X))
    np.testing.assert_array_equal(fitted.score_samples(X), of_array.score_samples(X))


def test_outliers_of_a_source_equal_those_of_the_array(table, moons):
    def detector():
        return NormalizingFlowOutlierDetector(
            contamination=0.1, max_iter=3, tol=10, n_estimators=1, random_state=0
        )

    names = source_of(table).names
    X = moons if names is None else frame(moons)
    of_array, fitted = detector().fit(X), detector().fit(table)
    assert fitted.offset_ == of_array.offset_
    labels = fitted.predict(table)
    np.testing.assert_array_equal(labels, of_array.predict(X))
    assert (labels == -1).sum() == 30
    np.testing.assert_array_equal(fitted.p_value(table), of_array.p_value(X))


def test_dask_scores_are_lazy_and_keep_partitions_and_index(quick, moons):
    density = quick().fit(moons)
    array = dask.array.from_array(moons, chunks=(70, 1))
    scores = density.score_samples(array)
    assert scores.chunks == ((70, 70, 70, 70, 20),)
    assert scores.dtype == np.float64
    expected = density.score_samples(moons)
    assert_same(scores.compute(), expected)
    density.fit(2 * moons)  # must not change the scores requested before
    assert_same(scores.compute(), expected)
    density = quick().fit(frame(moons))
    table = dask.dataframe.from_pandas(frame(moons).set_index(np.arange(300)[::-1]), npartitions=4)
    few = density.score_samples(table[table["east"] > 0.5])  # with an empty partition
    assert few.name == "score_samples"
    expected = pd.Series(density.score_samples(frame(moons)), index=np.arange(300)[::-1])
    chosen = few.compute()
    assert 0 < len(chosen) < 300
    assert_same(chosen, expected[chosen.index])
    none = density.score_samples(table[table["east"] > 100])
    assert len(none.compute()) == 0


def test_numbers_of_other_types_than_float64(quick, tmp_path, moons):
    integers = np.round(10 * moons)
    for dtype in (np.float32, np.int16, np.uint8):
        X = np.abs(integers).astype(dtype)
        source = source_of(mapped(X, tmp_path, dtype))
        assert next(source.chunks()).dtype == source[np.arange(3)].dtype == np.float64
        np.testing.assert_array_equal(source[np.arange(300)], X)
    table = pa.table({"a": pa.array([1, 2**53 + 2, 3]), "b": [True, False, True]})
    rows = source_of(pyarrow.dataset.dataset(table))[np.arange(3)]
    np.testing.assert_array_equal(rows, [[1, 1], [2**53 + 2, 0], [3, 1]])


@pytest.mark.parametrize("kind", SOURCES)
def test_missing_values_are_reported_with_column_and_row(kind, quick, moons, tmp_path):
    with_nan = moons.copy()
    with_nan[123, 1] = np.nan
    table = SOURCES[kind](with_nan, tmp_path)
    where = r"NaN in column (1|'north') \(first in row 123"
    with pytest.raises(ValueError, match=where):
        quick(flow="nsf_ar").fit(table)
    if "dask" not in kind:  # where rows are counted from the start of a partition
        density = quick(flow="nsf_ar").fit(SOURCES[kind](moons, tmp_path))
        table = SOURCES[kind](with_nan, tmp_path)
        with pytest.raises(ValueError, match=where):
            density.score_samples(table)


def test_columns_are_validated(quick, moons, tmp_path):
    density = quick().fit(str(written(moons, tmp_path)))
    swapped = pa.table({"north": moons[:, 1], "east": moons[:, 0]})
    with pytest.raises(ValueError, match="names"):
        density.score_samples(pyarrow.dataset.dataset(swapped))
    wide = pa.table({"east": moons[:, 0], "north": moons[:, 1], "place": ["here"] * 300})
    with pytest.raises(ValueError, match="'place' has the type string"):
        density.score_samples(pyarrow.dataset.dataset(wide))
    dataset = pyarrow.dataset.dataset(wide)
    numbers = dataset.replace_schema(pa.schema([dataset.schema.field(name) for name in NAMES]))
    assert_same(density.score_samples(numbers), density.score_samples(frame(moons)))
    with pytest.raises(ValueError, match="minimum of 2"):
        quick().fit(pyarrow.dataset.dataset(swapped.slice(0, 1)))
    with pytest.raises(FileNotFoundError, match="nowhere"):
        quick().fit("nowhere.parquet")


def test_filtered_and_hive_partitioned_datasets(moons, tmp_path):
    table = pa.table({"east": moons[:, 0], "north": moons[:, 1], "year": np.arange(300) // 150})
    pyarrow.parquet.write_to_dataset(table, tmp_path, partition_cols=["year"])
    dataset = pyarrow.dataset.dataset(tmp_path, partitioning="hive")
    rows = np.column_stack([moons, np.arange(300) // 150])
    np.testing.assert_array_equal(source_of(dataset)[np.arange(300)], rows)
    later = source_of(dataset.filter(pyarrow.dataset.field("year") == 1))
    assert later.shape == (150, 3)
    np.testing.assert_array_equal(later[np.arange(150)], rows[150:])


def test_a_path_without_pyarrow_raises_an_import_error(quick, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow.dataset", None)
    with pytest.raises(ImportError, match="pip install pyarrow"):
        quick().fit("X.parquet")


FIT_AND_SCORE = """
import resource, sys
import numpy as np, torch
from skflow import NormalizingFlowDensity

torch.set_num_threads(1)
density = NormalizingFlowDensity(
    flow="nice", n_transforms=1, hidden_layer_sizes=8, marginals=None, safety_net=False,
    max_iter=1, max_rows=10_000, n_estimators=1, tol=10, dtype="float32", random_state=0,
    batch_size=5_000, stream=sys.argv[1] == "stream"
)
density.fit(np.random.default_rng(0).normal(size=(10_000, 16)))
for path in sys.argv[2:]:
    scores = density.fit(path).score_samples(path)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
    print(len(scores), peak - scores.nbytes / 1e6, scores.mean())
"""


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["stream", "subsample"])
def test_peak_memory_does_not_grow_with_the_number_of_rows(mode, tmp_path):
    """Peak memory of tables of 13, 128 and 256 MB: the same for the second and the third."""
    X = np.random.default_rng(1).normal(size=(100_000, 16))
    table = pa.table({f"x{j}": column for j, column in enumerate(X.T)})
    paths = []
    for n_files in (1, 10, 20):
        paths.append(tmp_path / str(n_files))
        paths[-1].mkdir()
        for k in range(n_files):
            pyarrow.parquet.write_table(table, paths[-1] / f"{k:02}", row_group_size=20_000)
    out = subprocess.run(
        [sys.executable, "-c", FIT_AND_SCORE, mode, *paths],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    rows, peaks, means = np.array([line.split() for line in out.splitlines()], dtype=float).T
    assert rows.tolist() == [100_000, 1_000_000, 2_000_000]
    assert np.ptp(means) < 0.1
    assert peaks[1] - peaks[0] < 60  # MB; the tables have 128 and 256 MB
    assert peaks[2] - peaks[1] < 30


@pytest.mark.parametrize("kind", SOURCES)
def test_holes_are_read_where_they_may_be(kind, moons, tmp_path):
    rows = np.where(np.arange(600).reshape(300, 2) % 7 == 0, np.nan, moons)
    rows[200] = np.nan
    source = source_of(SOURCES[kind](rows, tmp_path))
    if "unknown" in kind:  # which leaves out NaN in its first column
        rows = rows[~np.isnan(rows[:, 0])]
    source.nan = HOLES
    np.testing.assert_allclose(np.concatenate(list(source.chunks())), rows, rtol=1e-7)
    some = np.array([0, 100, 150])
    np.testing.assert_allclose(source[some], rows[some], rtol=1e-7)
    np.testing.assert_array_equal(rows_with_cells(source), ~np.isnan(rows).all(1))
    np.testing.assert_array_equal(rows_with_cells(rows), ~np.isnan(rows).all(1))
