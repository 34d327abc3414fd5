"""How to build an example of every bijection: the table behind test_contract.py.

A new bijection needs one line in `EXAMPLES`, and the contract tests run for it. A bijection
that is not defined on all of ℝ^d also says what its domain is.
"""

import math
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import torch

from skflow.flows.bijections import (
    Arc,
    Bijection,
    Bounded,
    Chain,
    ClassWhiten,
    Interpolant,
    LULinear,
    ParetoTails,
    Regress,
    Reverse,
    Scale,
    Standardize,
    Whiten,
    YeoJohnson,
)
from skflow.flows.layers import Layer, autoregressive, continuous, coupling, planar, radial

INF = math.inf


class Domain(NamedTuple):
    """A product of intervals, one per column; infinite ends are those of the real line."""

    low: torch.Tensor  # (d,)
    high: torch.Tensor  # (d,)

    def points(self, u):
        """Points of the domain from real numbers of the same shape, (..., d)."""
        low, high = self.low.to(u), self.high.to(u)
        interval = low + (high - low) * u.sigmoid()
        x = torch.where(high.isfinite(), high - u.exp(), u)
        x = torch.where(low.isfinite(), low + u.exp(), x)
        return torch.where(low.isfinite() & high.isfinite(), interval, x)

    def contains(self, x):
        """Whether each value lies in the closure of the domain, of the shape of x."""
        return x.isfinite() & (x >= self.low) & (x <= self.high)


def real_line(bijection: Bijection, d: int) -> Domain:
    return Domain(torch.full((d,), -INF), torch.full((d,), INF))


def between_bounds(bijection: Bijection, d: int) -> Domain:
    return Domain(bijection.low, bijection.high)


class Example(NamedTuple):
    """A builder of random instances, and the domain that they map onto ℝ^d."""

    build: Layer
    domain: Callable[[Bijection, int], Domain] = real_line
    uses_context: bool = False  # without a conditioner network


def _normal(*shape, generator):
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


def _ends(intervals, d):
    """The intervals repeated over d columns, as lower and upper ends (d,)."""
    columns = [intervals[j % len(intervals)] for j in range(d)]
    return torch.tensor(columns, dtype=torch.float64).unbind(-1)


def _arc(config, generator):
    return Arc(*_ends([(-1.0, 7.0), (-INF, INF)], config.n_features))


def _bounded(config, generator):
    d = config.n_features
    low, high = _ends([(-2.0, 3.0), (0.0, INF), (-INF, 5.0), (-INF, INF)], d)
    center, scale = 0.3 * _normal(2, d, generator=generator)
    return Bounded(
        low, high, center, 1 + scale.exp(), torch.where(low.isfinite(), low + 2, high - 2)
    )


def _chain(config, generator):
    mixing, scaling = LULinear(config.n_features), Scale(config.n_features)
    return Chain([mixing, autoregressive("affine")(config, generator), scaling])


def _class_whiten(config, generator):
    return ClassWhiten(*_ellipsoids(max(config.n_context, 1), config.n_features, generator))


def _ellipsoids(n, d, generator):
    """Random centers (n, d) and lower triangular factors (n, d, d)."""
    raw = _normal(n, d, d, generator=generator) / math.sqrt(d)
    factor = raw.tril(-1) + torch.diag_embed(raw.diagonal(dim1=-2, dim2=-1).exp())
    return _normal(n, d, generator=generator), factor


def _interpolant(config, generator):
    steps = torch.rand(3, config.n_features, 6, generator=generator, dtype=torch.float64) + 0.1
    knots, values, slopes = steps[0].cumsum(-1), steps[1].cumsum(-1), steps[2]
    return Interpolant(knots - 2, values - 2, slopes)


def _pareto_tails(config, generator, df):
    d = config.n_features
    thresholds = torch.rand(2, d, generator=generator, dtype=torch.float64) + 0.5
    shapes = torch.stack(_ends([(0.3, 0.0), (-4.0, 0.5)], d))
    return ParetoTails(-thresholds[0], thresholds[1], *shapes, torch.tensor(df).double())


def _regress(config, generator):
    drawn = _normal(config.n_features, config.n_context + 1, generator=generator)
    return Regress(drawn[:, 1:], drawn[:, 0])


def _standardize(config, generator):
    loc, log_scale = _normal(2, config.n_features, generator=generator)
    return Standardize(loc, log_scale.exp())


def _whiten(config, generator):
    loc, factor = _ellipsoids(1, config.n_features, generator)
    return Whiten(loc[0], factor[0])


def _yeo_johnson(config, generator):
    lam = 1 + 1.5 * _normal(config.n_features, generator=generator)
    return YeoJohnson(lam, torch.full_like(lam, -4), torch.full_like(lam, 3))


EXAMPLES: dict[str, Example] = {
    "additive autoregressive": Example(autoregressive("additive")),
    "additive coupling": Example(coupling("additive")),
    "affine autoregressive": Example(autoregressive("affine")),
    "affine coupling": Example(coupling("affine")),
    "arc": Example(_arc, between_bounds),
    "bounded": Example(_bounded, between_bounds),
    "chain": Example(_chain),
    "class whiten": Example(_class_whiten, uses_context=True),
    "continuous": Example(continuous(n_steps=24)),
    "interpolant": Example(_interpolant),
    "linear": Example(lambda config, generator: LULinear(config.n_features)),
    "linear, volume preserving": Example(
        lambda config, generator: LULinear(config.n_features, volume_preserving=True)
    ),
    "pareto tails": Example(partial(_pareto_tails, df=1e4)),
    "pareto tails of a t": Example(partial(_pareto_tails, df=2.5)),
    "planar": Example(planar),
    "radial": Example(radial),
    "regress": Example(_regress, uses_context=True),
    "reverse": Example(lambda config, generator: Reverse()),
    "scale": Example(lambda config, generator: Scale(config.n_features)),
    "spline autoregressive": Example(autoregressive("spline")),
    "spline coupling": Example(coupling("spline")),
    "spline coupling from the end": Example(coupling("spline", from_end=True)),
    "standardize": Example(_standardize),
    "whiten": Example(_whiten),
    "yeo-johnson": Example(_yeo_johnson),
}
