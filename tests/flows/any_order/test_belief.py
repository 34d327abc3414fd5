"""Beliefs, against conditional distributions by matrix algebra."""

import numpy as np
import pytest
import torch

from skflow.flows.any_order.belief import Belief, EllipticalStart, patterns_of
from tests.flows.any_order.examples import scatters, tensor

D = 4


def conditional(loc, scatter, df, u, known):
    """Location, scale of all columns and degrees of freedom, of one row given some cells."""
    s_kk = scatter[np.ix_(known, known)]
    gain = scatter[:, known] @ np.linalg.inv(s_kk)
    surprise = (u - loc)[known]
    distance = surprise @ np.linalg.solve(s_kk, surprise)
    spread = (df + distance) / (df + known.sum())
    variance = np.diag(scatter - gain @ scatter[known])
    return loc + gain @ surprise, np.sqrt(np.maximum(variance, 0) * spread), df + known.sum()


@pytest.mark.parametrize("df", [2.5, 1e4])
@pytest.mark.parametrize("one_pattern_a_row", [False, True])
def test_cells_one_by_one_are_conditionals(df, one_pattern_a_row):
    rng = np.random.default_rng(0)
    n, m = 12, 3
    loc, scatter = torch.from_numpy(rng.normal(size=(m, D))), scatters(m, D, 0)
    u = torch.from_numpy(rng.normal(size=(n, D)))
    known = torch.from_numpy(rng.random((n, D)) < 0.5)
    patterns = patterns_of(torch.arange(n).unsqueeze(1) if one_pattern_a_row else known)
    belief = Belief(EllipticalStart(loc, scatter, tensor(df)), *patterns)
    for j in (2, 0, 3, 1):
        belief.observe(j, u[:, j], known[:, j])
    for k in range(m):
        for i in range(n):
            own, seen = (loc[k].numpy(), scatter[k].numpy()), known[i].numpy()
            expected = conditional(*own, df, u[i].numpy(), seen)
            for j in np.flatnonzero(~seen):
                at, scale = belief.marginal(j)
                assert at[k, i] == pytest.approx(expected[0][j], abs=1e-9)
                assert scale[k, i] == pytest.approx(expected[1][j], rel=1e-9)
            assert belief.df[i] == expected[2]


def test_a_cell_that_others_determine_has_a_positive_scale():
    scatter = torch.ones(1, 2, 2, dtype=torch.float64)
    start = EllipticalStart(torch.zeros(1, 2).double(), scatter, tensor(5.0))
    always = torch.ones(3, dtype=torch.bool)
    belief = Belief(start, torch.zeros(3, dtype=torch.long), 1)
    belief.observe(0, tensor([0.0, 1.0, -3.0]), always)
    loc, scale = belief.marginal(1)
    np.testing.assert_allclose(loc[0], [0, 1, -3])
    assert bool((scale > 0).all())
    assert bool((scale < 1e-5).all())
    belief.observe(1, tensor([0.0, 1.0, 5.0]), always)
    assert all(bool(each.isfinite().all()) for each in belief.marginal(0))


def test_cells_far_outside_leave_finite_beliefs():
    """Squares of their distance would overflow."""
    start = EllipticalStart(torch.zeros(1, 2).double(), scatters(1, 2, 0) * 1e-12, tensor(3.0))
    belief = Belief(start, torch.zeros(2, dtype=torch.long), 1)
    belief.observe(0, tensor([1e149, -1e300]), torch.ones(2, dtype=torch.bool))
    loc, scale = belief.marginal(1)
    assert bool(loc.isfinite().all())
    assert bool((scale.isfinite() & (scale > 0)).all())


def test_rows_with_the_same_known_cells_share_a_pattern():
    given = torch.tensor([[True, False], [False, False], [True, False], [True, False]])
    rest = torch.tensor([[False, True], [True, True], [False, True], [False, False]])
    numbers, n_patterns = patterns_of(given, rest)
    assert n_patterns == 3
    assert numbers[0] == numbers[2]
    assert len({int(numbers[k]) for k in (0, 1, 3)}) == 3
    assert patterns_of(given[:0])[1] == 0
