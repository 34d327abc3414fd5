"""Warnings about columns: short, the same in all folds, with the supports to paste."""

import subprocess
import sys
import warnings

import numpy as np
import pandas as pd
import pytest

from skflow import DegenerateColumnWarning, Support
from skflow.preprocessing.column_warnings import (
    merged_supports,
    warn_about_columns,
    warn_about_odd_values,
)
from skflow.preprocessing.odd_cells import Fences
from skflow.preprocessing.supports import resolve_supports

RNG = np.random.default_rng(0)
N = 500
FRAME = pd.DataFrame(
    {
        "count": RNG.poisson(3, N),
        "real": RNG.normal(size=N),
        "rain": np.maximum(RNG.normal(size=N), 0),
        "flat": 3.5,
        "flag": RNG.integers(0, 2, N),
    }
)


def messages(table, declared=None, supports=None, odd=None):
    """The warnings about a table of distinct rows."""
    names = table.columns.to_numpy() if isinstance(table, pd.DataFrame) else None
    rows = np.asarray(table, dtype=float)
    supports = supports or [Support()] * rows.shape[1]
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        warn_about_columns(rows, len(rows), supports, names, declared, odd)
    assert all(warning.category is DegenerateColumnWarning for warning in caught)
    return [str(warning.message) for warning in caught]


def test_a_warning_suggests_supports_to_declare(quick):
    with pytest.warns(DegenerateColumnWarning) as caught:
        quick().fit(FRAME)
    (warning,) = caught
    message = str(warning.message)
    assert warning.filename == __file__
    assert message.endswith(
        "support={'count': 'integer', 'rain': 'nonnegative', 'flag': ('integer', 0, 1)}."
    )
    assert "'flat' (constant)" in message
    assert "'real'" not in message
    suggested = {"count": "integer", "flag": ("integer", 0, 1)}
    quick(support=suggested).fit(FRAME[["count", "real", "flag"]])  # and does not warn


def test_all_columns_of_a_plain_array_are_named_by_index():
    (message,) = messages(FRAME[["real", "count"]].to_numpy())
    assert "column 1 (whole numbers)" in message
    assert message.endswith("support={1: 'integer'}.")


def test_a_pile_inside_names_the_support_and_the_family_that_works():
    frame = FRAME[["real", "rain"]].assign(real=FRAME["real"].where(FRAME["rain"] > 0.1, 0.5))
    (message,) = messages(frame)
    assert "column 'real' (many values equal to 0.5)" in message
    advice = "support={'real': Support(atoms=(0.5,)), 'rain': 'nonnegative'}."
    assert message.endswith(f" Consider flow='any_order', {advice}")
    assert "how narrow a spike" not in message
    supports = {"real": Support(atoms=(0.5,)), "rain": "nonnegative"}
    assert messages(frame, supports, resolve_supports(supports, 2, frame.columns)) == []
    with pytest.warns(DegenerateColumnWarning) as caught:
        warn_about_columns(frame.to_numpy(), N, [Support()] * 2, frame.columns, is_any_order=True)
    assert str(caught[0].message).endswith(f" Consider {advice}")


def test_nothing_is_said_of_bounds_without_ties():
    assert messages(RNG.exponential(size=(N, 1))) == []


def test_messages_are_the_same_in_all_folds():
    folds = [
        FRAME.iloc[k::4].assign(real=RNG.normal(size=len(FRAME.iloc[k::4]))) for k in range(4)
    ]
    assert len({message for fold in folds for message in messages(fold)}) == 1


def test_many_columns_are_not_listed():
    (message,) = messages(RNG.poisson(3, (N, 30)))
    assert message.count("column ") == 5
    assert message.endswith("and others. Consider support=skflow.infer_support(X).")


@pytest.mark.parametrize(
    ("declared", "merged"),
    [
        (None, {"b": "integer"}),
        ({"a": "positive"}, {"a": "positive", "b": "integer"}),
        ({"b": "nonnegative"}, {"b": "integer"}),
        (["positive", None], ["positive", "integer"]),
        ("nonnegative", {"a": "nonnegative", "b": "integer"}),
    ],
)
def test_suggestions_are_added_to_what_is_declared(declared, merged):
    names = np.array(["a", "b"], dtype=object)
    assert merged_supports(declared, {1: "integer"}, names, 2) == merged


def test_functions_of_other_columns():
    a, b = RNG.normal(size=(2, N))
    frame = pd.DataFrame({"a": a, "b": b, "c": a + b})
    (message,) = messages(frame)
    assert "column 'c' of 'a', 'b'." in message
    odd = np.zeros((N, 3), dtype=bool)
    frame.loc[3, "c"], odd[3, 2] = 1e20, True
    assert len(messages(frame, odd=odd)) == 1
    assert messages(frame) == []  # no false alarm, where one value hides all others


def test_odd_values_of_several_tables():
    rows = RNG.normal(size=(N, 2))
    rows[:9, 0], rows[9, 0], rows[5, 1] = -9999, 1e20, 1e300
    table = rows, Fences.of(rows, np.ones(N)), np.array(["u", "v"], dtype=object)
    with pytest.warns(DegenerateColumnWarning) as caught:
        warn_about_odd_values([table, (*table[:2], None)])
    (warning,) = caught
    start = "Far outside all other values: -9999, 1e+20 in column 'u'; 1e+300 in column 'v'; "
    assert str(warning.message).startswith(f"{start}-9999, 1e+20 in column 0;")
    assert "A missing code?" in str(warning.message)
    warn_about_odd_values([(rows[10:], table[1], None)])  # and does not warn


def test_holes_do_not_count():
    holes = np.random.default_rng(1).random(FRAME.shape) < 0.3
    assert messages(FRAME.mask(holes)) == messages(FRAME)
    a, b = RNG.normal(size=(2, N))
    frame = pd.DataFrame({"a": a, "b": b, "c": a - b}).mask(holes[:, :3])
    (message,) = messages(frame)
    assert "column 'c' of 'a', 'b'." in message
    few = pd.DataFrame({"count": np.arange(N) // 3.0, "b": b})
    few.loc[np.arange(N) % 3 > 0, "count"] = np.nan  # each number is in a single row
    assert messages(few) == []


def test_odd_values_that_become_holes():
    rows = RNG.normal(size=(N, 2))
    rows[:9, 0], rows[::4, 1] = -9999, np.nan
    with pytest.warns(DegenerateColumnWarning, match="takes such cells as not observed") as caught:
        warn_about_odd_values([(rows, Fences.of(rows, np.ones(N)), None)], as_holes=True)
    assert "-9999 in column 0. A missing" in str(caught[0].message)


SEARCH = """
import numpy as np
from sklearn.model_selection import cross_val_score
from skflow import NormalizingFlowDensity
rng = np.random.default_rng(0)
X = np.column_stack([rng.poisson(3, 120), rng.normal(size=120), rng.normal(size=120)])
X[rng.random(120) < 0.2, 2] = -9999
fast = NormalizingFlowDensity(effort="fast", max_iter=1, tol=100, n_transforms=1, random_state=0)
cross_val_score(fast, X, cv=3)
"""


def test_a_search_shows_each_warning_once():
    """With Python's own filters, which those of the tests replace."""
    done = subprocess.run(
        [sys.executable, "-c", SEARCH], capture_output=True, text=True, check=True
    )
    assert done.stderr.count("DegenerateColumnWarning: No density describes") == 1
    assert done.stderr.count("DegenerateColumnWarning: Far outside") == 1
