"""Objects that hold rows but are no tables: each is refused with the way to a table."""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

_READERS = {
    ".csv": "pandas.read_csv(path)",
    ".tsv": "pandas.read_csv(path, sep='\\t')",
    ".txt": "pandas.read_csv(path, sep=None, engine='python')",
    ".json": "pandas.read_json(path)",
    ".jsonl": "pandas.read_json(path, lines=True)",
    ".xls": "pandas.read_excel(path)",
    ".xlsx": "pandas.read_excel(path)",
    ".feather": "pandas.read_feather(path)",
    ".arrow": "pyarrow.dataset.dataset(path, format='ipc')",
    ".orc": "pyarrow.dataset.dataset(path, format='orc')",
    ".h5": "pandas.read_hdf(path)",
    ".npy": "numpy.load(path, mmap_mode='r')",
    ".npz": "numpy.load(path)[name]",
    ".pkl": "pandas.read_pickle(path)",
}
_COMPRESSED = {".gz", ".bz2", ".xz", ".zip", ".zst"}
_IN_BLOCKS = "pyarrow.dataset.dataset(path, format='csv') for a table larger than memory"


def check_is_table(X: Any, name: str = "X") -> None:
    """Raise a TypeError if X holds rows in another way than a table does, or holds none.

    Parameters
    ----------
    X : object
        What a user passed.
    name : str, default="X"
        What the user calls it.
    """
    advice = _way_to_a_table(X, name)
    if advice is not None:
        kind = type(X).__name__
        kind = "None" if X is None else f"{'an' if kind[0].lower() in 'aeiou' else 'a'} {kind}"
        raise TypeError(
            f"{name} is {kind}, but a table with one row for each sample is needed: an array or a "
            f"DataFrame. {advice}"
        )
    if hasattr(X, "columns") and getattr(X, "ndim", 0) == 2 and not len(X.columns):
        raise ValueError(f"{name} has 0 feature(s), but at least one column is needed.")


def _way_to_a_table(X: Any, name: str) -> str | None:
    """How to make a table of X, or None if it is no such object."""
    if X is None:
        return "Pass the rows."
    if isinstance(X, Mapping) and not hasattr(X, "shape"):  # some sparse matrices are mappings
        return f"Pass pandas.DataFrame({name}) if its values are columns."
    if isinstance(X, str | os.PathLike):
        return f"Read the file first: {_reader(X) or 'pandas.read_parquet(path)'}."
    module = type(X).__module__.partition(".")[0]
    if module == "polars" and type(X).__name__ == "LazyFrame":
        return f"Pass {name}.collect()."
    if module == "torch" and hasattr(X, "batch_size") and hasattr(X, "dataset"):
        return (
            f"Pass all rows at once: torch.cat(list({name})) if its batches are tensors of rows. "
            "A table larger than memory can be a numpy.memmap or a Parquet file."
        )
    if module == "pyarrow" and hasattr(X, "to_table"):
        return f"Pass {name}.to_table()."
    if isinstance(X, Iterator | set | frozenset):
        return f"Pass numpy.array(list({name})) if its items are rows."
    if _is_sparse_frame(X):
        return f"Its columns are sparse. Pass {name}.sparse.to_dense()."
    return None


def check_is_parquet(path: str | os.PathLike) -> None:
    """Raise a ValueError if the name of a file says that it is no Parquet file."""
    reader = _reader(path)
    if reader is not None:
        raise ValueError(
            f"X={str(path)!r} is the path of a file that is not Parquet, the only format that is "
            f"read from a path. Pass its rows: {reader}."
        )


def _reader(path: str | os.PathLike) -> str | None:
    """The call that reads a file, by its suffix; None if that says nothing."""
    suffixes = [suffix.lower() for suffix in Path(path).suffixes]
    if suffixes and suffixes[-1] in _COMPRESSED:
        suffixes.pop()
    suffix = suffixes[-1] if suffixes else ""
    reader = _READERS.get(suffix)
    return f"{reader}, or {_IN_BLOCKS}" if suffix == ".csv" else reader


def _is_sparse_frame(X: Any) -> bool:
    dtypes = getattr(X, "dtypes", None)
    if dtypes is None or not hasattr(X, "sparse"):
        return False
    return any(str(dtype).startswith("Sparse") for dtype in dtypes)
