"""Rows without any observed cell are left out of a fit, in all processes."""

import numpy as np
import pytest

from skflow import EmptyRowWarning
from skflow.data.sources import MemmapSource
from skflow.estimators.table_rows import without_empty_rows
from skflow.runtime.process_group import SINGLE_PROCESS, ProcessGroup

ROWS = np.array([[np.nan, np.nan], [1.0, np.nan], [np.nan, np.nan], [np.nan, 2.0]])


class BesideAnother(ProcessGroup):
    """A process beside another one, which has the given numbers of other and of empty rows."""

    def __init__(self, n_left, n_empty):
        self.other = n_left, n_empty

    def all_gather(self, value):
        return [value, self.other]


@pytest.mark.parametrize(
    ("weights", "expected", "n_empty"),
    [
        (None, [0, 1, 0, 1], 2),
        ([3.0, 2, 0, 5], [0, 2, 0, 5], 1),
        ([2.0, 1, 4, 0.5], [0, 1, 0, 0.5], 2),
    ],
)
def test_rows_without_cells_have_no_weight(weights, expected, n_empty):
    weights = None if weights is None else np.array(weights)
    with pytest.warns(EmptyRowWarning, match=f": {n_empty}"):
        assert without_empty_rows(ROWS, weights, SINGLE_PROCESS).tolist() == expected


def test_others_keep_theirs():
    weights = np.array([0.0, 1.0, 0.0, 2.0])
    assert without_empty_rows(ROWS, weights, SINGLE_PROCESS) is weights
    assert without_empty_rows(ROWS[[1, 3]], None, SINGLE_PROCESS) is None
    assert without_empty_rows(MemmapSource(ROWS), None, SINGLE_PROCESS) is None


@pytest.mark.filterwarnings("ignore::skflow.EmptyRowWarning")
def test_too_few_rows_of_all_processes_are_an_error_in_each():
    without_empty_rows(ROWS[:1], None, BesideAnother(2, 0))
    without_empty_rows(ROWS[:2], None, BesideAnother(1, 1))
    for own, other in ((ROWS[:1], (1, 0)), (ROWS[1:2], (0, 3))):
        with pytest.raises(ValueError, match=r"1 sample\(s\) with an observed cell"):
            without_empty_rows(own, None, BesideAnother(*other))
    without_empty_rows(ROWS[1:2], None, BesideAnother(0, 0))  # other rules are not of holes
