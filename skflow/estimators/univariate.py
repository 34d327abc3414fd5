"""Distribution function, quantiles and moments of a conditional mixture of a single target.

In one dimension, each component of the mixture is an increasing transformation of its base
distribution. The distribution function of a component is therefore that of its base at the
transformed value, and its quantiles are transformed quantiles of the base.
"""

from collections.abc import Iterator

import numpy as np
import torch
from scipy.special import ndtr
from torch import Tensor

from skflow.flows.distributions.distribution import Base
from skflow.flows.distributions.flow import Flow
from skflow.flows.distributions.mixture import Mixture

# of the trapezoidal rule, which converges fast for a normal density
_NORMAL_NODES = np.linspace(-4, 4, 33)
_MAX_ITER = 100  # of the root search
_TOLERANCE = 1e-10  # of the last step, relative to the width of the initial bracket
_MAX_EVALUATIONS = 65_536  # rows that are mapped at a time

Components = list[tuple[Flow, Base, float]]


class UnivariateDistribution:
    """Conditional distribution of a single target, from a fitted density of one column.

    Parameters
    ----------
    density : Flow
        Density over a mixture of flows, each increasing in its only column.
    """

    def __init__(self, density: Flow):
        mixture = density.base
        assert isinstance(mixture, Mixture)
        self._density = density
        self._components: Components = []
        for component, weight in zip(mixture.components, mixture.weights.tolist(), strict=True):
            assert isinstance(component, Flow)
            assert isinstance(component.base, Base)
            if weight > 0:
                self._components.append((component, component.base, weight))

    def cdf(self, y: Tensor, context: Tensor) -> Tensor:
        """P(Y ≤ y | context) for y (n,) and context (n, c), of shape (n,)."""
        blocks = zip(y.split(_MAX_EVALUATIONS), context.split(_MAX_EVALUATIONS), strict=True)
        return torch.cat([self._cdf_and_density(*block)[0] for block in blocks])

    def quantiles(self, levels: Tensor, context: Tensor) -> Tensor:
        """Quantiles at levels (m,) conditional on context (n, c), of shape (n, m)."""
        blocks = _blocks(context, len(levels))
        return torch.cat([self._quantiles(levels, block) for block in blocks])

    def quadrature(self, context: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield values (n, m) and weights (m,) that approximate integrals, in blocks of rows.

        The values are quantiles of each component at the nodes of a trapezoidal rule. What is
        beyond the levels Φ(±4) of a component is left out, so that heavy tails have moments, too.
        Components without a variance, such as the wide t of the safety net, are left out if
        their weights add up to less than a half.
        """
        components = [c for c in self._components if c[1].has_variance]
        if sum(weight for *_, weight in components) < 0.5:
            components = self._components
        node_weights = np.exp(-0.5 * _NORMAL_NODES**2)
        fractions = torch.from_numpy(node_weights / node_weights.sum()).to(context)
        weights = torch.cat([weight * fractions for *_, weight in components])
        weights /= weights.sum()
        levels = torch.from_numpy(ndtr(_NORMAL_NODES)).to(context)
        for block in _blocks(context, len(levels)):
            values = self._component_quantiles(components, levels, block)
            yield torch.cat(list(values), dim=1), weights

    def _quantiles(self, levels: Tensor, context: Tensor) -> Tensor:
        """Newton's method, bracketed by the extreme quantiles of the components."""
        by_component = list(self._component_quantiles(self._components, levels, context))
        bounds = torch.stack(by_component).flatten(1)
        low, high = bounds.amin(0), bounds.amax(0)
        context, level = _repeat(context, len(levels)), levels.repeat(len(context))
        y = low.lerp(high, 0.5)
        tolerance = _TOLERANCE * (high - low)
        for iteration in range(_MAX_ITER):
            cdf, density = self._cdf_and_density(y, context)
            low, high = torch.where(cdf < level, y, low), torch.where(cdf < level, high, y)
            newton = y - (cdf - level) / density
            bisection = low.lerp(high, 0.5)
            # every fourth step bisects, so that the bracket shrinks for any density
            use_newton = (newton > low) & (newton < high) & (iteration % 4 != 3)
            y_next = torch.where(use_newton, newton, bisection)
            converged = bool(((y_next - y).abs() <= tolerance).all())
            y = y_next
            if converged:
                break
        return y.view(-1, len(levels))

    def _component_quantiles(
        self, components: Components, levels: Tensor, context: Tensor
    ) -> Iterator[Tensor]:
        """Quantiles of each component, of shape (n, m)."""
        repeated = self._density.context_transform(_repeat(context, len(levels)))[0]
        for component, base, _ in components:
            z = base.quantile(levels).repeat(len(context)).unsqueeze(1)
            y, _ = component.chain.inverse(z, repeated)
            y, _ = self._density.chain.inverse(y, repeated)
            yield y.view(-1, len(levels))

    def _cdf_and_density(self, y: Tensor, context: Tensor) -> tuple[Tensor, Tensor]:
        context = self._density.context_transform(context)[0]
        x, log_det = self._density.chain(y.unsqueeze(1), context)
        cdf, density = torch.zeros_like(y), torch.zeros_like(y)
        for component, base, weight in self._components:
            z, component_log_det = component.chain(x, context)
            cdf += weight * base.cdf(z.squeeze(1))
            density += weight * (base.log_prob(z) + component_log_det + log_det).exp()
        return cdf.clamp_max(1.0), density


def _blocks(context: Tensor, n_values: int) -> tuple[Tensor, ...]:
    """Blocks of rows for which `n_values` values each are evaluated at a time."""
    return context.split(max(1, _MAX_EVALUATIONS // n_values))


def _repeat(context: Tensor, n_times: int) -> Tensor:
    """Each row `n_times` in succession."""
    return context.repeat_interleave(n_times, dim=0)
