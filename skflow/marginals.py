"""Marginal links: what happens to every column on its own, before columns meet."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from torch import Tensor

from skflow.flows.bijections import Bijection, Chain, Standardize, YeoJohnson
from skflow.kernel_marginals import choose_factors, fit_kernel_link

LEAST_SLOPE = 0.1  # of regressions' power transforms: what is far out stays within reach
_WORK = 2.5e7  # bounds the rows on which kernels are chosen, by columns
_SCORED_ROWS = 1000  # enough to choose kernels by: further folds are not left out in turn


@dataclass(frozen=True)
class Marginals:
    """How to fit marginal links.

    `kind` is "standardize", "yeo-johnson" or "kernel", which comes after a power transform,
    `factors` the kernels' bandwidth factor of each column, `least_slope` that of the power.
    """

    kind: str
    factors: tuple[float | None, ...] = ()
    least_slope: float = 0.0

    def fit(self, x: Tensor, weights: Tensor) -> list[Bijection]:
        """Links that bring the columns of x (n, d) to about standard normal."""
        if self.kind == "standardize":
            return [Standardize.fit(x, weights)]
        steps: list[Callable[[Tensor, Tensor], Bijection]]
        steps = [_centre, partial(YeoJohnson.fit, least_slope=self.least_slope), Standardize.fit]
        if self.kind == "kernel":
            steps.append(lambda x, w: fit_kernel_link(x, w, self.factors))
        links: list[Bijection] = []
        for fit in steps:
            links.append(fit(x, weights))
            x, _ = links[-1](x)
        return links


def choose_marginals(
    kinds: tuple[str, ...],
    x: Tensor,
    weights: Tensor,
    folds: np.ndarray,
    least_slope: float = 0.0,
) -> list[Marginals]:
    """The candidates of the given kinds; that of kernels only where a column wants them."""
    candidates = []
    for kind in kinds:
        if kind != "kernel":
            candidates.append(Marginals(kind, (), least_slope))
            continue
        factors = _kernel_factors(x, weights, folds)
        if any(factor is not None for factor in factors):
            candidates.append(Marginals(kind, tuple(factors), least_slope))
    return candidates


def _kernel_factors(x: Tensor, weights: Tensor, folds: np.ndarray) -> list[float | None]:
    some = slice(int(math.sqrt(_WORK / x.shape[1])))
    x, weights, folds = x[some], weights[some], folds[some]
    n_folds = folds.max() + 1
    folds = np.where(folds < math.ceil(_SCORED_ROWS * n_folds / len(x)), folds, -1)
    z, _ = Chain(Marginals("yeo-johnson").fit(x, weights))(x)
    normal = torch.distributions.Normal(0.0, 1.0).log_prob(z)
    scored = weights * torch.from_numpy(folds >= 0)
    scores = (scored @ normal / scored.sum()).numpy()
    return choose_factors(z.numpy(), weights.numpy(), folds, scores)


def _centre(x: Tensor, weights: Tensor) -> Standardize:
    """Median and standard deviation: a power transform needs to know left from right."""
    by_size = x.argsort(dim=0)
    share = weights[by_size].cumsum(0) / weights.sum()
    middle = (share < 0.5).sum(0, keepdim=True)
    median = x.gather(0, by_size.gather(0, middle)).squeeze(0)
    return Standardize(median, Standardize.fit(x, weights).scale)
