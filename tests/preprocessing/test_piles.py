"""Values that many rows have, at the ends of a column and inside."""

import numpy as np
import pytest

from skflow.preprocessing.piles import find_piles, has_pile

VALUES = np.arange(70.0)


def counts(**extra):
    """One row for each value, and more for some, which are given as v3=20."""
    numbers = np.ones(len(VALUES), dtype=int)
    for name, count in extra.items():
        numbers[int(name[1:])] = count
    return numbers


@pytest.mark.parametrize(
    ("extra", "may_end", "piles"),
    [
        ({}, True, None),
        ({"v0": 3}, True, None),
        ({"v0": 4}, True, (0, None, ())),
        ({"v0": 4, "v69": 5}, True, (0, 69, ())),
        ({"v0": 4}, False, None),
        ({"v0": 18}, False, (None, None, (0,))),
        ({"v30": 17}, True, None),
        ({"v30": 18}, True, (None, None, (30,))),
        ({"v0": 6, "v30": 40, "v31": 40}, True, (None, None, (30, 31))),
        ({"v0": 60, "v30": 60}, True, (0, None, (30,))),
    ],
)
def test_one_row_in_twenty_at_an_end_and_one_in_five_inside(extra, may_end, piles):
    found = find_piles(VALUES, counts(**extra), may_end)
    if piles is None:
        assert found is None
    else:
        assert (found.low, found.high, found.inside) == piles
        expected = {float(name[1:]): count for name, count in extra.items() if count > 6}
        assert found.counts.items() >= expected.items()


def test_few_rows_have_no_ends():
    few = np.array([3, 1, 1, 1, 1, 1])
    assert find_piles(np.arange(6.0), few, True).low is None
    assert find_piles(np.arange(6.0), np.ones(6, dtype=int), True) is None


def test_piles_in_words():
    piles = find_piles(VALUES, counts(v0=60, v30=60, v31=60), True)
    assert piles.describe() == "many values at its end 0 and many values equal to 30 and 31"
    assert piles.shares().startswith("60 of 247 distinct rows (24.3 %) are 0 and 60 of 247")


def test_has_pile():
    assert has_pile(np.array([3, 4, 13]))
    assert not has_pile(np.array([3, 1, 3, 3, 3, 2]))
    assert not has_pile(np.array([1, 1]))
