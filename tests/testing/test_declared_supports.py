"""Declarations of other columns: more of them, and in other units."""

import numpy as np
import pytest
from sklearn.neighbors import KernelDensity

from skflow import Support
from skflow.testing.declared_supports import (
    declares_supports,
    rescaled,
    with_one_more_column,
    with_supports,
)
from tests.testing.planted_faults import SUPPORTS, Independent, rows_of_all_kinds


def test_estimators_without_declarations_stay_as_they_are(quick):
    for estimator in (KernelDensity(), quick(), object()):
        assert not declares_supports(estimator)
        assert with_one_more_column(estimator, np.zeros((30, 1))) is estimator
    assert declares_supports(quick(support="positive"))


def test_one_more_column_is_real_or_like_another_one():
    X = rows_of_all_kinds()
    estimator = Independent()
    assert with_one_more_column(estimator, X).support == [*SUPPORTS, Support()]
    assert with_one_more_column(estimator, X, like=1).support == [*SUPPORTS, SUPPORTS[1]]
    assert estimator.support is SUPPORTS
    assert with_supports(estimator, [Support()]).support == [Support()]


@pytest.mark.parametrize(
    ("support", "expected"),
    [
        (Support(), Support()),
        (Support(low=0, high=4, atoms=[0, 1]), Support(low=1, high=3, atoms=[1, 1.5])),
        (Support("lattice", step=2, low=0), Support("lattice", step=1, low=1)),
        (Support("lattice", step=4), Support("lattice", step=2, origin=1)),
        (Support("lattice", step=4, high=8), Support("lattice", step=2, high=5, origin=1)),
        (Support("category", levels=[0, 3]), Support("category", levels=[1, 2.5])),
        (Support("circular", period=24), Support("circular", period=12)),
    ],
    ids=repr,
)
def test_supports_move_with_their_values(support, expected):
    assert rescaled(support, 0.5, 1) == expected
