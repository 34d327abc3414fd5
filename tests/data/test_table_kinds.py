"""Objects that are no tables are refused with the way to one."""

from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest
import scipy.sparse
import torch
from torch.utils.data import DataLoader, TensorDataset

from skflow.data.table_kinds import check_is_parquet, check_is_table

ROWS = np.arange(6.0).reshape(3, 2)


@pytest.mark.parametrize(
    "X",
    [
        ROWS,
        ROWS.tolist(),
        pd.DataFrame(ROWS),
        pl.DataFrame(ROWS),
        torch.tensor(ROWS),
        pd.Series(ROWS[:, 0]),
        scipy.sparse.dok_array(ROWS),
        3.0,
    ],
    ids=lambda X: type(X).__name__,
)
def test_tables_and_what_scikit_learn_explains_are_let_through(X):
    check_is_table(X)


KINDS = [
    (None, "X is None, .*Pass the rows"),
    ({"a": [1], "b": [2]}, r"X is a dict, .*pandas\.DataFrame\(X\)"),
    (pl.DataFrame(ROWS).lazy(), r"X is a LazyFrame, .*Pass X\.collect\(\)"),
    (DataLoader(TensorDataset(torch.tensor(ROWS))), r"X is a DataLoader.*torch\.cat\(list\(X\)\)"),
    (iter(ROWS), r"X is an iterator, .*numpy\.array\(list\(X\)\)"),
    ({1, 2}, r"X is a set, .*numpy\.array\(list\(X\)\)"),
    ("rows.csv", r"X is a str, .*pandas\.read_csv\(path\)"),
    (Path("rows.parquet"), r"Path, .*pandas\.read_parquet\(path\)"),
    (pd.DataFrame(ROWS).astype(pd.SparseDtype(float)), r"sparse.*X\.sparse\.to_dense\(\)"),
]


@pytest.mark.parametrize(("X", "message"), KINDS, ids=lambda v: type(v).__name__)
def test_other_kinds_are_named_with_the_way_to_a_table(X, message):
    with pytest.raises(TypeError, match=message):
        check_is_table(X)


def test_the_argument_is_named():
    with pytest.raises(TypeError, match=r"^y is a dict, .*pandas\.DataFrame\(y\)"):
        check_is_table({"a": [1]}, "y")


def test_a_frame_without_columns():
    with pytest.raises(ValueError, match=r"X has 0 feature\(s\)"):
        check_is_table(pd.DataFrame())


@pytest.mark.parametrize(
    ("path", "reader"),
    [
        ("a/rows.csv", r"pandas\.read_csv\(path\), or pyarrow\.dataset"),
        (Path("rows.CSV.gz"), r"pandas\.read_csv\(path\), or pyarrow\.dataset"),
        ("rows.tsv", r"sep='\\t'"),
        ("rows.xlsx", r"pandas\.read_excel\(path\)"),
        ("rows.npy", r"numpy\.load\(path, mmap_mode='r'\)"),
    ],
)
def test_files_of_other_formats_are_named_with_their_reader(path, reader):
    name = str(path).replace(".", r"\.")
    with pytest.raises(ValueError, match=rf"X='{name}' is .* not Parquet.*{reader}"):
        check_is_parquet(path)


@pytest.mark.parametrize("path", ["rows.parquet", "folder", Path("a.b/part-0"), "s3://x/y.pq"])
def test_paths_that_may_be_parquet(path):
    check_is_parquet(path)
