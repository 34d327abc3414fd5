"""What stands out in a column, and the support that it asks for."""

import numpy as np
import pytest

from skflow import Support
from skflow.preprocessing.column_findings import count_observed, examine_column, tied_columns
from skflow.preprocessing.supports import resolve_supports

RNG = np.random.default_rng(0)
NORMAL = RNG.normal(size=100)


def finding(column, declared=None, n_rows=None, odd=None):
    n_rows = len(column) if n_rows is None else n_rows
    odd = np.zeros(len(column), dtype=bool) if odd is None else odd
    return examine_column(column, odd, n_rows, declared or Support())


def with_ties(n_ties, value, column=NORMAL):
    return np.concatenate([np.full(n_ties, value), column[n_ties:]])


def test_a_constant_column():
    assert finding(np.full(50, 3.0)).what == "constant"
    assert finding(np.full(50, 3.0)).support is None


def test_ties_at_more_than_a_fifth_of_the_rows():
    assert finding(with_ties(20, 0.25)) is None
    found = finding(with_ties(21, 0.25))
    assert found.what == "many values equal to 0.25"
    assert found.detail == "21 of 100 distinct rows (21.0 %) are 0.25"
    assert found.support == Support(atoms=[0.25])
    assert found.degenerate
    assert finding(with_ties(21, 0.25), Support(atoms=[0.25])) is None
    bounded = Support(low=-9, high=9, atoms=[9])
    assert finding(with_ties(21, 0.25), bounded).support == Support(
        low=-9, high=9, atoms=[0.25, 9]
    )


def test_piles_at_an_end_and_inside():
    column = np.maximum(with_ties(25, 0.25), 0)
    found = finding(column)
    assert found.support == Support(low=0, atoms=[0, 0.25])
    assert found.what == "many values at its end 0 and many values equal to 0.25"
    assert finding(column, found.support) is None
    assert finding(with_ties(30, -999.0, np.append(NORMAL, -1000.5))).support is None  # a code


@pytest.mark.parametrize(
    ("value", "support"),
    [(-9.0, (-9, None)), (9.0, (None, 9)), (-8.5, (-8.5, None))],
)
def test_ties_at_an_end_look_like_a_bound_from_one_in_twenty_rows_on(value, support):
    assert finding(with_ties(5, value)) is None
    found = finding(with_ties(6, value))
    assert found.what == f"many values at its end {value:g}"
    assert found.support == support
    assert finding(with_ties(6, value)[:40]) is None  # too few rows
    assert finding(with_ties(6, value), Support(low=-9.0)) is None


def test_named_bounds():
    assert finding(np.maximum(NORMAL, 0)).support == "nonnegative"
    assert finding(np.clip(NORMAL + 0.5, 0, 1)).support == "unit"


@pytest.mark.parametrize("code", [-999.0, 9999.0])
def test_no_bound_at_a_code(code):
    column = with_ties(10, code, RNG.uniform(-900, 900, 100))  # too near to be odd
    found = finding(column)
    assert found.what == f"{code:g} again and again: a missing code?"
    assert found.support is None


def test_integers_look_like_counts_if_more_than_four_rows_have_each():
    integers = np.repeat(np.arange(10.0), 5)
    assert finding(integers).support == "integer"
    assert finding(integers).detail == "10 distinct whole numbers from 0 to 9"
    integers = np.repeat(np.arange(10.0), 4)
    assert finding(integers) is None
    assert finding(integers, n_rows=41).support == "integer"  # with repeated rows
    assert finding(np.repeat([0.0, 1.0], 30)).support == ("integer", 0, 1)
    assert finding(np.repeat([1.0, 2.0], 30)).support == "integer"


@pytest.mark.parametrize(
    ("column", "support"),
    [
        (0.5 * RNG.poisson(20, 300), ("lattice", 0.5)),
        (0.328 * RNG.poisson(20, 300), ("lattice", 0.328)),
        ((0.1 * RNG.poisson(9, 300)).astype(np.float32).astype(float), ("lattice", 0.1)),
        (100.0 * RNG.poisson(9, 300), ("lattice", 100)),
        (0.2 + RNG.poisson(9, 300) / 2, Support("lattice", step=0.5, origin=0.2)),
        (np.repeat([0.2, 0.7], 50), ("lattice", 0.5, 0.2, 0.7)),
        (np.repeat([0.0, 100.0], 50), ("lattice", 100, 0, 100)),
        (np.repeat([1.0, 1.5, 2.5], 50), ("lattice", 0.5)),
    ],
)
def test_lattices_of_other_steps(column, support):
    found = finding(column)
    assert found.what.startswith("a lattice of step ")
    assert found.support == support
    (resolved,) = resolve_supports(support, 1, None)
    assert resolved.contains(column).all()
    assert finding(column, resolved) is None


@pytest.mark.parametrize(
    "column",
    [
        np.round(RNG.normal(size=500), 2),  # too few rows for each value
        np.round(RNG.normal(170, 8, 2000), 1),  # 260 steps, with 8 rows for each
        np.round(RNG.normal(size=5000) * 2, 1),  # 66 steps of a tenth
        np.where(RNG.random(2000) < 0.05, 0.5, 0) + RNG.integers(0, 40, 2000),  # few halves
        RNG.choice(RNG.normal(size=12), 500),  # levels on no lattice
    ],
)
def test_rounding_is_no_lattice(column):
    found = finding(column)
    assert found is None or not found.is_lattice


def test_a_lattice_is_a_fault_only_with_a_pile():
    column = 0.5 * RNG.poisson(20, 300)
    assert not finding(column).degenerate
    assert finding(np.where(np.arange(300) < 70, 8.0, column)).degenerate
    assert finding(100 * np.round(column)).degenerate  # as all whole numbers


def test_bounds_and_odd_values_of_lattices():
    column = 0.5 * RNG.poisson(20, 300)
    declared = finding(column, Support(low=0, atoms=[0]))
    assert declared.support == Support("lattice", low=0, step=0.5)
    with_odd = np.append(column, [-9999.0, 1e9])
    odd = np.abs(with_odd) > 1000
    assert finding(with_odd, odd=odd).support == ("lattice", 0.5)
    assert finding(np.where(odd, 0.3, with_odd), odd=odd).support is None


@pytest.mark.parametrize(
    ("declared", "support"),
    [
        (Support(low=0.0, atoms=(0.0,)), ("integer", 0, None)),
        (Support(low=0.0), ("integer", 1, None)),
        (Support(low=-1.0, high=12.0, atoms=(-1.0, 12.0)), ("integer", -1, 12)),
    ],
)
def test_declared_bounds_of_integers_are_kept(declared, support):
    assert finding(np.repeat(np.arange(1.0, 11), 5), declared).support == support


@pytest.mark.parametrize("support", [Support("lattice", step=1), Support("circular", period=24)])
def test_declared_integers_and_angles_are_fine(support):
    assert finding(np.repeat(np.arange(10.0), 50), support) is None


def test_odd_values_do_not_count_but_have_to_be_possible():
    flags = np.append(np.repeat([0.0, 1.0], 30), [-9999.0] * 6)
    odd = flags == -9999
    assert finding(flags, odd=odd).support == "integer"  # no bounds, which would exclude it
    assert finding(np.where(odd, 99.9, flags), odd=odd).support is None
    pile = np.append(np.maximum(NORMAL, 0), [-9999.0] * 6)
    assert finding(pile, odd=pile == -9999).support is None


@pytest.mark.parametrize(
    ("column", "support"),
    [
        (RNG.exponential(size=500), "positive"),
        (np.append(0.0, RNG.exponential(size=500)), "nonnegative"),
        (np.abs(RNG.normal(size=500)), "positive"),
        (RNG.random(500), "unit"),
    ],
)
def test_bounds_at_which_the_density_ends(column, support):
    found = finding(column)
    assert found.support == support
    assert not found.degenerate


@pytest.mark.parametrize(
    "column",
    [RNG.normal(170, 10, 500), RNG.gamma(4, 1, 500), RNG.lognormal(7, 1, 500), RNG.random(20)],
)
def test_no_bound_where_there_is_no_density(column):
    assert finding(column) is None


def test_ties_of_a_single_column_are_its_repeated_rows():
    counts = np.array([3, 1])
    rows = np.array([[5.0], [7.0]])
    np.testing.assert_array_equal(tied_columns(rows, counts), [[5, 5, 5, 7]])
    np.testing.assert_array_equal(tied_columns(np.hstack([rows, rows]), counts), [[5, 7]] * 2)


def test_holes_do_not_count():
    for column in (np.full(50, 3.0), with_ties(21, 0.25), np.abs(NORMAL), np.arange(90.0) % 9):
        holes = np.insert(column, [0, 5, 5, len(column)], np.nan)
        assert finding(holes, n_rows=len(column)) == finding(column)
    assert finding(np.full(5, np.nan)) is None


def test_the_rows_with_a_value_are_counted_by_their_weights():
    observed, counts = np.array([True, False, True]), np.array([1, 2, 5])
    assert count_observed(80, observed, counts) == 60
    assert count_observed(8, ~observed, counts) == 2
