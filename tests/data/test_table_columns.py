"""Messy tables are read column by column: holes, text, dates and booleans."""

import numpy as np
import pandas as pd
import polars as pl
import pytest

from skflow.data.table_columns import table_columns

FRAME = pd.DataFrame(
    {
        "number": [1.5, 2.5, np.nan],
        "nullable": pd.array([1, None, 3], dtype="Int64"),
        "flag": [True, False, True],
        "nullable flag": pd.array([True, None, False], dtype="boolean"),
        "objects": np.array([1, None, 2.5], dtype=object),
        "text": ["a", "b", "3"],
        "day": pd.date_range("2020", periods=3),
    }
)


@pytest.mark.parametrize("table", [FRAME, pl.from_pandas(FRAME)], ids=["pandas", "polars"])
def test_columns_of_a_data_frame(table):
    columns = table_columns(table)
    assert [column.note.split(".")[0] for column in columns] == [
        "1 missing values",
        "1 missing values",
        "",
        "1 missing values",
        "1 missing values",
        "not numeric: drop the column, or encode it",
        "not numeric: dates",
    ]
    assert [column.is_flag for column in columns] == [False] * 2 + [True] * 2 + [False] * 3
    np.testing.assert_array_equal(columns[1].values, [1, np.nan, 3])
    np.testing.assert_array_equal(columns[3].values, [1, np.nan, 0])
    assert columns[5].values is None
    assert "X['day']" in columns[6].note


def test_arrays_and_lists():
    (column,) = table_columns(np.array([[np.inf], [1.0], [np.nan]]))
    assert column.note == "1 missing values, 1 infinite values"
    numbers, text = table_columns([[1, "a"], [2, "b"]])
    np.testing.assert_array_equal(numbers.values, [1, 2])
    assert text.values is None
    masked = np.ma.masked_equal([[1.0, -9.0], [-9.0, 2.0]], -9)
    np.testing.assert_array_equal(table_columns(masked)[0].values, [1, np.nan])


def test_no_table():
    with pytest.raises(ValueError, match=r"X has 1\. Pass X\.reshape"):
        table_columns(np.zeros(3))
    with pytest.raises(ValueError, match=r"rows and columns, but X is ndarray of shape \(0, 2\)"):
        table_columns(np.zeros((0, 2)))
