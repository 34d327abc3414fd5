"""Distribution function, quantiles and moments of a single target under an any-order density."""

from collections.abc import Iterator

import torch
from torch import Tensor

from skflow.flows.any_order.any_order_density import AnyOrderDensity
from skflow.flows.any_order.column_mixture import ColumnMixture

_MAX_EVALUATIONS = 65_536  # rows that are mapped at a time
_MAX_ROWS = 2048


class AnyOrderTarget:
    """Conditional distribution of a single target, which may have atoms or be on a lattice.

    Parameters
    ----------
    density : AnyOrderDensity
        Density of one column given a context.
    """

    def __init__(self, density: AnyOrderDensity):
        self._density = density

    def cdf(self, y: Tensor, context: Tensor) -> Tensor:
        """P(Y ≤ y | context) for y (n,) and context (n, c), of shape (n,)."""
        return self._given(context).cdf(y).clamp(0.0, 1.0)

    def quantiles(self, levels: Tensor, context: Tensor) -> Tensor:
        """Quantiles at levels (m,) conditional on context (n, c), of shape (n, m)."""
        blocks = context.split(max(1, _MAX_EVALUATIONS // len(levels)))
        return torch.cat([self._quantiles(levels, block) for block in blocks])

    def quadrature(self, context: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield values (n, m) and weights (n, m) that approximate integrals, in blocks of rows.

        The values are atoms, and quantiles of the continuum of each component.
        """
        for block in context.split(_MAX_ROWS):
            values, weights = self._given(block).quadrature()
            yield values.T, weights.T

    def has_reliable_mean(self, context: Tensor) -> Tensor:
        """Whether no tail is so heavy that few samples decide the mean, (n,)."""
        return self._given(context).has_reliable_mean()

    def _quantiles(self, levels: Tensor, context: Tensor) -> Tensor:
        given = self._given(context)
        return given.quantile(levels.unsqueeze(1).expand(-1, len(context))).T

    def _given(self, context: Tensor) -> ColumnMixture:
        nothing = torch.full_like(context[:, :1], torch.nan)
        return self._density.conditionals(nothing, [0], context)[0]
