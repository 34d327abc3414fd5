"""What is known of a row's latent values: an elliptical distribution, given some of its cells.

Conditioning on one more cell is a rank-one update, as in Kalman's filter: the location moves by
the regression on that cell, the scatter loses what the cell explains.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

_MIN_SHARE = 1e-12  # of a column's own variance, as the least that is left unexplained


@dataclass(frozen=True)
class EllipticalStart:
    """Student's t with ν degrees of freedom, m of them: no cell is known yet.

    Parameters
    ----------
    loc : Tensor of shape (m, d)
    scatter : Tensor of shape (m, d, d)
    df : Tensor of shape ()
    """

    loc: Tensor
    scatter: Tensor
    df: Tensor


class Belief:
    """The conditional distribution of n rows given the cells seen so far.

    Rows that see the same columns share a scatter matrix: that of their pattern.

    Parameters
    ----------
    start : EllipticalStart
    patterns : Tensor of int, shape (n,)
        The number of each row's pattern.
    n_patterns : int
    """

    def __init__(self, start: EllipticalStart, patterns: Tensor, n_patterns: int):
        n, scatter = len(patterns), start.scatter
        self._variances = scatter.diagonal(dim1=-2, dim2=-1)  # (m, d), of nothing known
        self._start_df, self._pattern_of = start.df, patterns
        self.loc = start.loc.unsqueeze(1).repeat(1, n, 1)  # (m, n, d)
        self._scatter = scatter.unsqueeze(1).repeat(1, n_patterns, 1, 1)
        self._distance = torch.zeros_like(self.loc[..., 0])  # Mahalanobis, squared, (m, n)
        self._count = torch.zeros_like(self.loc[0, :, 0])  # of known cells, (n,)

    @property
    def df(self) -> Tensor:
        """Degrees of freedom (n,): one more for every known cell."""
        return self._start_df + self._count

    def marginal(self, j: int) -> tuple[Tensor, Tensor]:
        """Location and scale (m, n) of column j."""
        spread = (self._start_df + self._distance) / self.df
        return self.loc[..., j], (self._variance(j)[:, self._pattern_of] * spread).sqrt()

    def observe(self, j: int, u: Tensor, rows: Tensor) -> None:
        """Learn the latent values u (n,) of column j in some of the rows, (n,)."""
        seen = torch.zeros_like(self._scatter[0, :, 0, 0])  # by which patterns
        seen[self._pattern_of] = rows.to(seen)
        variance = self._variance(j)
        gain = self._scatter[..., j] / variance.unsqueeze(-1) * seen.unsqueeze(-1)
        variance_of = variance[:, self._pattern_of]
        surprise = torch.where(rows, u - self.loc[..., j], 0.0)
        surprise = bounded_surprise(surprise / variance_of.sqrt()) * variance_of.sqrt()
        self._distance = self._distance + surprise.square() / variance_of
        self._count = self._count + rows
        self.loc = torch.addcmul(self.loc, gain[:, self._pattern_of], surprise.unsqueeze(-1))
        outer = gain.unsqueeze(-1) * self._scatter[..., j].unsqueeze(-2)
        self._scatter = self._scatter - outer

    def _variance(self, j: int) -> Tensor:
        """The scatter of column j in each pattern, (m, n_patterns)."""
        return self._scatter[..., j, j].maximum(_MIN_SHARE * self._variances[:, j : j + 1])


def bounded_surprise(standardized: Tensor) -> Tensor:
    """Standardized cells, near enough for squares and their sums to be finite."""
    bound = 1e-4 * math.sqrt(torch.finfo(standardized.dtype).max)
    return standardized.clamp(-bound, bound)


def patterns_of(*known: Tensor) -> tuple[Tensor, int]:
    """Number the distinct rows of tables (n, k): the number of each row, and how many."""
    _, numbers = torch.unique(torch.cat(known, dim=1), dim=0, return_inverse=True)
    return numbers, int(numbers.max()) + 1 if len(numbers) else 0
