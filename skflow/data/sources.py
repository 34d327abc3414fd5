"""Tables larger than memory: memory maps, Parquet files, Arrow datasets, dask collections.

A source knows its number of rows and columns, and reads rows by index or all of them in chunks,
in order or shuffled. Rows are float64, with NaN for missing values, and are checked for NaN and
infinite values when they are read. pyarrow and dask are imported only when needed.
"""

import copy
import os
import sys
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any, TypeVar

import numpy as np
from sklearn import get_config

from skflow.data.column_labels import Names, column_labels
from skflow.data.holes import has_cells, missing_as_nan
from skflow.data.nan_policy import COMPLETE, NanPolicy
from skflow.data.table_kinds import check_is_parquet
from skflow.data.validation import check_finite
from skflow.runtime.deadline import check_time

T = TypeVar("T")

_CHUNK_SIZE = 1 << 16  # rows read at a time


class Source(ABC):
    """A table of n rows and d columns that is read in chunks.

    Attributes
    ----------
    shape : tuple of int
        (n, d).
    names : ndarray of shape (d,) or None
        The column names, if there are any.
    nan : NanPolicy
        Whether NaN is an error.
    """

    shape: tuple[int, int]
    names: Names = None
    nan: NanPolicy = COMPLETE

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, indices: np.ndarray) -> np.ndarray:
        """Return the rows at sorted indices (m,), (m, d), in one pass over the table."""
        rows = np.empty((len(indices), self.shape[1]))
        filled = 0
        for start, chunk in self._read(None, _CHUNK_SIZE):
            check_time()
            stop = int(np.searchsorted(indices, start + len(chunk)))
            rows[filled:stop] = chunk[indices[filled:stop] - start]
            filled = stop
        return self._checked(rows, indices)

    def chunks(self) -> Iterator[np.ndarray]:
        """Yield all rows in order, in chunks (m, d)."""
        for _, chunk in self.enumerate_chunks():
            yield chunk

    def enumerate_chunks(
        self, rng: np.random.Generator | None = None, size: int | None = None
    ) -> Iterator[tuple[int, np.ndarray]]:
        """Yield all rows in chunks (m, d), each with the index of its first row.

        Chunks come in order or, with `rng`, in random order. They have `size` rows where the
        table can be read in chunks of any size; otherwise its own partitions are used.
        """
        for start, chunk in self._read(rng, min(size or _CHUNK_SIZE, _CHUNK_SIZE)):
            check_time()
            yield start, self._checked(chunk, range(start, start + len(chunk)))

    @abstractmethod
    def head(self) -> Any:
        """Return up to two rows with the table's column names, to validate its columns by."""

    @abstractmethod
    def _read(
        self, rng: np.random.Generator | None, size: int
    ) -> Iterator[tuple[int, np.ndarray]]:
        """Yield the chunks of `enumerate_chunks`, not checked yet."""

    def _checked(self, rows: np.ndarray, row_indices: np.ndarray | range) -> np.ndarray:
        if not get_config()["assume_finite"]:
            check_finite(rows, self.names, row_indices, self.nan)
        return rows


class MemmapSource(Source):
    """A memory map or an array of numbers."""

    def __init__(self, X: np.ndarray, names: Names = None):
        self._array = X
        self.shape = X.shape
        self.names = names

    def __getitem__(self, indices: np.ndarray) -> np.ndarray:
        return self._checked(np.array(self._array[indices], dtype=np.float64), indices)

    def head(self) -> np.ndarray:
        return np.array(self._array[:2])

    def _read(
        self, rng: np.random.Generator | None, size: int
    ) -> Iterator[tuple[int, np.ndarray]]:
        for start in _permuted(range(0, len(self), size), rng):
            rows = self._array[start : start + size]
            yield start, np.array(rows, dtype=np.float64, order="C")


class ArrowSource(Source):
    """A pyarrow.dataset.Dataset of numeric columns.

    Raises
    ------
    ValueError
        If a column is of another type.
    """

    def __init__(self, dataset: Any):
        import pyarrow.types as types

        for field in dataset.schema:
            checks = (types.is_integer, types.is_floating, types.is_decimal, types.is_boolean)
            if not any(is_type(field.type) for is_type in checks):
                raise ValueError(
                    f"Column {field.name!r} has the type {field.type}, but density estimation "
                    "needs numbers. Select the other columns: "
                    "dataset.replace_schema(pyarrow.schema([dataset.schema.field(name), ...]))."
                )
        self._dataset = dataset
        self.names = np.array(dataset.schema.names, dtype=object)
        self.shape = dataset.count_rows(), len(self.names)

    def head(self) -> Any:
        # Rows of zeros: reading from the files would read far ahead.
        empty = self._dataset.schema.empty_table()
        zeros = [np.zeros(min(2, len(self)))] * empty.num_columns
        return type(empty).from_arrays(zeros, names=empty.column_names)

    def _read(
        self, rng: np.random.Generator | None, size: int
    ) -> Iterator[tuple[int, np.ndarray]]:
        start = 0
        for fragment_start, batches in self._fragments(rng):
            start = start if fragment_start is None else fragment_start
            for batch in batches:
                if len(batch):
                    yield start, _to_array(batch)
                    start += len(batch)

    def _fragments(self, rng: np.random.Generator | None) -> Iterator[tuple[int | None, Any]]:
        """Yield iterators over record batches, one per file or row group.

        Each comes with the index of its first row, or None if it continues the previous one.
        Little is read ahead, so that memory does not grow with the files.
        """
        options = {"batch_size": _CHUNK_SIZE, "batch_readahead": 1}
        try:
            files = self._dataset.get_fragments()
        except ValueError:  # a filtered dataset has no fragments and can only be read in order
            yield None, self._dataset.to_batches(fragment_readahead=1, **options)
            return
        in_order = ((None, file) for file in files)
        for start, fragment in in_order if rng is None else _permuted(self._row_groups, rng):
            yield start, fragment.to_batches(schema=self._dataset.schema, **options)

    @cached_property
    def _row_groups(self) -> list[tuple[int, Any]]:
        """The smallest fragments, such as Parquet row groups, with their first rows' indices."""
        start, groups = 0, []
        for file in self._dataset.get_fragments():
            parquet = hasattr(file, "split_by_row_group")
            for group in file.split_by_row_group() if parquet else [file]:
                groups.append((start, group))
                # count_rows of a row group would count the rows of its whole file
                start += group.row_groups[0].num_rows if parquet else group.count_rows()
        return groups


class DaskSource(Source):
    """A dask array or dataframe; its partitions are computed by dask's scheduler."""

    def __init__(self, X: Any):
        import dask

        self._collection = X
        self._partitions = _row_partitions(X)
        lengths = X.chunks[0] if hasattr(X, "chunks") else (np.nan,)
        if np.isnan(lengths).any():
            lengths = dask.compute(*(dask.delayed(len)(part) for part in self._partitions))
        self._ends = np.cumsum(lengths)
        self.shape = int(self._ends[-1]), X.shape[1]
        if hasattr(X, "columns"):
            self.names = column_labels(X)

    def __getitem__(self, indices: np.ndarray) -> np.ndarray:
        import dask

        by_partition = np.split(indices, np.searchsorted(indices, self._ends[:-1]))
        taken = (
            dask.delayed(_take_rows)(partition, own - start)  # no other rows leave the workers
            for (start, partition), own in zip(self._with_starts(), by_partition, strict=True)
            if len(own)
        )
        rows = np.concatenate([np.empty((0, self.shape[1])), *dask.compute(*taken)])
        return self._checked(rows, indices)

    def head(self) -> Any:
        if hasattr(self._collection, "columns"):
            return self._collection.head(2, npartitions=-1)
        return self[np.arange(min(2, len(self)))]

    def _read(
        self, rng: np.random.Generator | None, size: int
    ) -> Iterator[tuple[int, np.ndarray]]:
        import dask

        for start, partition in _permuted(self._with_starts(), rng):
            yield start, dask.delayed(_take_rows)(partition).compute()

    def _with_starts(self) -> list[tuple[int, Any]]:
        """The partitions, each with the index of its first row."""
        starts = [0, *self._ends[:-1].tolist()]
        return list(zip(starts, self._partitions, strict=True))


def source_of(X: Any) -> Source | None:
    """Wrap X in a source, or return None if it is not a larger-than-memory table.

    Parameters
    ----------
    X : object
        A two-dimensional memory map, the path of a Parquet file or of a folder of them, a
        pyarrow Dataset, a two-dimensional dask array or a dask dataframe.

    Returns
    -------
    Source or None

    Raises
    ------
    ImportError
        If X is a path and pyarrow is not installed.
    ValueError
        If X has columns that are not numeric.
    """
    if isinstance(X, np.memmap) and X.ndim == 2 and X.dtype.kind in "biuf":
        return MemmapSource(X)
    if isinstance(X, str | os.PathLike):
        check_is_parquet(X)
        return ArrowSource(_parquet(X))
    arrow = sys.modules.get("pyarrow.dataset")  # imported by whoever made X
    if arrow is not None and isinstance(X, arrow.Dataset):
        return ArrowSource(X)
    return DaskSource(X) if is_lazy(X) else None


def is_lazy(X: Any) -> bool:
    """Whether X is a two-dimensional dask array or a dask dataframe."""
    dask = sys.modules.get("dask")
    return dask is not None and dask.is_dask_collection(X) and getattr(X, "ndim", 0) == 2


def score_lazily(estimator: Any, X: Any) -> Any:
    """Return `estimator.score_samples` of a dask array or dataframe as a lazy dask collection."""
    import dask

    # A copy is not changed by later fits; delayed, it is sent to each worker once.
    model = dask.delayed(copy.copy(estimator))
    if hasattr(X, "columns"):
        return X.map_partitions(_series_of_scores, model, meta=("score_samples", np.float64))
    whole_rows = X.rechunk({1: -1})
    return whole_rows.map_blocks(
        _scores, model=model, drop_axis=1, dtype=np.float64, meta=np.empty(0)
    )


def rows_with_cells(rows: np.ndarray | Source) -> np.ndarray:
    """Which rows have an observed cell, (n,)."""
    chunks = rows.chunks() if isinstance(rows, Source) else [rows]
    return np.concatenate([has_cells(chunk) for chunk in chunks])


def in_blocks(rows: np.ndarray | Source, size: int) -> Iterator[np.ndarray]:
    """Yield the rows in order, in blocks (m, d) of at most `size` rows."""
    for chunk in rows.chunks() if isinstance(rows, Source) else [rows]:
        for start in range(0, len(chunk), size):
            check_time()
            yield chunk[start : start + size]


def _parquet(path: str | os.PathLike) -> Any:
    try:
        from pyarrow.dataset import dataset
    except ImportError as error:
        raise ImportError(
            f"Reading X={path!r} as Parquet requires pyarrow: pip install pyarrow."
        ) from error
    try:
        return dataset(path, format="parquet")
    except FileNotFoundError as error:
        raise FileNotFoundError(
            f"X={str(path)!r} is the path of a table, but there is no such file or folder."
        ) from error
    except ValueError as error:  # pyarrow.ArrowInvalid
        raise ValueError(
            f"X={str(path)!r} is not Parquet, the only format that is read from a path: {error} "
            "Pass the rows instead, for example pandas.read_csv(path), or "
            "pyarrow.dataset.dataset(path, format='csv') for a table larger than memory."
        ) from error


def _permuted(items: Sequence[T], rng: np.random.Generator | None) -> Iterator[T]:
    """The items in order or, with `rng`, in random order."""
    order = range(len(items)) if rng is None else rng.permutation(len(items)).tolist()
    return (items[k] for k in order)


def _to_array(batch: Any) -> np.ndarray:
    """The values (m, d) of a pyarrow record batch."""
    return np.column_stack(
        [
            column.cast("float64", safe=False).to_numpy(zero_copy_only=False)
            for column in batch.columns
        ]
    )


def _row_partitions(X: Any) -> list[Any]:
    """Delayed partitions of a dask collection, each with all columns."""
    if hasattr(X, "columns"):
        return list(X.to_delayed())
    return list(X.rechunk({1: -1}).to_delayed().ravel())


def _take_rows(partition: Any, indices: np.ndarray | slice = slice(None)) -> np.ndarray:
    """The rows of a computed partition in float64, (m, d)."""
    rows = partition.iloc[indices] if hasattr(partition, "iloc") else partition[indices]
    if hasattr(rows, "iloc"):
        rows = rows.to_numpy(dtype=np.float64, na_value=np.nan)
    return np.asarray(missing_as_nan(rows), dtype=np.float64, order="C")


def _scores(rows: Any, model: Any) -> np.ndarray:
    """Scores (m,) of a block of rows, which may be empty."""
    return model.score_samples(rows) if len(rows) else np.empty(0)


def _series_of_scores(frame: Any, model: Any) -> Any:
    import pandas as pd

    return pd.Series(_scores(frame, model), index=frame.index, name="score_samples")
