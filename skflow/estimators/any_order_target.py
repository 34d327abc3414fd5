"""Distribution function, quantiles and moments of a single target under an any-order density."""

from collections.abc import Iterator

import numpy as np
import torch
from scipy.special import ndtr
from torch import Tensor

from skflow.flows.any_order.column_mixture import ColumnMixture
from skflow.flows.any_order.density import AnyOrderDensity

_NODES = np.linspace(-4, 4, 33)  # normal scores of the quantiles that integrals are sums of
_MAX_EVALUATIONS = 65_536  # rows that are mapped at a time
_UNRELIABLE = 1.3  # index of tails from which on the mean is not reliable; that of Cauchy's is 1
_TAIL_NODES = np.array([4, 7, 10])  # from the middle, where the index of tails is measured


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

        The values are atoms, and quantiles of the continuum of each component. What is beyond
        the levels Φ(±4) of a component is left out, and so are components without a variance
        unless they weigh more than a half, so that heavy tails have moments, too.
        """
        fractions = torch.from_numpy(np.exp(-0.5 * _NODES**2)).to(context)
        levels = torch.from_numpy(ndtr(_NODES)).to(context)
        for block in context.split(max(1, _MAX_EVALUATIONS // len(levels))):
            values, weights = self._given(block).quadrature(levels, fractions / fractions.sum())
            yield values.T, weights.T

    def has_reliable_mean(self, context: Tensor) -> Tensor:
        """Whether no tail is so heavy that few samples decide the mean, (n,)."""
        middle = len(_NODES) // 2
        nodes = middle + np.stack([_TAIL_NODES, -_TAIL_NODES])
        wanted = np.unique(np.append(nodes, middle))
        values = self._quantiles(torch.from_numpy(ndtr(_NODES[wanted])).to(context), context)
        place = {node: k for k, node in enumerate(wanted.tolist())}
        center = values[:, [place[middle]]].unsqueeze(-1)
        index = torch.tensor([[place[node] for node in side] for side in nodes.tolist()])
        distances = (values[:, index] - center).abs()
        growth = (distances[..., 1:] / distances[..., :-1]).log().nan_to_num(0.0)
        log_levels = torch.from_numpy(-np.diff(np.log(ndtr(-np.abs(_NODES[nodes]))))).to(growth)
        return (log_levels / growth.clamp_min(1e-9)).amax(-1).amin(-1) > _UNRELIABLE

    def _quantiles(self, levels: Tensor, context: Tensor) -> Tensor:
        given = self._given(context)
        return given.quantile(levels.unsqueeze(1).expand(-1, len(context))).T

    def _given(self, context: Tensor) -> ColumnMixture:
        nothing = torch.full_like(context[:, :1], torch.nan)
        return self._density.conditionals(nothing, [0], context)[0]
