"""Which weights are kept, and when training stops."""

import pytest
import torch

from skflow.training.early_stopping import EarlyStopping


def matrix(*values):
    return torch.tensor(values)[:, None].expand(-1, 4)


def test_each_member_keeps_its_own_best():
    best = EarlyStopping(matrix(0.0, 0.0), torch.tensor([1.0, 1.0]), patience=3, tol=0.0)
    best.update(matrix(1.0, 1.0), torch.tensor([2.0, 0.5]))
    best.update(matrix(2.0, 2.0), torch.tensor([1.5, 1.2]))
    assert torch.equal(best.values, matrix(1.0, 2.0))
    assert torch.equal(best.scores, torch.tensor([2.0, 1.2]))


def test_what_was_given_may_change_afterwards():
    values, scores = matrix(1.0).clone(), torch.tensor([1.0])
    best = EarlyStopping(values, scores, patience=3, tol=0.0)
    values += 1
    scores += 1
    assert torch.equal(best.values, matrix(1.0))
    assert best.scores.item() == 1


def test_nan_is_never_better():
    best = EarlyStopping(matrix(0.0, 0.0), torch.tensor([1.0, 1.0]), patience=3, tol=0.0)
    best.update(matrix(1.0, 1.0), torch.tensor([torch.nan, 2.0]))
    assert torch.equal(best.values, matrix(0.0, 1.0))
    assert best.scores.tolist() == [1, 2]


@pytest.mark.parametrize("start", [torch.nan, -torch.inf])
def test_anything_is_better_than_a_start_without_a_score(start):
    best = EarlyStopping(matrix(0.0), torch.tensor([start]), patience=2, tol=1e-3)
    best.update(matrix(1.0), torch.tensor([-5.0]))
    assert best.scores.item() == -5
    assert torch.equal(best.values, matrix(1.0))
    assert not best.done


def test_done_only_when_every_member_has_waited():
    best = EarlyStopping(matrix(0.0, 0.0), torch.tensor([0.0, 0.0]), patience=2, tol=0.1)
    for step in range(1, 4):
        best.update(matrix(1.0, 1.0), torch.tensor([0.0, float(step)]))
        assert not best.done
    best.update(matrix(1.0, 1.0), torch.tensor([0.0, 3.0]))
    assert not best.done
    best.update(matrix(1.0, 1.0), torch.tensor([0.0, 3.0]))
    assert best.done


def test_gains_below_tol_add_up_to_a_gain():
    best = EarlyStopping(matrix(0.0), torch.tensor([0.0]), patience=3, tol=0.1)
    for step in range(1, 30):
        best.update(matrix(1.0), torch.tensor([0.04 * step]))
    assert not best.done
    for _ in range(3):
        best.update(matrix(1.0), best.scores)
    assert best.done


def test_gains_below_tol_are_kept_though_they_do_not_prolong():
    best = EarlyStopping(matrix(0.0), torch.tensor([0.0]), patience=2, tol=0.1)
    for step in (1, 2):
        best.update(matrix(float(step)), torch.tensor([0.01 * step]))
    assert best.done
    assert torch.equal(best.values, matrix(2.0))


def test_still_improving_is_about_the_last_two_checks_of_half_the_members():
    best = EarlyStopping(matrix(0.0, 0.0), torch.tensor([0.0, 0.0]), patience=5, tol=0.1)
    assert not best.still_improving
    best.update(matrix(1.0, 1.0), torch.tensor([0.5, -9.0]))  # gains of 0.5 and 0
    assert best.still_improving
    best.update(matrix(1.0, 1.0), torch.tensor([0.6, -9.0]))
    assert best.still_improving
    best.update(matrix(1.0, 1.0), torch.tensor([0.6, -9.0]))
    assert not best.still_improving


def test_a_fit_that_ran_out_of_patience_was_not_improving():
    best = EarlyStopping(matrix(0.0), torch.tensor([0.0]), patience=1, tol=0.1)
    best.update(matrix(1.0), torch.tensor([0.5]))
    assert best.still_improving
    best.update(matrix(1.0), torch.tensor([0.5]))
    assert best.done
    assert not best.still_improving
