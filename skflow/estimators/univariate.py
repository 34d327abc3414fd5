"""One target given its context: distribution function, quantiles and moments of a mixture.

In one dimension every part of the mixture is an increasing map of its base, so that part's
distribution function is the base's at the image, and its quantiles are images of the base's.
"""

from collections.abc import Iterator

import numpy as np
import torch
from scipy.special import ndtr
from torch import Tensor

from skflow.flows.distributions.distribution import Base
from skflow.flows.distributions.flow import Flow
from skflow.flows.distributions.mixture import Mixture

_NODES = np.linspace(-4, 4, 33)  # of the trapezoid rule, which converges fast for a normal
_STEPS = 100  # of a root search at most
_EXACT = 1e-10  # a last step that is short enough, over the width of the first bracket
_EVALUATIONS = 65_536  # rows that go through a flow at a time


class UnivariateDistribution:
    """The distribution of a single target, for a fitted density of one column.

    Parameters
    ----------
    density : Flow
        Over a mixture of flows, each increasing in its only column.
    """

    def __init__(self, density: Flow):
        mixture = density.base
        assert isinstance(mixture, Mixture)
        self._density = density
        self._components: list[tuple[Flow, Base, float]] = []
        for component, weight in zip(mixture.components, mixture.weights.tolist(), strict=True):
            assert isinstance(component, Flow)
            assert isinstance(component.base, Base)
            if weight > 0:
                self._components.append((component, component.base, weight))

    def cdf(self, y: Tensor, context: Tensor) -> Tensor:
        """P(Y ≤ y), (n,) given (n, c) to (n,)."""
        return torch.cat(
            [
                self._cdf_and_density(some, given)[0]
                for some, given in zip(
                    y.split(_EVALUATIONS), context.split(_EVALUATIONS), strict=True
                )
            ]
        )

    def quantiles(self, levels: Tensor, context: Tensor) -> Tensor:
        """Where the distribution function reaches the levels (m,), (n, m)."""
        blocks = _blocks(context, len(levels))
        return torch.cat([self._quantiles(levels, block) for block in blocks])

    def atoms(self, context: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
        """Blocks of values (n, m) and weights (m,), which stand for the distribution in sums.

        Nodes of the trapezoid rule in the quantiles of each part. What lies beyond the levels
        Φ(±4) of a part is left out, so that heavy tails have moments too; and so are parts
        without a variance that together weigh less than half, such as the net's wide t.
        """
        components = [p for p in self._components if p[1].has_variance]
        if sum(weight for *_, weight in components) < 0.5:
            components = self._components
        heights = np.exp(-0.5 * _NODES**2)
        shares = torch.from_numpy(heights / heights.sum()).to(context)
        weights = torch.cat([weight * shares for *_, weight in components])
        weights /= weights.sum()
        levels = torch.from_numpy(ndtr(_NODES)).to(context)
        for block in _blocks(context, len(levels)):
            yield (
                torch.cat(list(self._component_quantiles(components, levels, block)), dim=1),
                weights,
            )

    def _quantiles(self, levels: Tensor, context: Tensor) -> Tensor:
        """Newton's method, between the least and the largest quantile of any part."""
        each = torch.stack(
            list(self._component_quantiles(self._components, levels, context))
        ).flatten(1)
        low, high = each.amin(0), each.amax(0)
        given, level = _repeat(context, len(levels)), levels.repeat(len(context))
        y = low.lerp(high, 0.5)
        short = _EXACT * (high - low)
        for step in range(_STEPS):
            cdf, density = self._cdf_and_density(y, given)
            low, high = torch.where(cdf < level, y, low), torch.where(cdf < level, high, y)
            newton = y - (cdf - level) / density
            middle = low.lerp(high, 0.5)
            # now and then a bisection, so that the bracket shrinks whatever the density does
            trusted = (newton > low) & (newton < high) & (step % 4 != 3)
            following = torch.where(trusted, newton, middle)
            done = bool(((following - y).abs() <= short).all())
            y = following
            if done:
                break
        return y.view(-1, len(levels))

    def _component_quantiles(
        self, components: list[tuple[Flow, Base, float]], levels: Tensor, context: Tensor
    ) -> Iterator[Tensor]:
        """Quantiles of each part, (n, m)."""
        given = self._density.context_transform(_repeat(context, len(levels)))[0]
        for component, base, _ in components:
            z = base.quantile(levels).repeat(len(context)).unsqueeze(1)
            y, _ = component.chain.inverse(z, given)
            y, _ = self._density.chain.inverse(y, given)
            yield y.view(-1, len(levels))

    def _cdf_and_density(self, y: Tensor, context: Tensor) -> tuple[Tensor, Tensor]:
        given = self._density.context_transform(context)[0]
        x, log_det = self._density.chain(y.unsqueeze(1), given)
        cdf, density = torch.zeros_like(y), torch.zeros_like(y)
        for component, base, weight in self._components:
            z, component_log_det = component.chain(x, given)
            cdf += weight * base.cdf(z.squeeze(1))
            density += weight * (base.log_prob(z) + component_log_det + log_det).exp()
        return cdf.clamp_max(1.0), density


def _blocks(context: Tensor, n_values: int) -> tuple[Tensor, ...]:
    return context.split(max(1, _EVALUATIONS // n_values))


def _repeat(context: Tensor, n_times: int) -> Tensor:
    """Every row so many times in turn."""
    return context.repeat_interleave(n_times, dim=0)
