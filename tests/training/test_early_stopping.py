"""EarlyStopping: the parameters it keeps, and when it stops training."""

import pytest
import torch

from skflow.training.early_stopping import EarlyStopping


def matrix(*values):
    return torch.tensor(values)[:, None].expand(-1, 4)


def test_each_member_keeps_its_own_best_parameters():
    stopping = EarlyStopping(matrix(0.0, 0.0), torch.tensor([1.0, 1.0]), patience=3, tol=0.0)
    stopping.update(matrix(1.0, 1.0), torch.tensor([2.0, 0.5]))
    stopping.update(matrix(2.0, 2.0), torch.tensor([1.5, 1.2]))
    assert torch.equal(stopping.params, matrix(1.0, 2.0))
    assert torch.equal(stopping.scores, torch.tensor([2.0, 1.2]))


def test_arguments_are_copied():
    params, scores = matrix(1.0).clone(), torch.tensor([1.0])
    stopping = EarlyStopping(params, scores, patience=3, tol=0.0)
    params += 1
    scores += 1
    assert torch.equal(stopping.params, matrix(1.0))
    assert stopping.scores.item() == 1


def test_nan_is_never_better():
    stopping = EarlyStopping(matrix(0.0, 0.0), torch.tensor([1.0, 1.0]), patience=3, tol=0.0)
    stopping.update(matrix(1.0, 1.0), torch.tensor([torch.nan, 2.0]))
    assert torch.equal(stopping.params, matrix(0.0, 1.0))
    assert stopping.scores.tolist() == [1, 2]


@pytest.mark.parametrize("start", [torch.nan, -torch.inf])
def test_any_score_is_better_than_a_non_finite_initial_one(start):
    stopping = EarlyStopping(matrix(0.0), torch.tensor([start]), patience=2, tol=1e-3)
    stopping.update(matrix(1.0), torch.tensor([-5.0]))
    assert stopping.scores.item() == -5
    assert torch.equal(stopping.params, matrix(1.0))
    assert not stopping.done


def test_done_once_every_member_is_out_of_patience():
    stopping = EarlyStopping(matrix(0.0, 0.0), torch.tensor([0.0, 0.0]), patience=2, tol=0.1)
    for step in range(1, 4):
        stopping.update(matrix(1.0, 1.0), torch.tensor([0.0, float(step)]))
        assert not stopping.done
    stopping.update(matrix(1.0, 1.0), torch.tensor([0.0, 3.0]))
    assert not stopping.done
    stopping.update(matrix(1.0, 1.0), torch.tensor([0.0, 3.0]))
    assert stopping.done


def test_gains_below_tol_add_up():
    stopping = EarlyStopping(matrix(0.0), torch.tensor([0.0]), patience=3, tol=0.1)
    for step in range(1, 30):
        stopping.update(matrix(1.0), torch.tensor([0.04 * step]))
    assert not stopping.done
    for _ in range(3):
        stopping.update(matrix(1.0), stopping.scores)
    assert stopping.done


def test_gains_below_tol_are_kept_but_do_not_reset_patience():
    stopping = EarlyStopping(matrix(0.0), torch.tensor([0.0]), patience=2, tol=0.1)
    for step in (1, 2):
        stopping.update(matrix(float(step)), torch.tensor([0.01 * step]))
    assert stopping.done
    assert torch.equal(stopping.params, matrix(2.0))


def test_still_improving_when_half_of_the_members_improved_in_the_last_two_checks():
    stopping = EarlyStopping(matrix(0.0, 0.0), torch.tensor([0.0, 0.0]), patience=5, tol=0.1)
    assert not stopping.still_improving
    stopping.update(matrix(1.0, 1.0), torch.tensor([0.5, -9.0]))  # gains of 0.5 and 0
    assert stopping.still_improving
    stopping.update(matrix(1.0, 1.0), torch.tensor([0.6, -9.0]))
    assert stopping.still_improving
    stopping.update(matrix(1.0, 1.0), torch.tensor([0.6, -9.0]))
    assert not stopping.still_improving


def test_out_of_patience_is_not_still_improving():
    stopping = EarlyStopping(matrix(0.0), torch.tensor([0.0]), patience=1, tol=0.1)
    stopping.update(matrix(1.0), torch.tensor([0.5]))
    assert stopping.still_improving
    stopping.update(matrix(1.0), torch.tensor([0.5]))
    assert stopping.done
    assert not stopping.still_improving
