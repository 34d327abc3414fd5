"""Odd values: codes and absurd cells are found, and heavy tails, piles and flags are not."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skflow.preprocessing.odd_values import find_fences, is_odd, looks_like_code

RNG = np.random.default_rng(0)
N = 1500
COLUMNS = {
    "normal": RNG.normal(size=N),
    "gamma": RNG.gamma(3, 2, N),
    "ages": RNG.integers(18, 90, N).astype(float),
    "temperatures": RNG.normal(15, 8, N).round(1),
    "ratings": RNG.integers(1, 6, N).astype(float),
    "flags": RNG.integers(0, 2, N).astype(float),
}


def odd_values(column, counts=None):
    return np.unique(column[is_odd(column, *find_fences(column, counts))]).tolist()


def with_value(column, value, n, seed=0):
    column = column.copy()
    column[np.random.default_rng(seed).permutation(len(column))[:n]] = value
    return column


@pytest.mark.parametrize("value", [-9999.0, 999.0, -32768.0, 1e12, 1e20, 9.96921e36, -1e300])
@pytest.mark.parametrize("n", [2, 15, 90, 300, 1050])
@pytest.mark.parametrize("kind", COLUMNS)
def test_repeated_values_far_outside(kind, value, n):
    assert odd_values(with_value(COLUMNS[kind], value, n)) == [value]


@pytest.mark.parametrize("value", [-9999.0, 999.0, 1e12, 1e20, 9.96921e36, -1e300])
@pytest.mark.parametrize("kind", ["normal", "gamma", "ages", "temperatures"])
@pytest.mark.parametrize("n_rows", [50, 150, N])
def test_a_single_absurd_cell(kind, value, n_rows):
    assert odd_values(with_value(COLUMNS[kind][:n_rows], value, 1)) == [value]


@pytest.mark.parametrize(
    ("codes", "n"),
    [
        *[(codes, n) for codes in ([-9999, -8888], [-9999, 1e20], [-9999, 9999]) for n in (1, 7)],
        ([-1e300, 1e300], 1),
        ([-1e200, 1e12, 1e300], 1),
        ([997, 998, 999], 7),
    ],
)
def test_odd_values_do_not_hide_each_other(codes, n):
    column = COLUMNS["gamma"].copy()
    for k, code in enumerate(codes):
        column[k * n : (k + 1) * n] = code
    assert odd_values(column) == codes


def test_a_value_is_repeated_by_its_count_too():
    column = np.append(COLUMNS["normal"], 60.0)
    counts = np.ones(N + 1)
    assert odd_values(column, counts) == []
    counts[-1] = 2
    assert odd_values(column, counts) == [60.0]


HEAVY = {
    "Cauchy": lambda rng, n: rng.standard_cauchy(n),
    "Pareto 0.5": lambda rng, n: rng.pareto(0.5, n),
    "Pareto 1": lambda rng, n: rng.pareto(1.0, n),
    "lognormal": lambda rng, n: rng.lognormal(0, 3, n),
    "cubes of normals": lambda rng, n: rng.normal(size=n) ** 3,
    "zeros and a few amounts": lambda rng, n: (rng.random(n) > 0.97) * rng.lognormal(4, 2, n),
    "rounded Cauchy": lambda rng, n: rng.standard_cauchy(n).round(1),
    "counts": lambda rng, n: rng.poisson(rng.lognormal(0, 2, n)).astype(float),
}


@pytest.mark.parametrize("kind", HEAVY)
def test_heavy_tails_are_not_odd(kind):
    rng = np.random.default_rng(0)
    columns = [HEAVY[kind](rng, n) for n in (100, 1000, 10_000) for _ in range(30)]
    assert [odd_values(column) for column in columns] == [[]] * 90


@pytest.mark.parametrize(
    "column",
    [
        np.repeat([0.0, 1e6], 50),
        np.repeat([1.0, 2.0, 3.0, 100.0], 50),
        np.concatenate([np.zeros(50), RNG.normal(1000, 5, 100)]),  # nothing sold on many days
        np.full(20, 7.0),
        np.array([0.0, 1.0]),
        np.repeat([1e-300, 1e300], 10),
        1e150 * COLUMNS["normal"],
        np.concatenate([COLUMNS["normal"][:150], RNG.normal(size=150) + 50]),
    ],
    ids=str,
)
def test_flags_levels_zeros_and_clusters_are_not_odd(column):
    assert odd_values(column) == []


def test_fences_are_where_a_single_value_would_be_odd():
    low, high = find_fences(COLUMNS["normal"])
    reach = np.abs(COLUMNS["normal"] - np.median(COLUMNS["normal"])).max()
    assert high / reach == pytest.approx(1e4, rel=0.01)
    assert low / reach == pytest.approx(-1e4, rel=0.01)
    assert find_fences(COLUMNS["ratings"]) == (-np.inf, np.inf)


@pytest.mark.parametrize("scale", [5e-324, 1e-310, 1e-150, 1e300])
def test_numbers_at_the_ends_of_float64(scale):
    column = np.append(np.repeat(np.arange(12.0), 10), -9.0) * scale
    with np.errstate(all="raise", under="ignore"):
        assert odd_values(column) == []
        assert odd_values(np.append(column, np.full(3, -1e307))) in ([-1e307], [])


def test_codes_by_their_looks():
    codes = [-9999, 999, 99, 99.9, -999.9, 88, 777, 1e20, -32768, 65535, 9.96921e36]
    assert all(looks_like_code(code) for code in codes)
    assert not any(looks_like_code(value) for value in [9, 0.99, 100, 66, 998, -1, 0, 1e12])


@settings(max_examples=40, deadline=None)
@given(
    st.integers(0, 2**32 - 1),
    st.integers(1, 5),
    st.sampled_from([37.0, -61.0, 1234.5]),
    st.integers(-60, 60),
)
def test_order_and_scale_do_not_matter(seed, n, value, exponent):
    rng = np.random.default_rng(seed)
    column = with_value(rng.normal(size=60), value, n, seed)
    odd = odd_values(column)
    assert odd_values(rng.permutation(column)) == odd
    if not any(looks_like_code(v) for v in 2.0**exponent * column):
        assert odd_values(2.0**exponent * column) == [2.0**exponent * v for v in odd]


def test_holes_do_not_count():
    column, counts = with_value(COLUMNS["normal"], -999.0, 5, 0), None
    holes = np.insert(column, [0, 3, 3, len(column)], np.nan)
    for counts in (None, np.arange(1, len(column) + 1)):
        of_holes = None if counts is None else np.insert(counts, [0, 3, 3, len(column)], 1000)
        assert find_fences(holes, of_holes) == find_fences(column, counts)
    assert find_fences(np.full(5, np.nan)) == (-np.inf, np.inf)
    assert not is_odd(np.array([np.nan]), -1.0, 1.0).any()
