"""What is known of a row's latent values: an elliptical distribution, given some of its cells.

Conditioning on one more cell is a rank-one update, as in Kalman's filter: the location moves by
the regression on that cell, the scatter loses what the cell explains.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

_MAX_BITS = 62
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
    with_residuals : bool
        Whether `residuals` will be asked for.
    """

    def __init__(
        self,
        start: EllipticalStart,
        patterns: Tensor,
        n_patterns: int,
        with_residuals: bool = False,
    ):
        n, scatter = len(patterns), start.scatter
        self._variances = scatter.diagonal(dim1=-2, dim2=-1)  # (m, d), of nothing known
        self._start_df, self._pattern_of = start.df, patterns
        self.loc = start.loc.unsqueeze(1).repeat(1, n, 1)  # (m, n, d)
        self._scatter = scatter.unsqueeze(1).repeat(1, n_patterns, 1, 1)
        self._distance = torch.zeros_like(self.loc[..., 0])  # Mahalanobis, squared, (m, n)
        self._count = torch.zeros_like(self.loc[0, :, 0])  # of known cells, (n,)
        self._start_scatter, self._with_residuals = scatter, with_residuals
        if with_residuals:
            self._precision = torch.zeros_like(self._scatter)  # of the known cells
            self._weighted = torch.zeros_like(self.loc)  # precision times surprise

    @property
    def df(self) -> Tensor:
        """Degrees of freedom (n,): one more for every known cell."""
        return self._start_df + self._count

    def marginal(self, j: int) -> tuple[Tensor, Tensor]:
        """Location and scale (m, n) of column j."""
        spread = (self._start_df + self._distance) / self.df
        return self.loc[..., j], (self._variance(j)[:, self._pattern_of] * spread).sqrt()

    @property
    def residuals(self) -> Tensor:
        """What each known cell is beyond its expectation given the other known ones, (m, n, d).

        In units of its standard deviation given these; 0 for cells that are not known. Where
        columns are nearly collinear, they show what the values themselves hide.
        """
        diagonal = self._precision.diagonal(dim1=-2, dim2=-1)[:, self._pattern_of]
        return self._weighted / diagonal.sqrt().where(diagonal > 0, 1.0)

    def observe(self, j: int, u: Tensor, rows: Tensor) -> None:
        """Learn the latent values u (n,) of column j in some of the rows, (n,)."""
        seen = torch.zeros_like(self._scatter[0, :, 0, 0])  # by which patterns
        seen[self._pattern_of] = rows.to(seen)
        variance = self._variance(j)
        gain = self._scatter[..., j] / variance.unsqueeze(-1) * seen.unsqueeze(-1)
        variance_of = variance[:, self._pattern_of]
        surprise = torch.where(rows, u - self.loc[..., j], 0.0)
        surprise = bounded_surprise(surprise / variance_of.sqrt()) * variance_of.sqrt()
        if self._with_residuals:
            self._extend_precision(j, surprise, variance, seen)
        self._distance = self._distance + surprise.square() / variance_of
        self._count = self._count + rows
        self.loc = torch.addcmul(self.loc, gain[:, self._pattern_of], surprise.unsqueeze(-1))
        outer = gain.unsqueeze(-1) * self._scatter[..., j].unsqueeze(-2)
        self._scatter = self._scatter - outer

    def _extend_precision(self, j: int, surprise: Tensor, variance: Tensor, seen: Tensor) -> None:
        """The inverse of the scatter of the known cells, with column j among them."""
        regression = (self._precision @ self._start_scatter[:, None, :, j : j + 1]).squeeze(-1)
        regression[..., j] = -1.0
        direction = regression * seen.unsqueeze(-1)
        scaled = direction / variance.unsqueeze(-1)
        self._precision = self._precision + scaled.unsqueeze(-1) * direction.unsqueeze(-2)
        own = scaled[:, self._pattern_of] * surprise.unsqueeze(-1)
        self._weighted = self._weighted - own

    def _variance(self, j: int) -> Tensor:
        """The scatter of column j in each pattern, (m, n_patterns)."""
        return self._scatter[..., j, j].maximum(_MIN_SHARE * self._variances[:, j : j + 1])


def bounded_surprise(standardized: Tensor) -> Tensor:
    """Standardized cells, near enough for squares and their sums to be finite."""
    bound = 1e-4 * math.sqrt(torch.finfo(standardized.dtype).max)
    return standardized.clamp(-bound, bound)


def patterns_of(*known: Tensor) -> tuple[Tensor, int]:
    """Number the distinct rows of tables of bool (n, d): the number of each row, and how many."""
    _, numbers = distinct_patterns(torch.cat(known, dim=1))
    return numbers, int(numbers.max()) + 1 if len(numbers) else 0


def distinct_patterns(known: Tensor) -> tuple[Tensor, Tensor]:
    """The distinct rows of a table of bool (n, d), and the number of each row among them.

    Rows are compared as whole numbers where they fit into 62 bits, which is much faster.
    """
    d = known.shape[1]
    if d > _MAX_BITS:
        return torch.unique(known, dim=0, return_inverse=True)
    powers = 2 ** torch.arange(d, device=known.device)
    codes, numbers = torch.unique((known * powers).sum(1), return_inverse=True)
    return (codes.unsqueeze(1) & powers) > 0, numbers
