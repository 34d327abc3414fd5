"""The history of training, and of a fit that continues an earlier one."""

from skflow.fitting.history import History


def test_an_earlier_history_comes_first():
    history = History(n_epochs=2, losses=[3.0, 2.0], scores=[-2.5], best_score=-2.5)
    earlier_losses, earlier_scores = [9.0, 5.0, 4.0], [-6.0, -4.5]
    history.prepend(3, earlier_losses, earlier_scores)
    assert history.n_epochs == 5
    assert history.losses == [9.0, 5.0, 4.0, 3.0, 2.0]
    assert history.scores == [-6.0, -4.5, -2.5]
    assert history.best_score == -2.5
    assert (len(earlier_losses), len(earlier_scores)) == (3, 2)  # the lists passed are unchanged


def test_histories_share_no_lists():
    one, other = History(), History()
    one.losses.append(1.0)
    assert other.losses == []
