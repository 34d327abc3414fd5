"""Numbers in place of holes and atoms, for all that is selected on complete columns.

Each column's missing numbers are values of the column, at the normal scores that a Gaussian
fitted by EM draws given the scores of the row's other numbers. No density depends on them but
through the choice of links and starting values.
"""

import numpy as np
import torch
from scipy.special import ndtr, ndtri
from torch import Tensor

from skflow.fitting.any_order.elliptical_em import (
    EllipticalMixture,
    IncompleteSamples,
    Regularization,
    fit_by_em,
)
from skflow.flows.any_order.belief import Belief, EllipticalStart, patterns_of

_GAUSSIAN = 1e4  # degrees of freedom
_SHRINKAGE = 0.02
_ITERATIONS = 15
_MAX_WORK = 2e9  # of EM, in rows times columns cubed


def complete(z: Tensor, known: Tensor, weights: Tensor, rng: np.random.Generator) -> Tensor:
    """Columns z (n, d) with numbers drawn for the cells that are not known, (n, d) of bool."""
    if bool(known.all()):
        return z
    scores = _normal_scores(z, known, weights)
    gaussian = _fit_gaussian(scores, known, weights, rng)
    drawn = _draw(gaussian, scores, known, rng)
    return torch.where(known, z, _values_at(drawn, z, known, weights))


def _normal_scores(z: Tensor, known: Tensor, weights: Tensor) -> Tensor:
    """Φ⁻¹ of the share of a column's known values below each of them; 0 where not known."""
    scores = torch.zeros_like(z)
    for j in range(z.shape[1]):
        rows = known[:, j]
        if bool(rows.any()):
            levels = _levels(z[rows, j].numpy(), weights[rows].numpy())
            scores[rows, j] = torch.from_numpy(ndtri(levels))
    return scores


def _levels(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """The middle of each value's step in the distribution function; ties have the same."""
    _, index = np.unique(values, return_inverse=True)
    total = np.bincount(index, weights)
    return ((np.cumsum(total) - total / 2) / total.sum())[index]


def _fit_gaussian(
    scores: Tensor, known: Tensor, weights: Tensor, rng: np.random.Generator
) -> EllipticalMixture:
    n, d = scores.shape
    size = int(min(n, max(200, _MAX_WORK / d**3)))
    rows = torch.from_numpy(rng.permutation(n)[:size])
    state = torch.zeros(size, d, dtype=torch.long)
    samples = IncompleteSamples(scores[rows], known[rows], state, known[rows], weights[rows])
    initial = EllipticalMixture(
        torch.zeros(1, dtype=scores.dtype),
        torch.zeros(1, d, dtype=scores.dtype),
        torch.eye(d, dtype=scores.dtype).unsqueeze(0),
        _GAUSSIAN,
        torch.zeros(1, d, 1, dtype=scores.dtype),
    )
    possible = torch.ones(d, 1, dtype=torch.bool)
    shrinkage = Regularization(_SHRINKAGE, 1e-6)
    return fit_by_em(samples, initial, possible, shrinkage, _ITERATIONS)


def _draw(
    gaussian: EllipticalMixture, scores: Tensor, known: Tensor, rng: np.random.Generator
) -> Tensor:
    """Scores (n, d) with those that are not known drawn given the others, one by one."""
    every_row = torch.arange(len(scores)).unsqueeze(1)
    out = []
    for start in range(0, len(scores), 1024):
        rows = slice(start, start + 1024)
        own, seen = scores[rows].clone(), known[rows]
        df = torch.tensor(gaussian.df, dtype=scores.dtype)
        belief = Belief(
            EllipticalStart(gaussian.loc, gaussian.scatter, df), *patterns_of(every_row[rows])
        )
        for is_known in (True, False):
            for j in range(own.shape[1]):
                now = seen[:, j] == is_known
                loc, scale = (each[0] for each in belief.marginal(j))
                noise = torch.from_numpy(rng.standard_normal(len(own)))
                if not is_known:
                    own[:, j] = torch.where(now, loc + scale * noise, own[:, j])
                belief.observe(j, own[:, j], now)
        out.append(own)
    return torch.cat(out)


def _values_at(scores: Tensor, z: Tensor, known: Tensor, weights: Tensor) -> Tensor:
    """The known values of each column at the levels of normal scores; 0 without any."""
    out = torch.zeros_like(z)
    for j in range(z.shape[1]):
        rows = known[:, j]
        if bool(rows.any()):
            order = z[rows, j].argsort()
            cumulative = weights[rows][order].cumsum(0) / weights[rows].sum()
            levels = torch.from_numpy(ndtr(scores[:, j].numpy()))
            index = torch.searchsorted(cumulative, levels).clamp_max(len(order) - 1)
            out[:, j] = z[rows, j][order][index]
        else:
            out[:, j] = scores[:, j]
    return out
