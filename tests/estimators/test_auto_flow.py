"""The family that flow="auto" stands for."""

import numpy as np
import pytest

from skflow import NormalizingFlowDensity
from skflow.estimators.auto_flow import WithFlow, resolved_flow
from skflow.preprocessing.dataset import WeightedDataset
from skflow.preprocessing.supports import resolve_supports

ROWS = np.arange(12.0).reshape(4, 3)
HOLED = np.where(ROWS == 4, np.nan, ROWS)


def resolved(rows, declared=None, flow="auto"):
    data = WeightedDataset.of(rows, np.ones(len(rows)))
    return resolved_flow(flow, data, resolve_supports(declared, rows.shape[1], None))


@pytest.mark.parametrize(
    "declared",
    [
        {1: "nonnegative"},
        {1: (0, None)},
        {1: "integer"},
        {1: ("lattice", 0.5)},
        {1: ("category", range(12))},
    ],
    ids=str,
)
def test_columns_that_need_any_order(declared):
    assert resolved(ROWS, declared) == "any_order"
    assert resolved(ROWS, declared, flow="maf") == "maf"


@pytest.mark.parametrize("declared", [None, {1: "positive"}, {1: "circular"}, {1: (None, None)}])
def test_columns_that_do_not(declared):
    assert resolved(ROWS, declared) == "nsf_ar"
    assert resolved(HOLED, declared) == "any_order"


def test_a_single_column_of_whole_numbers():
    assert resolved(ROWS[:, :1], "integer") == resolved(ROWS[:, :1], ("integer", 0, 9)) == "nsf_ar"
    assert resolved(ROWS[:, :1], ("lattice", 3)) == "any_order"
    assert resolved(ROWS[:, :1], "nonnegative") == "any_order"


def test_parameters_with_the_family():
    parameters = WithFlow(NormalizingFlowDensity(n_bins=5), "maf")
    assert (parameters.flow, parameters.n_bins) == ("maf", 5)
