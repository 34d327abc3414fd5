"""Which cells have a probability, and which a density."""

from types import SimpleNamespace

import numpy as np
import pytest

from skflow import Support
from skflow.testing import DensityCheckError
from skflow.testing.measure import Measure, is_plain
from tests.testing.planted_faults import SUPPORTS

NAN = np.nan


def test_without_supports_all_columns_are_real():
    measure = Measure.of(SimpleNamespace(), 2)
    assert measure.supports == (Support(), Support())
    assert measure.is_lebesgue
    assert not measure.is_discrete
    assert measure.is_continuous(np.array([[0.0, NAN]])).tolist() == [[True, False]]


def test_cells_on_a_continuum_are_neither_atoms_nor_codes_nor_on_a_lattice():
    rows = np.array([[0, 1, 2.5, 23, 0], [0.1, 2, 0, 0, NAN]])
    measure = Measure.of(SimpleNamespace(supports_=SUPPORTS), 5)
    expected = [[False, False, False, True, True], [True, False, False, True, False]]
    assert measure.is_continuous(rows).tolist() == expected
    assert measure.is_discrete
    assert not measure.is_lebesgue


@pytest.mark.parametrize("support", [Support(low=0), Support(high=2), Support(atoms=[1])])
def test_bounds_and_atoms_make_a_column_not_plain(support):
    assert not is_plain(support)
    assert not is_plain(Support("circular"))
    assert is_plain(Support())


def test_all_rows_are_all_combinations_of_states():
    flag, code = Support("lattice", step=1, low=0, high=1), Support("category", levels=[2, 5, 7])
    rows = Measure((flag, code)).all_rows
    assert sorted(map(tuple, rows)) == [(f, c) for f in (0, 1) for c in (2, 5, 7)]
    assert Measure((flag, Support())).all_rows is None
    assert Measure((Support(atoms=[0]),)).all_rows is None  # a continuum beside the atom
    assert Measure((Support("lattice", step=1, low=0),)).all_rows is None
    assert len(Measure((flag,) * 14).all_rows) == 2**14
    assert Measure((flag,) * 15).all_rows is None


def test_a_support_is_missing():
    with pytest.raises(DensityCheckError, match="supports_ has 1 entries\nexpected: 2"):
        Measure.of(SimpleNamespace(supports_=[Support()]), 2)
