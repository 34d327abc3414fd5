"""The instruments of the checks, against what is known."""

import numpy as np
import pytest
from scipy.stats import kstest
from sklearn.mixture import GaussianMixture

from skflow.testing.checks.integral import check_density_integrates_to_one, integrate
from skflow.testing.checks.samples import check_density_samples_follow_scores, p_values
from skflow.testing.example_data import example_rows
from skflow.testing.proposal_distribution import ProposalDistribution
from skflow.testing.robust_whitening import robust_whitening, typical_rows


class Covering:
    """A proposal as a density."""

    def __init__(self, X):
        self.proposal = ProposalDistribution(X)

    def score_samples(self, X):
        return self.proposal.log_density(X)

    def sample(self, n_samples, random_state):
        return self.proposal.sample(n_samples, np.random.default_rng(random_state))


class Scaled:
    """A mixture whose p is multiplied by a factor."""

    def __init__(self, X, factor):
        self.mixture, self.factor = GaussianMixture(2, random_state=0).fit(X), factor

    def score_samples(self, X):
        return self.mixture.score_samples(X) + np.log(self.factor)


@pytest.mark.parametrize("d", [1, 6])
def test_a_proposal_is_a_density(d):
    X = example_rows(d)
    check_density_integrates_to_one(Covering(X), X)
    check_density_samples_follow_scores(Covering(X), X)


@pytest.mark.parametrize("factor", [1, 1.03, 0.5, 1e4])
@pytest.mark.parametrize(("d", "tolerance"), [(1, 1e-9), (2, 1e-6), (3, 0.025), (6, 0.03)])
def test_integrals_are_right_within_their_error(d, tolerance, factor):
    X = example_rows(d)
    density = Scaled(X, factor)
    found = integrate(density, typical_rows(density, X, seed=0), seed=0)
    assert found.value == pytest.approx(factor, abs=found.error + 1e-9 * factor)
    assert found.error < tolerance * factor


def test_a_frame_is_not_moved_by_tails():
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(2000, 2)) @ np.array([[3, 1], [0, 0.1]]) + [5, -2]
    rows[:20] *= 1e6
    whitening = robust_whitening(rows)
    z = whitening.to_z(rows[20:])
    np.testing.assert_allclose(whitening.to_x(z), rows[20:])
    np.testing.assert_allclose(z.mean(axis=0), 0, atol=0.1)
    np.testing.assert_allclose(z.std(axis=0), 1.1, atol=0.15)  # a tenth of the rows is cut off


@pytest.mark.slow
def test_p_values_are_uniform():
    X = example_rows(2)
    density = GaussianMixture().fit(X)
    found = [list(p_values(density, X, seed).values()) for seed in range(200)]
    for column in np.array(found).T:
        assert kstest(column, "uniform").pvalue > 1e-3
