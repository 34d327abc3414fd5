"""Inferred supports: what a fit accepts, with a reason for each column of a messy table."""

import sys

import numpy as np
import pandas as pd
import polars as pl
import pytest

from skflow import infer_support

RNG = np.random.default_rng(0)
N = 400
A, B = RNG.normal(size=(2, N))
CODED = RNG.normal(size=N)
CODED[::40] = -9999
ONE_CELL = RNG.normal(70, 10, N)
ONE_CELL[50] = 1e20
FRAME = pd.DataFrame(
    {
        "age": RNG.integers(18, 90, N),
        "flag": RNG.integers(0, 2, N),
        "member": A > 0.3,
        "rain": np.maximum(RNG.normal(size=N), 0),
        "wait": RNG.exponential(size=N),
        "a": A,
        "b": B,
        "sum": A + B,
        "coded": CODED,
        "cell": ONE_CELL,
        "flat": 3.5,
        "half": 0.5 * RNG.poisson(30, N),
        "angle": RNG.uniform(-180, 180, N),
    }
)
SUPPORTS = {
    "age": "integer",
    "flag": ("integer", 0, 1),
    "member": ("integer", 0, 1),
    "rain": "nonnegative",
    "wait": "positive",
    "half": ("lattice", 0.5),
}
MESSY = FRAME.assign(
    text="left",
    day=pd.date_range("2020", periods=N),
    holes=np.where(B > 1, np.nan, np.round(3 * A)),
    nullable=pd.array(np.where(B > 1, None, 1), dtype="Int64"),
)


@pytest.mark.parametrize(
    "convert", [lambda frame: frame, pl.from_pandas], ids=["pandas", "polars"]
)
def test_supports_of_a_data_frame(convert):
    assert infer_support(convert(FRAME)) == SUPPORTS
    assert infer_support(convert(MESSY)) == SUPPORTS | {"holes": "integer"}


def test_supports_of_an_array():
    expected = {FRAME.columns.get_loc(name): support for name, support in SUPPORTS.items()}
    assert infer_support(FRAME.to_numpy(dtype=float)) == expected
    assert infer_support(FRAME[["a", "b"]].to_numpy()) == {}
    assert infer_support(np.append(np.zeros(70), A[:30] ** 2)[:, None]) == {0: "nonnegative"}


@pytest.mark.filterwarnings("ignore::skflow.DegenerateColumnWarning")
@pytest.mark.filterwarnings("ignore:invalid value encountered in log:RuntimeWarning")
def test_a_fit_accepts_them(quick):
    supports = infer_support(FRAME)
    with pytest.raises(ValueError, match=r"'half' contains multiples of 0\.5 .* flow='any_"):
        quick(flow="nsf_ar", support=supports).fit(FRAME)
    fitted = quick(support=supports).fit(FRAME)
    assert np.isfinite(fitted.score_samples(FRAME.drop(index=50))).all()
    ints = FRAME.set_axis(range(2000, 2000 + FRAME.shape[1]), axis=1)
    quick(support=infer_support(ints)).fit(ints)
    many = FRAME.set_axis(pd.MultiIndex.from_product([["x"], FRAME.columns]), axis=1)
    quick(support=infer_support(many)).fit(many)


def reasons(X):
    return {line.column: line.reason for line in infer_support(X, explain=True).itertuples()}


def test_reasons():
    found = reasons(MESSY)
    assert list(found) == list(MESSY.columns)
    assert found["age"] == "72 distinct whole numbers from 18 to 89"
    assert found["rain"].endswith("are 0")
    assert found["a"] == found["angle"] == "real numbers"
    assert found["sum"] == "a function of column 'a', column 'b'"
    assert found["coded"].startswith(
        "-9999, far outside all others, in 10 rows (0, 40, 80, 120, 160, …): a missing code?"
    )
    assert "1e+20, far outside all others, in 1 row (50)" in found["cell"]
    assert found["flat"] == "all values are 3.5"
    assert "a lattice of step 0.5" in found["half"]
    rounded = np.column_stack([np.round(2 * A, 1), B])
    assert reasons(rounded) == {0: "rounded to steps of 0.1", 1: "real numbers"}
    assert found["text"].startswith("not numeric")
    assert "dt.total_seconds()" in found["day"]
    assert found["holes"].startswith(f"{(B > 1).sum()} missing values; ")


def test_the_table_of_reasons_has_the_supports():
    explained = infer_support(MESSY, explain=True)
    by_column = explained.set_index("column")["support"]
    assert by_column.dropna().to_dict() == SUPPORTS | {"holes": "integer"}
    assert by_column["text"] is None


def test_without_pandas_there_is_a_list(monkeypatch):
    X = FRAME[["a"]].to_numpy()
    monkeypatch.setitem(sys.modules, "pandas", None)
    line = {"column": 0, "support": None, "reason": "real numbers"}
    assert infer_support(X, explain=True) == [line]


def test_holes_everywhere_and_no_number_at_all():
    assert infer_support([[np.nan, "a"], [np.nan, "b"]]) == {}
    assert reasons(np.full((5, 1), np.nan)) == {0: "5 missing values"}
    assert reasons(np.full((5, 1), np.inf)) == {0: "5 infinite values"}


def test_whole_numbers_are_counted_where_there_are_values():
    n = np.arange(400)
    column = n // 5.0 - 40
    assert infer_support(np.column_stack([A[n], column])) == {1: "integer"}
    column[n % 5 > 0] = np.nan  # each of the others is in a single row
    assert infer_support(np.column_stack([A[n], column])) == {}
