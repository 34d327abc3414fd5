"""Odd cells get the values of similar rows, or are drawn in to the edge of the others."""

from dataclasses import replace

import numpy as np
import pytest

from skflow import Support
from skflow.data.weighted_rows import merge_duplicates
from skflow.preprocessing.dataset import WeightedDataset
from skflow.preprocessing.odd_cells import Fences, OddCells, OddCellsAsHoles

RNG = np.random.default_rng(0)


def dataset(rows, weights=None, context=None):
    weights = np.ones(len(rows)) if weights is None else weights
    return WeightedDataset.of(rows, weights, context)


def replaced(rows, weights=None, context=None, seed=0):
    data = dataset(rows, weights, context)
    cells = OddCells(Fences.of(rows, data.weights.numpy()), data)
    return cells.replaced_in(data, np.random.default_rng(seed))


@pytest.fixture(scope="module")
def dependent():
    """600 rows, whose second column is about the first; a sixth of them have a code there."""
    x = RNG.normal(size=600)
    rows = np.column_stack([x, x + 0.1 * RNG.normal(size=600), RNG.normal(size=600)])
    rows[:100, 1] = -9999
    return rows


def test_tables_without_odd_cells_stay_as_they_are(dependent):
    rows = dependent[100:]
    np.testing.assert_array_equal(replaced(rows).x, rows)


def test_donors_are_similar_rows(dependent):
    usual = replaced(dependent).x.numpy()
    np.testing.assert_array_equal(usual[100:], dependent[100:])
    np.testing.assert_array_equal(usual[:100, [0, 2]], dependent[:100, [0, 2]])
    assert np.isin(usual[:100, 1], dependent[100:, 1]).all()
    assert np.corrcoef(usual[:100, 0], usual[:100, 1])[0, 1] > 0.9


def test_donors_share_the_context(dependent):
    context, rows = dependent[:, [0]], dependent[:, [1]]
    usual = replaced(rows, context=context)
    assert len(usual) == 600
    assert np.corrcoef(context[:100, 0], usual.x.numpy()[:100, 0])[0, 1] > 0.9


def test_many_rows_do_not_share_one_donor():
    rows = np.column_stack([np.repeat([0.0, 1.0], 300), RNG.normal(size=600)])
    rows[:150, 1] = 1e20
    usual = replaced(rows).x.numpy()
    assert len(np.unique(usual[:150, 1])) > 50
    assert usual[:150, 1].std() == pytest.approx(rows[150:, 1].std(), rel=0.3)


def test_donors_come_by_their_weights():
    rows = np.column_stack([RNG.normal(size=400), np.repeat([-1.0, 0.0, 1.0, 999.0], 100)])
    rows[:300, 1] += 0.01 * RNG.normal(size=300)
    weights = np.repeat([1.0, 1.0, 2.0, 1.0], 100)
    donated = replaced(rows, weights).x.numpy()[300:, 1]
    assert (donated > 0.5).mean() == pytest.approx(0.5, abs=0.15)


def test_rows_of_which_nothing_is_known_are_left_out():
    rows = RNG.normal(size=(50, 1))
    rows[[7, 30]] = 1e300
    kept = replaced(rows)
    np.testing.assert_array_equal(kept.x, np.delete(rows, [7, 30], axis=0))
    np.testing.assert_array_equal(kept.observed, kept.x)


def test_what_was_observed_is_kept(dependent):
    np.testing.assert_array_equal(replaced(dependent).observed, dependent)


def test_numbers_near_the_largest_do_not_overflow():
    rows = 1e300 * RNG.normal(size=(100, 2))
    rows[3, 0] = -9999  # in the middle of the others
    rows[4, 1] = 1e302
    with np.errstate(over="raise", invalid="raise"):
        np.testing.assert_array_equal(replaced(rows).x, rows)


def test_cells_are_drawn_in_to_just_outside_the_others(dependent):
    fences = Fences.of(dependent, np.ones(600))
    drawn_in = fences.drawn_in(dependent)
    least, most = dependent[100:, 1].min(), dependent[:, 1].max()
    np.testing.assert_allclose(drawn_in[:100, 1], least - 0.05 * (most - least))
    np.testing.assert_array_equal(drawn_in[100:], dependent[100:])
    np.testing.assert_array_equal(fences.drawn_in(np.array([[0.0, -1e6, 1e9]]))[0, 0], 0.0)
    assert np.abs(fences.drawn_in(np.array([[0.0, -1e6, 1e9]]))).max() < 10


@pytest.fixture(scope="module")
def holey(dependent):
    """The dependent table with holes in a third of the first and the last column."""
    rows = dependent.copy()
    rows[50:250, 0], rows[::3, 2] = np.nan, np.nan
    return rows


def test_fences_of_columns_with_holes_are_those_of_their_values(dependent, holey):
    fences = Fences.of(holey, np.ones(600))
    assert not fences.odd(holey)[:, [0, 2]].any()
    for j, own in ((0, np.r_[:50, 250:600]), (1, np.arange(600))):
        alone = Fences.of(dependent[own, j : j + 1], np.ones(len(own)))
        assert fences.low[j] == alone.low[0]
        assert fences.high_edge[j] == alone.high_edge[0]
    np.testing.assert_array_equal(np.isnan(fences.drawn_in(holey)), np.isnan(holey))


def test_odd_cells_become_holes(holey):
    data = replace(dataset(holey), counts=np.ones(600))
    cells = OddCellsAsHoles(Fences.of(holey, np.ones(600)), data)
    usual = cells.replaced_in(data, np.random.default_rng(0))
    expected = np.where(holey == -9999, np.nan, holey)
    known = ~np.isnan(expected).all(1)
    assert (~known).sum() == 17  # of the rows 50 to 100, each third
    assert usual.counts.sum() == known.sum() == len(usual)
    np.testing.assert_array_equal(usual.x, merge_duplicates(expected[known], np.ones(583))[0])
    np.testing.assert_array_equal(usual.observed, usual.x)
    rows, known_rows = cells.replaced(holey, None, np.random.default_rng(0))
    np.testing.assert_array_equal(rows, expected)
    np.testing.assert_array_equal(known_rows, known)


def test_donors_beside_holes_give_observed_values(holey, dependent):
    usual = replaced(holey)
    assert len(usual) == 600 - 17
    values = usual.x.numpy()
    assert np.isin(values[:, 1], dependent[100:, 1]).all()
    assert np.isnan(values[:, 0]).sum() == 200 - 17
    assert np.corrcoef(values[:50, 0], values[:50, 1])[0, 1] > 0.9


def test_declared_values_are_not_odd():
    rows = np.column_stack([np.arange(60) % 3, RNG.normal(size=60), RNG.normal(size=60)])
    rows[:5, 0], rows[:5, 1], rows[:5, 2], rows[6, 1:] = 99, -999, -999, -9999
    supports = [Support("category", levels=[0, 1, 2, 99]), Support(atoms=[-999, 0]), Support()]
    fences = Fences.of(rows, np.ones(60))
    assert fences.odd(rows).sum(0).tolist() == [5, 6, 6]
    odd = fences.beyond_states(supports).odd(rows)
    assert odd.sum(0).tolist() == [0, 1, 6]
    assert odd[6, 1]
