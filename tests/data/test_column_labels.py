"""Labels of columns: of pandas, polars and pyarrow, of any type, and what messages call them."""

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from skflow.data.column_labels import column_labels, column_name, label_of

X = np.zeros((3, 2))


@pytest.mark.parametrize(
    ("table", "labels"),
    [
        (pd.DataFrame(X, columns=["u", "v"]), ["u", "v"]),
        (pd.DataFrame(X, columns=[2024, 2023]), [2024, 2023]),
        (
            pd.DataFrame(X, columns=pd.MultiIndex.from_tuples([("a", 1), ("a", 2)])),
            [("a", 1), ("a", 2)],
        ),
        (pl.DataFrame(X, schema=["u", "v"]), ["u", "v"]),
        (pa.table({"u": [1.0], "v": [2.0]}), ["u", "v"]),
    ],
    ids=["strings", "ints", "tuples", "polars", "pyarrow"],
)
def test_labels(table, labels):
    assert column_labels(table).tolist() == labels
    assert column_labels(table).dtype == object


@pytest.mark.parametrize("table", [X, X.tolist(), pd.Series(X[:, 0]), None])
def test_other_tables_have_none(table):
    assert column_labels(table) is None


def test_names_in_messages():
    labels = np.empty(4, dtype=object)
    labels[:] = ["v", 2024, ("a", 1), np.int64(3)]
    names = [column_name(labels, j) for j in range(4)]
    assert names == ["column 'v'", "column named 2024", "column ('a', 1)", "column named 3"]
    assert column_name(None, 1) == "column 1"
    assert [label_of(labels, 3), label_of(None, 3)] == [3, 3]
    assert type(label_of(labels, 3)) is int
