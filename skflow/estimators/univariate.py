"""Distribution function, quantiles and moments of a conditional mixture of a single target.

In one dimension, each component of the mixture is a monotone transformation of its base
distribution, which is symmetric. The distribution function of a component is therefore that of
its base at the transformed value, with the sign of the slope, and its quantiles are transformed
quantiles of the base.
"""

from collections.abc import Iterator

import numpy as np
import torch
from scipy.special import ndtr
from torch import Tensor

from skflow.flows.distributions.distribution import Base
from skflow.flows.distributions.flow import Flow
from skflow.flows.distributions.inverse_cdf import inverse_cdf
from skflow.flows.distributions.mixture import Mixture

# of the trapezoidal rule, which converges fast for a normal density
_NORMAL_NODES = np.linspace(-4, 4, 33)
_MIDDLE = len(_NORMAL_NODES) // 2
_TAIL_NODES = np.array([4, 7, 10])  # from the middle, where the index of tails is measured
_LEVELS = ndtr(-np.abs(_NORMAL_NODES))  # in the nearer tail
# Tails of a smaller index than the first have no reliable mean, and are tamed; of a larger one
# than the second they are left as they are. The index of a Cauchy distribution is 1.
_UNRELIABLE, _RELIABLE = 1.3, 1.5
_LAST_FREE_NODE = 8  # from the middle; further out tamed tails have the index _RELIABLE
_MAX_CELLS = 256  # integers over which sums are exact
_MIN_IN_CELLS = 0.99  # probability that these have to have
_MAX_EVALUATIONS = 65_536  # rows that are mapped at a time

Components = list[tuple[Flow, Base, float]]


class UnivariateDistribution:
    """Conditional distribution of a single target, from a fitted density of one column.

    Parameters
    ----------
    density : Flow
        Density over a mixture of flows, each monotone in its only column.
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
        return torch.cat([self.cdf_and_density(*block)[0] for block in blocks])

    def quantiles(self, levels: Tensor, context: Tensor) -> Tensor:
        """Quantiles at levels (m,) conditional on context (n, c), of shape (n, m)."""
        blocks = _blocks(context, len(levels))
        return torch.cat([self._quantiles(levels, block) for block in blocks])

    def quadrature(self, context: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield values (n, m) and weights (m,) that approximate integrals, in blocks of rows.

        The values are quantiles of each component at the nodes of a trapezoidal rule. What is
        beyond the levels Φ(±4) of a component is left out, so that heavy tails have moments, too.
        Where the mean is not reliable, quantiles beyond the levels Φ(±2) grow at most like those
        of a Pareto tail of index 1.5. Components without a variance, such as the wide t of the
        safety net, are left out if their weights add up to less than a half.
        """
        components = self._components_with_variance()
        node_weights = np.exp(-0.5 * _NORMAL_NODES**2)
        fractions = torch.from_numpy(node_weights / node_weights.sum()).to(context)
        weights = torch.cat([weight * fractions for *_, weight in components])
        weights /= weights.sum()
        levels = torch.from_numpy(ndtr(_NORMAL_NODES)).to(context)
        for block in _blocks(context, len(levels)):
            values = list(self._component_quantiles(components, levels, block))
            excess = (_RELIABLE - self._tail_index(components, values)).unsqueeze(1)
            share = (excess / (_RELIABLE - _UNRELIABLE)).clamp(0, 1)
            yield torch.cat([each.lerp(_tamed(each), share) for each in values], dim=1), weights

    def integer_quadrature(
        self, context: Tensor, low: float, high: float
    ) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield integers (n, m) and their probabilities (n, m), in blocks of rows.

        All integers between the bounds if they are few, else up to 256 around the center, without
        a probability of some 3e-5 on either side. Where less than 99 % are in there, values and
        weights are those of the quadrature.
        """
        for block in _blocks(context, _MAX_CELLS):
            first, last = torch.full_like(block[:, 0], low), torch.full_like(block[:, 0], high)
            if not high - low < _MAX_CELLS:
                first, last = (end.round().clamp(low, high) for end in self._range(block))
            n_cells = int((last - first).amax()) + 1
            values, weights = self._cells(block, first, last, n_cells, (low, high))
            total = weights.sum(1, keepdim=True)
            is_wide = total < _MIN_IN_CELLS
            weights = torch.where(is_wide, 0.0, weights / total.clamp_min(_MIN_IN_CELLS))
            if is_wide.any():
                ((nodes, node_weights),) = self.quadrature(block)
                values = torch.cat([values, nodes.round().clamp(low, high)], dim=1)
                weights = torch.cat([weights, node_weights.expand_as(nodes) * is_wide], dim=1)
            yield values, weights

    def _range(self, context: Tensor) -> tuple[Tensor, Tensor]:
        """Ends of at most 256 integers, each (n,).

        All components have all but 3e-5 of their weight on either side in between, unless that
        would be more than 256 integers, which then are around the mean of their medians.
        """
        ends, center = [], torch.zeros_like(context[:, 0])
        total = sum(weight for *_, weight in self._components)
        for component in self._components:
            tail = min(0.5, _LEVELS[0] / component[2])
            levels = torch.tensor([tail, 0.5, 1 - tail]).to(context)
            (quantiles,) = self._component_quantiles([component], levels, context)
            ends.append(quantiles)
            center += component[2] / total * quantiles[:, 1]
        together, half = torch.cat(ends, dim=1), _MAX_CELLS // 2 - 1
        first = torch.maximum(together.amin(1), center - half)
        return first, torch.minimum(together.amax(1), center + half)

    def _cells(
        self,
        context: Tensor,
        first: Tensor,
        last: Tensor,
        n_cells: int,
        bounds: tuple[float, float],
    ) -> tuple[Tensor, Tensor]:
        """The integers from `first` on, (n, n_cells), and their probabilities up to `last`."""
        steps = torch.arange(n_cells + 1, dtype=first.dtype, device=first.device)
        edges = first.unsqueeze(1) - 0.5 + steps
        cdf = self.cdf(edges.flatten(), _repeat(context, n_cells + 1)).view_as(edges)
        cdf = torch.where(edges < bounds[0], 0.0, torch.where(edges > bounds[1], 1.0, cdf))
        cells = edges[:, :-1] + 0.5
        return cells, torch.where(cells <= last.unsqueeze(1), cdf.diff(dim=1), 0.0)

    def has_reliable_mean(self, context: Tensor) -> Tensor:
        """Whether no tail is so heavy that few samples decide the mean, (n,)."""
        components = self._components_with_variance()
        levels = torch.from_numpy(ndtr(_NORMAL_NODES)).to(context)
        values = list(self._component_quantiles(components, levels, context))
        return self._tail_index(components, values) > _UNRELIABLE

    def _tail_index(self, components: Components, values: list[Tensor]) -> Tensor:
        """The index of a Pareto tail with the growth of the fitted quantiles, (n,).

        From the level 0.16 to 0.04 and on to 0.006, the larger of both, in the heavier tail, of
        quantiles averaged over the components.
        """
        weights = [weight for *_, weight in components]
        terms = [weight * each for weight, each in zip(weights, values, strict=True)]
        mean = torch.stack(terms).sum(0) / sum(weights)
        nodes = _MIDDLE + np.stack([_TAIL_NODES, -_TAIL_NODES])
        distances = (mean[:, nodes] - mean[:, [_MIDDLE]].unsqueeze(-1)).abs()
        growth = (distances[..., 1:] / distances[..., :-1]).log().nan_to_num(0.0)
        log_levels = torch.from_numpy(-np.diff(np.log(_LEVELS[nodes]))).to(mean)
        return (log_levels / growth.clamp_min(1e-9)).amax(-1).amin(-1)

    def _components_with_variance(self) -> Components:
        """Those whose base has one, or all if these weigh less than a half."""
        components = [c for c in self._components if c[1].has_variance]
        enough = sum(weight for *_, weight in components) >= 0.5
        return components if enough else self._components

    def _quantiles(self, levels: Tensor, context: Tensor) -> Tensor:
        """Root finding between the extreme quantiles of the components."""
        by_component = list(self._component_quantiles(self._components, levels, context))
        bounds = torch.stack(by_component).flatten(1)
        context, level = _repeat(context, len(levels)), levels.repeat(len(context))
        y = inverse_cdf(
            lambda y: self.cdf_and_density(y, context), level, bounds.amin(0), bounds.amax(0)
        )
        return y.view(-1, len(levels))

    def _component_quantiles(
        self, components: Components, levels: Tensor, context: Tensor
    ) -> Iterator[Tensor]:
        """Quantiles of each component, of shape (n, m)."""
        repeated = self._density.context_transform(_repeat(context, len(levels)))[0]
        for component, base, _ in components:
            z = base.quantile(levels).repeat(len(context)).unsqueeze(1)
            z = z * _sign(component, repeated)
            y, _ = component.chain.inverse(z, repeated)
            y, _ = self._density.chain.inverse(y, repeated)
            yield y.view(-1, len(levels))

    def cdf_and_density(self, y: Tensor, context: Tensor) -> tuple[Tensor, Tensor]:
        """P(Y ≤ y | context) and the density at y for y (n,) and context (n, c), both (n,)."""
        context = self._density.context_transform(context)[0]
        x, log_det = self._density.chain(y.unsqueeze(1), context)
        cdf, density = torch.zeros_like(y), torch.zeros_like(y)
        for component, base, weight in self._components:
            z, component_log_det = component.chain(x, context)
            cdf += weight * base.cdf((z * _sign(component, context)).squeeze(1))
            density += weight * (base.log_prob(z) + component_log_det + log_det).exp()
        return cdf.clamp_max(1.0), density


def _tamed(quantiles: Tensor) -> Tensor:
    """Quantiles (n, m) of a component at the nodes, with bounded growth in the tails."""
    last = [_MIDDLE - _LAST_FREE_NODE, _MIDDLE + _LAST_FREE_NODE]
    growth = np.maximum(1.0, _LEVELS[last[0]] / _LEVELS) ** (1 / _RELIABLE)
    growth = torch.from_numpy(growth).to(quantiles)
    center = quantiles[:, [_MIDDLE]]
    ends = quantiles[:, last] - center
    low, high = ends.amin(1, keepdim=True), ends.amax(1, keepdim=True)
    return center + (quantiles - center).clamp(low * growth, high * growth)


def _sign(component: Flow, context: Tensor) -> float:
    """The sign of a component's slope, the same everywhere; bases are symmetric."""
    ends = torch.tensor([[-1.0], [1.0]], dtype=context.dtype, device=context.device)
    low, high = component.chain(ends, context[:1].expand(2, -1))[0]
    return 1.0 if bool(high >= low) else -1.0


def _blocks(context: Tensor, n_values: int) -> tuple[Tensor, ...]:
    """Blocks of rows for which `n_values` values each are evaluated at a time."""
    return context.split(max(1, _MAX_EVALUATIONS // n_values))


def _repeat(context: Tensor, n_times: int) -> Tensor:
    """Each row `n_times` in succession."""
    return context.repeat_interleave(n_times, dim=0)
