"""Marginal links: what happens to every column on its own, before columns meet."""

import math
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from torch import Tensor

from skflow.flows.bijections import Bijection, Chain, Standardize, YeoJohnson
from skflow.preprocessing.dataset import WeightedDataset
from skflow.preprocessing.integer_marginals import IntegerMarginal, prefers_integer_marginal
from skflow.preprocessing.kernel_marginals import choose_factors, interpolant_of, kernel_table

Factor = float | str | None

MIN_SLOPE = 0.1  # of regressions' power transforms: what is far out stays within reach
_WORK = 2.5e7  # bounds the rows on which kernels are chosen, by columns
_SCORED_ROWS = 1000  # enough to choose kernels by: further folds are not left out in turn


@dataclass(frozen=True)
class Marginals:
    """How to fit marginal links.

    `kind` is "standardize", "yeo-johnson" or "kernel", which comes after a power transform,
    `factors` the kernels' bandwidth factor of each column or "cells" for its cells,
    `min_slope` that of the power.
    """

    kind: str
    factors: tuple[Factor, ...] = ()
    min_slope: float = 0.0

    def fit(
        self, x: Tensor, weights: Tensor, cell_bounds: Tensor | None = None
    ) -> list[Bijection]:
        """Links that bring the columns of x (n, d) to about standard normal."""
        if self.kind == "standardize":
            return [Standardize.fit(x, weights)]
        bijections: list[Bijection] = []
        power = partial(YeoJohnson.fit, min_slope=self.min_slope)
        for fit in (_centre, power, Standardize.fit):
            bijections.append(fit(x, weights))
            x, _ = bijections[-1](x)
        if self.kind == "kernel":
            ends = None if cell_bounds is None else Chain(bijections)(cell_bounds)[0].numpy()
            bijections.append(interpolant_of(self._tables(x.numpy(), weights.numpy(), ends)))
        return bijections

    def _tables(self, x: np.ndarray, weights: np.ndarray, ends: np.ndarray | None) -> list:
        """Knots, values and slopes for each column."""
        tables = []
        for j, factor in enumerate(self.factors):
            if factor == "cells" and ends is not None:
                tables.append(IntegerMarginal.fit(ends[0, :, j], ends[1, :, j], weights).table())
            else:
                number = None if isinstance(factor, str) else factor
                tables.append(kernel_table(x[:, j], weights, number))
        return tables


def choose_marginals(
    kinds: tuple[str, ...],
    data: WeightedDataset,
    folds: np.ndarray,
    min_slope: float = 0.0,
) -> list[Marginals]:
    """The candidates of the given kinds; that of kernels only where a column wants them."""
    candidates = []
    for kind in kinds:
        if kind != "kernel":
            candidates.append(Marginals(kind, (), min_slope))
            continue
        factors = _kernel_factors(data, folds)
        if any(factor is not None for factor in factors):
            candidates.append(Marginals(kind, tuple(factors), min_slope))
    return candidates


def _kernel_factors(data: WeightedDataset, folds: np.ndarray) -> list[Factor]:
    subset = data.take(slice(int(math.sqrt(_WORK / data.x.shape[1]))))
    n_folds = folds.max() + 1
    folds = folds[: len(subset)]
    folds = np.where(folds < math.ceil(_SCORED_ROWS * n_folds / len(folds)), folds, -1)
    bijections = Chain(Marginals("yeo-johnson").fit(subset.x, subset.weights))
    z, _ = bijections(subset.x)
    normal = torch.distributions.Normal(0.0, 1.0).log_prob(z)
    scored = subset.weights * torch.from_numpy(folds >= 0)
    scores = (scored @ normal / scored.sum()).numpy()
    weights = subset.weights.numpy()
    factors: list[Factor] = list(choose_factors(z.numpy(), weights, folds, scores))
    if subset.cell_bounds is not None:
        low, high = bijections(subset.cell_bounds)[0].numpy()
        for j in np.flatnonzero((low != high).all(axis=0)):
            helped = prefers_integer_marginal(low[:, j], high[:, j], weights, folds, scores[j])
            factors[j] = "cells" if helped else None
    return factors


def _centre(x: Tensor, weights: Tensor) -> Standardize:
    """Median and standard deviation: a power transform needs to know left from right."""
    by_size = x.argsort(dim=0)
    share = weights[by_size].cumsum(0) / weights.sum()
    middle = (share < 0.5).sum(0, keepdim=True)
    median = x.gather(0, by_size.gather(0, middle)).squeeze(0)
    return Standardize(median, Standardize.fit(x, weights).scale)
