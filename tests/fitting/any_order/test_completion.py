"""Completion: drawn cells keep margins and dependence."""

import numpy as np
import pytest
import torch
from scipy import stats

from skflow.fitting.any_order.completion import complete


def correlated(n, seed=0):
    rng = np.random.default_rng(seed)
    z = rng.normal(size=(n, 2)) @ np.array([[1, 0.8], [0, 0.6]])
    return torch.from_numpy(np.stack([np.exp(z[:, 0]), z[:, 1]], axis=1))


def rng():
    return np.random.default_rng(1)


def test_known_cells_stay():
    z = correlated(200)
    known = torch.from_numpy(rng().random(z.shape) < 0.6)
    drawn = complete(torch.where(known, z, 0.0), known, torch.ones(200).double(), rng())
    np.testing.assert_array_equal(drawn[known], z[known])
    every = torch.ones_like(known)
    assert complete(z, every, torch.ones(200).double(), rng()) is z


def test_margins_and_correlation():
    n = 2000
    z = correlated(n)
    known = torch.ones(n, 2, dtype=torch.bool)
    known[: n // 2, 0] = False
    drawn = complete(torch.where(known, z, 0.0), known, torch.ones(n).double(), rng())
    own = drawn[: n // 2]
    assert stats.kstest(own[:, 0].numpy(), z[:, 0].numpy()).pvalue > 0.01
    assert stats.spearmanr(*own.T.numpy()).statistic == pytest.approx(0.786, abs=0.05)
    assert bool(torch.isin(own[:, 0], z[n // 2 :, 0]).all())  # values of the column


def test_holes_that_depend_on_the_other_column():
    """Drawn cells lie where the other column says, within the values that were seen."""
    n = 4000
    z = correlated(n)[:, [1, 1]].clone()
    z[:, 1] = 0.8 * z[:, 0] + 0.6 * torch.from_numpy(rng().normal(size=n))
    missing = torch.from_numpy(rng().random(n) < stats.norm.cdf(z[:, 0].numpy()))
    known = torch.stack([torch.ones(n, dtype=torch.bool), ~missing], dim=1)
    drawn = complete(torch.where(known, z, 0.0), known, torch.ones(n).double(), rng())
    seen = float(z[~missing, 1].mean())
    assert seen < -0.3
    assert float(drawn[:, 1].mean()) == pytest.approx(0, abs=abs(seen) / 2)


def test_weights_are_repetitions_of_values():
    """Values of weight 0 are not drawn."""
    z = torch.arange(300).double().unsqueeze(1).repeat(1, 2)
    known = torch.ones(300, 2, dtype=torch.bool)
    known[200:, 0] = False
    weights = (torch.arange(300) % 2).double() + 1e-12
    drawn = complete(z, known, weights, rng())
    assert float((drawn[200:, 0] % 2).mean()) == 1


@pytest.mark.parametrize("n_known", [0, 1])
def test_columns_with_hardly_any_value(n_known):
    z = correlated(50)
    known = torch.ones(50, 2, dtype=torch.bool)
    known[n_known:, 0] = False
    drawn = complete(torch.where(known, z, 0.0), known, torch.ones(50).double(), rng())
    assert bool(drawn.isfinite().all())
    if n_known:
        np.testing.assert_array_equal(drawn[:, 0], z[:1, 0].expand(50))
