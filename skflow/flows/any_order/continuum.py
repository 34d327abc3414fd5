"""The continuum of a column: Student's t, shifted, scaled and bent by a spline."""

from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from skflow.flows.any_order.columns import ColumnCells
from skflow.flows.bijections import Spline
from skflow.flows.distributions import univariate_t
from skflow.flows.distributions.interval import Interval, log_probability

_FARTHEST = 1e15  # numbers of which squares are finite in float32


@dataclass(frozen=True)
class Continuum:
    """Densities of latent values: t = spline((u − loc) / scale) has ν degrees of freedom.

    Parameters
    ----------
    loc, scale, df : Tensor of shape (..., k, n)
        For k columns, or k components of one column; `df` may broadcast.
    spline : Spline, optional
        The identity by default.
    raw : Tensor of shape (..., n_parameters, k, n), optional
        Raw parameters of the spline.
    """

    loc: Tensor
    scale: Tensor
    df: Tensor
    spline: Spline | None = None
    raw: Tensor | None = None

    def log_cells(self, cells: ColumnCells) -> Tensor:
        """log-density or log-probability of cells (n,) on the continuum, (k, n), in nats."""
        if cells.interval is not None:
            return self.log_interval(cells.interval)
        log_density = self.log_density(cells.u) + cells.log_slope
        if cells.other_turn is None:
            return log_density
        u, log_slope = cells.other_turn
        return torch.logaddexp(log_density, self.log_density(u) + log_slope)

    def take(self, index: list[int]) -> "Continuum":
        """Those of some of the columns."""
        loc, scale = self.loc[..., index, :], self.scale[..., index, :]
        raw = None if self.raw is None else self.raw[..., index, :]
        return Continuum(loc, scale, self.df, self.spline, raw)

    def repeat(self, times: int) -> "Continuum":
        """The same for all rows in turn, `times` times."""
        df = self.df.expand_as(self.loc).repeat(1, times)
        raw = None if self.raw is None else self.raw.repeat(1, 1, times)
        loc, scale = self.loc.repeat(1, times), self.scale.repeat(1, times)
        return Continuum(loc, scale, df, self.spline, raw)

    def log_density(self, u: Tensor) -> Tensor:
        """log p(u) in nats, (n,) to (..., n)."""
        z, log_slope = self._standardized(u)
        return univariate_t.log_density(z, self.df) + log_slope

    def log_interval(self, interval: Interval) -> Tensor:
        """log P(low < U ≤ high) in nats, (n,) to (..., n)."""
        (low, low_slope), (high, high_slope) = (
            self._standardized(end) for end in (interval.low, interval.high)
        )
        return log_probability(
            interval.mapped_to(low, high, (low_slope, high_slope)),
            lambda z: univariate_t.log_cdf(z, self.df),
            lambda z: univariate_t.log_density(z, self.df),
        )

    def cdf(self, u: Tensor) -> Tensor:
        """P(U ≤ u), (n,) to (..., n)."""
        return univariate_t.cdf(self._standardized(u)[0], self.df)

    def cdf_and_density(self, u: Tensor) -> tuple[Tensor, Tensor]:
        """P(U ≤ u) and the density at u, (n,) to (..., n)."""
        z, log_slope = self._standardized(u)
        log_density = univariate_t.log_density(z, self.df) + log_slope
        return univariate_t.cdf(z, self.df), log_density.exp()

    def quantile(self, levels: Tensor) -> Tensor:
        """The inverse of `cdf`, for levels that broadcast with (..., n)."""
        t = univariate_t.quantile(levels.expand_as(self.loc), self.df)
        return self._inverse(t.to(self.loc))

    def sample(self, generator: Generator) -> Tensor:
        """One draw of each density, (..., n)."""
        return self._inverse(univariate_t.sample(self.df.expand_as(self.loc), generator))

    def _standardized(self, u: Tensor) -> tuple[Tensor, Tensor]:
        """The t of a latent value, and log |dt / du|."""
        z, log_slope = (u.to(self.loc) - self.loc) / self.scale, -self.scale.log()
        if self.spline is None or self.raw is None:
            return z, log_slope
        t, log_bend = self.spline.forward(in_precision_of(self.raw, z), self.raw)
        return t, log_slope + log_bend

    def _inverse(self, t: Tensor) -> Tensor:
        if self.spline is not None and self.raw is not None:
            t = self.spline.inverse(t, self.raw)[0]
        return self.loc + self.scale * t


def in_precision_of(other: Tensor, values: Tensor) -> Tensor:
    """Values in the dtype of another tensor; if that is coarser, no farther than it can tell."""
    if values.dtype == other.dtype:
        return values
    return values.clamp(-_FARTHEST, _FARTHEST).to(other)
