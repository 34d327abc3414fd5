"""The proposal distribution is a density that its own samples follow."""

import numpy as np
import pytest

from skflow.testing.checks.integral import check_density_integrates_to_one
from skflow.testing.checks.samples import check_density_samples_follow_scores
from skflow.testing.example_data import example_rows
from skflow.testing.proposal_distribution import ProposalDistribution


class Covering:
    """A proposal as a density."""

    def __init__(self, X):
        self.proposal = ProposalDistribution(X)

    def score_samples(self, X):
        return self.proposal.log_density(X)

    def sample(self, n_samples, random_state):
        return self.proposal.sample(n_samples, np.random.default_rng(random_state))


@pytest.mark.parametrize("d", [1, 6])
def test_a_proposal_is_a_density(d):
    X = example_rows(d)
    check_density_integrates_to_one(Covering(X), X)
    check_density_samples_follow_scores(Covering(X), X)
