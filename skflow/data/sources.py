"""Tables that need not fit memory: memory maps, Parquet files, Arrow data sets, dask.

A source knows its number of rows and columns, gives out rows by number, and all of them in
chunks, in order or not. Rows are real numbers in float64, and are checked when they are read.
pyarrow and dask are imported where they are met.
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

from skflow.data.validation import Names, check_finite

T = TypeVar("T")

_CHUNK = 1 << 16  # rows read at a time


class Source(ABC):
    """A table of n rows and d columns that is read piece by piece.

    Attributes
    ----------
    shape : tuple of int
        (n, d).
    names : ndarray of shape (d,) or None
        The columns' names, where they have any.
    """

    shape: tuple[int, int]
    names: Names = None

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, index: np.ndarray) -> np.ndarray:
        """The rows of the given numbers, which are in order: one reading, start to end."""
        rows = np.empty((len(index), self.shape[1]))
        filled = 0
        for start, chunk in self._read(None, _CHUNK):
            stop = int(np.searchsorted(index, start + len(chunk)))
            rows[filled:stop] = chunk[index[filled:stop] - start]
            filled = stop
        return self._checked(rows, index)

    def chunks(self) -> Iterator[np.ndarray]:
        """All rows in order, (m, d) at a time."""
        for _, chunk in self.numbered():
            yield chunk

    def numbered(
        self, rng: np.random.Generator | None = None, size: int | None = None
    ) -> Iterator[tuple[int, np.ndarray]]:
        """All rows, (m, d) at a time, with the number of the first of them.

        In order or, given random numbers, in any: chunk by chunk, of the size that is asked for,
        as far as the table has a way to be read so.
        """
        for start, chunk in self._read(rng, min(size or _CHUNK, _CHUNK)):
            yield start, self._checked(chunk, range(start, start + len(chunk)))

    @abstractmethod
    def head(self) -> Any:
        """The first two rows, with their columns' names: enough to validate what columns are."""

    @abstractmethod
    def _read(
        self, rng: np.random.Generator | None, size: int
    ) -> Iterator[tuple[int, np.ndarray]]:
        """What `numbered` gives, not checked yet."""

    def _checked(self, rows: np.ndarray, numbers: np.ndarray | range) -> np.ndarray:
        if not get_config()["assume_finite"]:
            check_finite(rows, self.names, numbers)
        return rows


class MemmapSource(Source):
    """A memory map of numbers, or an array."""

    def __init__(self, X: np.ndarray, names: Names = None):
        self._map = X
        self.shape = X.shape
        self.names = names

    def __getitem__(self, index: np.ndarray) -> np.ndarray:
        return self._checked(np.array(self._map[index], dtype=np.float64), index)

    def head(self) -> np.ndarray:
        return np.array(self._map[:2])

    def _read(
        self, rng: np.random.Generator | None, size: int
    ) -> Iterator[tuple[int, np.ndarray]]:
        for start in _ordered(range(0, len(self), size), rng):
            rows = self._map[start : start + size]
            yield start, np.array(rows, dtype=np.float64, order="C")


class ArrowSource(Source):
    """A pyarrow.dataset.Dataset of columns of numbers.

    Raises
    ------
    ValueError
        Where a column is of another type.
    """

    def __init__(self, dataset: Any):
        import pyarrow.types as kinds

        for field in dataset.schema:
            known = (kinds.is_integer, kinds.is_floating, kinds.is_decimal, kinds.is_boolean)
            if not any(kind(field.type) for kind in known):
                raise ValueError(
                    f"Column {field.name!r} has the type {field.type}, where a density needs "
                    "numbers. Read the other columns only: "
                    "dataset.replace_schema(pyarrow.schema([dataset.schema.field(name), ...]))."
                )
        self._dataset = dataset
        self.names = np.array(dataset.schema.names, dtype=object)
        self.shape = dataset.count_rows(), len(self.names)

    def head(self) -> Any:
        schema = self._dataset.schema.empty_table()  # a look at the files would read ahead
        zeros = [np.zeros(min(2, len(self)))] * schema.num_columns
        return type(schema).from_arrays(zeros, names=schema.column_names)

    def _read(
        self, rng: np.random.Generator | None, size: int
    ) -> Iterator[tuple[int, np.ndarray]]:
        start = 0
        for known_start, batches in self._pieces(rng):
            start = start if known_start is None else known_start
            for batch in batches:
                if len(batch):
                    yield start, _matrix(batch)
                    start += len(batch)

    def _pieces(self, rng: np.random.Generator | None) -> Iterator[tuple[int | None, Any]]:
        """Batches of rows, and the first one's number where they do not follow the last ones.

        With little read ahead, so that memory does not grow with the files.
        """
        little = {"batch_size": _CHUNK, "batch_readahead": 1}
        try:
            files = self._dataset.get_fragments()
        except ValueError:  # a filtered set gives none, and has no order but its own
            yield None, self._dataset.to_batches(fragment_readahead=1, **little)
            return
        components = ((None, f) for f in files) if rng is None else _ordered(self._row_groups, rng)
        for start, component in components:
            yield start, component.to_batches(schema=self._dataset.schema, **little)

    @cached_property
    def _row_groups(self) -> list[tuple[int, Any]]:
        """What can be read alone, with its first row's number: in Parquet, parts of files."""
        start, groups = 0, []
        for file in self._dataset.get_fragments():
            parquet = hasattr(file, "split_by_row_group")
            for group in file.split_by_row_group() if parquet else [file]:
                groups.append((start, group))
                # a group counts the rows of its whole file
                start += group.row_groups[0].num_rows if parquet else group.count_rows()
        return groups


class DaskSource(Source):
    """A dask array or frame; its parts are computed where dask computes."""

    def __init__(self, X: Any):
        import dask

        self._table = X
        self._parts = _parts(X)
        lengths = X.chunks[0] if hasattr(X, "chunks") else (np.nan,)
        if np.isnan(lengths).any():
            lengths = dask.compute(*(dask.delayed(len)(part) for part in self._parts))
        self._ends = np.cumsum(lengths)
        self.shape = int(self._ends[-1]), X.shape[1]
        if hasattr(X, "columns"):
            self.names = np.array(X.columns, dtype=object)

    def __getitem__(self, index: np.ndarray) -> np.ndarray:
        import dask

        asked = np.split(index, np.searchsorted(index, self._ends[:-1]))
        taken = (
            dask.delayed(_rows_of)(part, numbers - start)  # no other rows leave the workers
            for (start, part), numbers in zip(self._numbered_parts, asked, strict=True)
            if len(numbers)
        )
        rows = np.concatenate([np.empty((0, self.shape[1])), *dask.compute(*taken)])
        return self._checked(rows, index)

    def head(self) -> Any:
        if hasattr(self._table, "columns"):
            return self._table.head(2, npartitions=-1)
        return self[np.arange(min(2, len(self)))]

    def _read(
        self, rng: np.random.Generator | None, size: int
    ) -> Iterator[tuple[int, np.ndarray]]:
        import dask

        for start, part in _ordered(self._numbered_parts, rng):
            yield start, dask.delayed(_rows_of)(part).compute()

    @property
    def _numbered_parts(self) -> list[tuple[int, Any]]:
        starts = [0, *self._ends[:-1].tolist()]
        return list(zip(starts, self._parts, strict=True))


def source_of(X: Any) -> Source | None:
    """The source that X is, or None where X is something else, such as an array.

    Parameters
    ----------
    X : object
        A memory map with two axes, the path of a Parquet file or of a folder of them, a
        pyarrow Dataset, a dask array with two axes or a dask frame.

    Returns
    -------
    Source or None

    Raises
    ------
    ImportError
        Where X is a path, and pyarrow is not installed.
    ValueError
        Where X has columns that are no numbers.
    """
    if isinstance(X, np.memmap) and X.ndim == 2 and X.dtype.kind in "biuf":
        return MemmapSource(X)
    if isinstance(X, str | os.PathLike):
        return ArrowSource(_parquet(X))
    arrow = sys.modules.get("pyarrow.dataset")  # whoever has one has imported it
    if arrow is not None and isinstance(X, arrow.Dataset):
        return ArrowSource(X)
    return DaskSource(X) if is_lazy(X) else None


def is_lazy(X: Any) -> bool:
    """Whether X is a table of dask's."""
    dask = sys.modules.get("dask")
    return dask is not None and dask.is_dask_collection(X) and getattr(X, "ndim", 0) == 2


def score_lazily(estimator: Any, X: Any) -> Any:
    """What `estimator.score_samples` gives for a dask array or frame, not computed yet."""
    import dask

    model = dask.delayed(copy.copy(estimator))  # as it is now, and sent to a worker once
    if hasattr(X, "columns"):
        return X.map_partitions(_series_of_scores, model, meta=("score_samples", np.float64))
    whole_rows = X.rechunk({1: -1})
    return whole_rows.map_blocks(
        _scores, model=model, drop_axis=1, dtype=np.float64, meta=np.empty(0)
    )


def in_blocks(rows: np.ndarray | Source, size: int) -> Iterator[np.ndarray]:
    """The rows in order, at most `size` at a time."""
    for chunk in rows.chunks() if isinstance(rows, Source) else [rows]:
        for start in range(0, len(chunk), size):
            yield chunk[start : start + size]


def _parquet(path: str | os.PathLike) -> Any:
    try:
        from pyarrow.dataset import dataset
    except ImportError as error:
        raise ImportError(
            f"X={path!r} is read as Parquet, for which pyarrow is needed: pip install pyarrow."
        ) from error
    return dataset(path, format="parquet")


def _ordered(items: Sequence[T], rng: np.random.Generator | None) -> Iterator[T]:
    """The items in order or, given random numbers, in any."""
    numbers = range(len(items)) if rng is None else rng.permutation(len(items)).tolist()
    return (items[k] for k in numbers)


def _matrix(batch: Any) -> np.ndarray:
    """The numbers (m, d) of pyarrow's record batch."""
    return np.column_stack(
        [
            column.cast("float64", safe=False).to_numpy(zero_copy_only=False)
            for column in batch.columns
        ]
    )


def _parts(X: Any) -> list[Any]:
    """Delayed parts of a dask table, each of whole rows."""
    if hasattr(X, "columns"):
        return list(X.to_delayed())
    return list(X.rechunk({1: -1}).to_delayed().ravel())


def _rows_of(part: Any, index: np.ndarray | slice = slice(None)) -> np.ndarray:
    rows = part.iloc[index] if hasattr(part, "iloc") else part[index]
    return np.asarray(rows, dtype=np.float64, order="C")


def _scores(rows: Any, model: Any) -> np.ndarray:
    return model.score_samples(rows) if len(rows) else np.empty(0)


def _series_of_scores(frame: Any, model: Any) -> Any:
    import pandas as pd

    return pd.Series(_scores(frame, model), index=frame.index, name="score_samples")
