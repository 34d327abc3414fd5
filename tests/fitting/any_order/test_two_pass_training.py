"""Training on rows with missing cells, in two passes."""

import numpy as np
import pytest
import torch

from skflow import NormalizingFlowDensity
from skflow.fitting.any_order import net_member, two_pass_training
from skflow.flows.any_order.masked_likelihood import MaskedLikelihood
from skflow.preprocessing.dataset import Split

N = 1200
RNG = np.random.default_rng(0)
X0 = RNG.normal(size=N)
X1 = 0.8 * X0 + 0.6 * RNG.normal(size=N)
SEEN = np.where(RNG.normal(size=N) < X0, np.nan, X1)  # missing with probability Φ(x0)


def fitted(**parameters):
    parameters = {"flow": "any_order", "effort": "fast", "random_state": 0} | parameters
    return NormalizingFlowDensity(**parameters).fit(np.column_stack([X0, SEEN]))


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_marginals_are_right_where_holes_depend_on_another_column():
    assert np.nanmean(SEEN) < -0.4  # what the observed cells say; the mean of all is 0
    density = fitted(safety_net=False, max_iter=40)  # the network alone
    nothing = torch.full((1, 2), torch.nan, dtype=torch.float64)
    mean = float(density.flow_.conditionals(nothing, [1])[1].mean())
    assert mean == pytest.approx(X1.mean(), abs=0.1)
    given = density.flow_.conditionals(torch.tensor([[1.0, torch.nan]]).double(), [1])[1]
    assert float(given.mean()) == pytest.approx(0.8, abs=0.1)


def test_the_second_pass_holds_out_the_copies_of_held_out_rows():
    split = two_pass_training._repeated(Split(np.array([0, 2]), np.array([1])), 3, 2)
    assert split.train.tolist() == [0, 2, 3, 5]
    assert split.held_out.tolist() == [1, 4]


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_both_passes_share_the_steps():
    density = fitted(max_iter=10, batch_size=N)
    assert density.n_iter_ == 10


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_noise_is_added_in_both_passes_and_after_a_warm_start(monkeypatch):
    seen = []

    def recorded(*arguments):
        seen.append(arguments[-1])
        return MaskedLikelihood(*arguments)

    monkeypatch.setattr(net_member, "MaskedLikelihood", recorded)
    density = fitted(max_iter=2, noise=0.25, warm_start=True)
    assert seen == [0.25, 0.25]
    density.fit(np.column_stack([X0, SEEN]))
    assert seen == [0.25] * 4
