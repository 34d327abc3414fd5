"""Cells that were not observed: what becomes NaN, and rows and columns without any cell."""

import decimal

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from sklearn.utils import check_array

from skflow import EmptyRowWarning
from skflow.data.holes import (
    canonical,
    check_columns_observed,
    check_rows_left,
    has_cells,
    missing_as_nan,
    warn_about_empty_rows,
)

X = np.arange(8).reshape(4, 2)
MASK = np.isin(X, [3, 4])
HOLES = np.where(MASK, np.nan, X)
FRAME = pd.DataFrame(X, columns=["u", "v"])


def objects(first, second):
    table = X.astype(object)
    table[MASK] = first, second
    return table


ROWS = objects(None, None).tolist()
TABLES = {
    "float32": HOLES.astype(np.float32),
    "masked integers": np.ma.array(X, mask=MASK),
    "masked floats": np.ma.array(X + 0.0, mask=MASK),
    "masked objects": np.ma.array(X.astype(object), mask=MASK),
    "objects": objects(pd.NA, None),
    "times that are missing": objects(pd.NaT, float("nan")),
    "lists": objects(pd.NA, None).tolist(),
    "tuples": tuple(map(tuple, ROWS)),
    "pandas integers": FRAME.astype("Int64").mask(MASK),
    "pandas floats": FRAME.astype("Float64").mask(MASK),
    "pandas of arrow": FRAME.astype("int64[pyarrow]").mask(MASK),
    "pandas categories": FRAME.mask(MASK).astype("category"),
    "pandas objects": pd.DataFrame(objects(pd.NA, None), columns=["u", "v"]),
    "pandas mixed": pd.DataFrame(
        {"u": [0.0, 2.0, np.nan, 6.0], "v": pd.Series([1, pd.NA, 5, 7], dtype=object)}
    ),
    "decimals": pd.DataFrame(
        {"u": [decimal.Decimal(0), decimal.Decimal(2), None, decimal.Decimal(6)], "v": HOLES[:, 1]}
    ),
    "polars": pl.DataFrame(ROWS, schema=["u", "v"], orient="row"),
    "polars null and NaN": pl.DataFrame({"u": [0.0, 2.0, None, 6.0], "v": HOLES[:, 1]}),
    "pyarrow": pa.table({"u": [0, 2, None, 6], "v": [1, None, 5, 7]}),
}


@pytest.mark.parametrize("kind", TABLES)
def test_missing_cells_of_all_tables_become_nan(kind):
    table = missing_as_nan(TABLES[kind])
    rows = check_array(table, dtype=np.float64, ensure_all_finite=False)
    np.testing.assert_array_equal(rows, HOLES)
    if hasattr(TABLES[kind], "columns") and kind != "pyarrow":
        assert list(table.columns) == ["u", "v"]


def test_the_table_of_the_user_stays_as_it_is():
    table, masked = objects(pd.NA, None), np.ma.array(X + 0.0, mask=MASK)
    frame = pd.DataFrame(table)
    for given in (table, masked, frame):
        missing_as_nan(given)
    assert table[1, 1] is pd.NA
    assert frame.iloc[2, 0] is None
    assert masked.data[1, 1] == 3.0
    assert missing_as_nan(HOLES) is HOLES
    assert missing_as_nan(FRAME) is FRAME


def test_other_sequences_are_left_to_the_conversion():
    for given in ([[1.0, 2.0], [3.0]], "text", [[1, 2]], np.float64(3), None):
        assert missing_as_nan(given) is given


def test_equal_cells_have_equal_bits():
    other_nan = np.array([0xFFF8000000000001], dtype=np.uint64).view(np.float64)[0]
    rows = np.array([[0.0, np.nan], [-0.0, other_nan], [0.0, -np.nan]])
    bits = canonical(rows).view(np.int64)
    assert (bits == bits[0]).all()
    assert rows[1].view(np.int64)[1] != bits[0, 1]  # and the rows stay
    assert canonical(rows.astype(np.float32)).dtype == np.float64


def test_rows_and_columns_without_cells():
    rows = np.array([[np.nan, np.nan], [np.nan, 1.0], [2.0, np.nan], [1.0, 1.0]])
    assert has_cells(rows).tolist() == [False, True, True, True]
    check_columns_observed(rows, None)
    with pytest.raises(ValueError, match=r"no observed cell in column 'b'.*Drop the column"):
        check_columns_observed(rows[[0, 2]], np.array(["a", "b"], dtype=object))


def test_empty_rows_are_counted():
    warn_about_empty_rows(0)  # and does not warn
    with pytest.warns(EmptyRowWarning, match=r"without any observed cell: 3\. ") as caught:
        warn_about_empty_rows(3)
    assert caught[0].filename == __file__
    check_rows_left(2)
    with pytest.raises(ValueError, match=r"1 sample\(s\) with an observed cell.*minimum of 2"):
        check_rows_left(1)
