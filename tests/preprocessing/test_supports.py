"""Declarations of supports: what they mean, and errors about malformed ones and about rows."""

import math

import numpy as np
import pandas as pd
import pytest

from skflow.preprocessing.supports import (
    Support,
    check_inside,
    check_ordered,
    check_possible_without_atoms,
    resolve_supports,
    snapped,
)

INF = math.inf
UNIT = Support(low=0, high=1, atoms=(0, 1))
NAMES = np.array(["age", "hour"], dtype=object)


@pytest.mark.parametrize(
    "declared",
    [
        [("integer", 0, None), ("circular", 24)],
        {"age": ("integer", 0, None), "hour": ("circular", 24)},
        {0: ("integer", 0, None), 1: ("circular", 24)},
    ],
)
def test_lists_names_and_indices_declare_the_same(declared):
    expected = [Support("lattice", low=0, step=1), Support("circular", period=24)]
    assert resolve_supports(declared, 2, NAMES) == expected


@pytest.mark.parametrize(
    ("declared", "support"),
    [
        (None, Support()),
        ("positive", Support(low=0)),
        ("nonnegative", Support(low=0, atoms=[0])),
        ("unit", Support(low=0, high=1, atoms=[0, 1])),
        ((0, 1), Support(low=0, high=1, atoms=[0, 1])),
        ((None, 3), Support(high=3, atoms=[3])),
        ((-INF, 3), Support(high=3, atoms=[3])),
        ((None, None), Support()),
        ("integer", Support("lattice", step=1)),
        (("integer", None, 7), Support("lattice", high=7, step=1)),
        (("integer", 0.5, 3.5), Support("lattice", low=1, high=3, step=1)),
        (("lattice", 0.5), Support("lattice", step=0.5)),
        (("lattice", 0.5, 0.25, None), Support("lattice", low=0.25, step=0.5)),
        (("category", [3, 1]), Support("category", levels=(1, 3))),
        ("circular", Support("circular", period=2 * math.pi)),
        (("circular", 24), Support("circular", period=24)),
        (Support(low=0, high=5), Support(low=0, high=5)),
    ],
)
def test_a_single_declaration_is_for_all_columns(declared, support):
    assert resolve_supports(declared, 2, None) == [support] * 2


def test_columns_that_are_not_declared_are_unrestricted():
    assert resolve_supports({1: "unit"}, 2, None) == [Support(), UNIT]


@pytest.mark.parametrize(
    ("support", "message"),
    [
        ("negative", "must be None, 'positive'"),
        ((1, 0), "must be None, 'positive'"),
        ((), "must be None, 'positive'"),
        ((0, math.nan), "must be None, 'positive'"),
        (("circular", -1), "must be None, 'positive'"),
        (("integer", 0), "must be None, 'positive'"),
        (("integer", "a", 3), "must be None, 'positive'"),
        ((1, 2, 3), "must be None, 'positive'"),
        (["unit"], r"has 1 entries, but there are 2 columns"),
        ({"weight": "unit"}, r"the key 'weight', but the columns are \['a', 'b'\]"),
        ({2: "unit"}, "the key 2, but there are 2 columns. Use indices from 0 to 1"),
        ({0.5: "unit"}, "the key 0.5, but there are 2 columns"),
    ],
)
def test_malformed_declarations_raise(support, message, quick):
    X = pd.DataFrame(np.random.default_rng(0).random((50, 2)), columns=["a", "b"])
    with pytest.raises(ValueError, match=message):
        quick(support=support).fit(X)


def labels(*items):
    names = np.empty(len(items), dtype=object)
    names[:] = items
    return names


def test_ints_are_names_where_a_name_is_an_int():
    unit = [Support(), UNIT]
    assert resolve_supports({0: "unit"}, 2, labels(1, 0)) == unit
    assert resolve_supports({2024: "unit"}, 2, labels(2023, 2024)) == unit
    assert resolve_supports({np.int64(2024): "unit"}, 2, labels(2023, 2024)) == unit
    assert resolve_supports({"v": "unit"}, 2, labels(7, "v")) == unit
    for names, key in ((labels(1, 2), 0), (labels(7, "v"), 1), (labels(0, 1), True)):
        with pytest.raises(ValueError, match=rf"the key {key}, but the columns are \[.* names as"):
            resolve_supports({key: "unit"}, 2, names)


def test_keys_of_a_multi_index_are_tuples():
    names = labels(("a", 1), ("a", 2))
    assert resolve_supports({("a", 2): "unit"}, 2, names) == [Support(), UNIT]
    assert resolve_supports({1: "unit"}, 2, names) == [Support(), UNIT]
    with pytest.raises(ValueError, match=r"the key \('b', 2\), but the columns are \[\('a', 1\)"):
        resolve_supports({("b", 2): "unit"}, 2, names)


def test_fits_and_errors_go_by_the_labels(quick):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({1: rng.exponential(size=60), 0: rng.normal(size=60) - 5})
    with pytest.raises(ValueError, match=r"Row 0 has -\d.* in column named 0, which"):
        quick(support={0: "positive"}).fit(frame)
    assert (quick(support={1: "positive"}).fit(frame).sample(200, random_state=0)[:, 0] > 0).all()
    frame.loc[3, 1] = np.nan
    with pytest.raises(ValueError, match="NaN in column named 1 "):
        quick(flow="nsf_ar").fit(frame)


def test_names_need_a_table_with_names(quick):
    X = np.random.default_rng(0).random((50, 2))
    with pytest.raises(ValueError, match=r"the key 'a', but X has no column names\. Use indices"):
        quick(support={"a": "unit"}).fit(X)


@pytest.mark.parametrize(
    ("support", "value", "message"),
    [
        ("nonnegative", -0.25, "numbers from 0 to inf"),
        ("positive", 0.0, "numbers above 0"),
        ("unit", 1.5, "numbers from 0 to 1"),
        ("integer", 0.5, "integers from -inf to inf: 0.5 is not on the lattice of step 1 from 0"),
        (("integer", 1, 5), 6.0, r"integers from 1 to 5 \(rows"),
        (Support(low=0, high=2), 2.0, "numbers above 0 and below 2"),
    ],
)
def test_rows_outside_raise(support, value, message, quick):
    X = pd.DataFrame({"a": np.ones(50), "b": np.ones(50)})
    X.loc[17, "b"] = value
    with pytest.raises(ValueError, match=f"Row 17 has {value:g} in column 'b'.*{message}"):
        quick(support={"b": support}).fit(X)


def test_an_error_counts_the_rows_outside_and_names_the_first_by_its_index():
    rows = np.array([[0.5, 1.0], [0.5, 9.0], [0.5, -2.0]])
    supports = resolve_supports(["unit", (0, 3)], 2, None)
    indices = np.array([4, 70, 300])
    with pytest.raises(ValueError, match=r"Row 70 has 9 in column 1.*\(rows outside: 2\)"):
        check_inside(rows, supports, None, indices)
    check_inside(rows[:1], supports, None, indices[:1])


def test_rows_of_zero_weight_may_be_outside(quick):
    X = np.abs(np.random.default_rng(0).normal(size=(50, 1)))
    X[3] = -1
    quick(support="nonnegative").fit(X, sample_weight=np.arange(50) != 3)


def test_an_angle_among_targets_is_named():
    check_ordered({"age": "integer"}, 2, NAMES)
    with pytest.raises(ValueError, match=r"target column 'hour' consists of angles of period 24"):
        check_ordered({"hour": ("circular", 24)}, 2, NAMES)


def test_rows_off_a_lattice_and_unknown_categories_raise():
    supports = resolve_supports([("lattice", 0.5), ("category", [1, 4])], 2, NAMES)
    rows = np.array([[0.5, 4.0], [np.nan, np.nan], [1.5000001, 1.0], [1.0, 3.0]])
    indices = np.arange(4)
    check_inside(rows[:3], supports, NAMES, indices)
    message = (
        r"Row 3 has 3 in column 'hour', which is declared to contain the categories 1, 4 \(rows "
        r"outside: 1\)\. Declare another support"
    )
    with pytest.raises(ValueError, match=message):
        check_inside(rows, supports, NAMES, indices)
    rows[1, 0] = 0.37
    message = "0.37 in column 'age', .* 0.37 is not on the lattice of step 0.5 from 0"
    with pytest.raises(ValueError, match=f"Row 1 has {message}"):
        check_inside(rows, supports, NAMES, indices)
    np.testing.assert_array_equal(snapped(rows, supports)[2], [1.5, 1.0])


@pytest.mark.parametrize(
    ("support", "what"),
    [
        (("lattice", 0.5), "multiples of 0.5 from -inf to inf"),
        (("lattice", 1, 0.5, None), r"numbers 0.5 \+ 1 k"),
        (("category", [0, 1]), "the categories 0, 1"),
        (Support(low=0, atoms=[0, 0.5]), "values with a probability of their own, such as 0.5"),
    ],
)
def test_what_other_families_cannot_do_names_one_that_can(support, what, quick):
    X = np.ones((50, 2))
    message = f"support declares that column 1 contains {what}.*, which needs flow='any_order'"
    with pytest.raises(ValueError, match=message):
        quick(flow="nsf_ar", support=[None, support]).fit(X)


@pytest.mark.parametrize(
    "support", ["unit", (None, 3), ("integer", -3, 7), ("lattice", 1), Support(low=0), "circular"]
)
def test_what_other_families_can_do(support):
    check_possible_without_atoms(resolve_supports(support, 2, None), None)


def test_a_category_among_targets_is_named():
    with pytest.raises(ValueError, match=r"the categories 0, 1, but .* NormalizingFlowClassifier"):
        check_ordered([None, ("category", [0, 1])], 2, NAMES)


@pytest.mark.parametrize("support", ["positive", "unit", "integer", ("integer", 0, 9), "circular"])
def test_a_hole_is_never_outside(support):
    rows, supports = np.array([[1.0], [np.nan], [-0.5]]), resolve_supports(support, 1, None)
    check_inside(rows[:2], supports, None, np.arange(2))
    if support != "circular":
        with pytest.raises(ValueError, match=r"Row 2 has -0\.5 .* \(rows outside: 1\)"):
            check_inside(rows, supports, None, np.arange(3))


def test_the_fitted_supports_of_other_families_have_no_atoms(quick):
    X = np.random.default_rng(0).uniform(size=(60, 2))
    for flow, atoms in (("nsf_ar", ()), ("any_order", (0.0, 1.0))):
        fitted = quick(flow=flow, n_estimators=1, support=["unit", "integer"], max_iter=3)
        supports = fitted.fit(np.floor(X * [1, 9]) + X * [1, 0]).supports_
        assert supports == [Support(low=0, high=1, atoms=atoms), Support("lattice", step=1)]
