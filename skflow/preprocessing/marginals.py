"""Marginal links: what happens to every column on its own, before columns meet."""

import math
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from torch import Tensor

from skflow.flows.bijections import Bijection, Chain, Standardize, YeoJohnson
from skflow.preprocessing.dataset import Table
from skflow.preprocessing.integer_marginals import Cells, cells_help
from skflow.preprocessing.kernel_marginals import choose_factors, interpolant_of, kernel_table

Factor = float | str | None

LEAST_SLOPE = 0.1  # of regressions' power transforms: what is far out stays within reach
_WORK = 2.5e7  # bounds the rows on which kernels are chosen, by columns
_SCORED_ROWS = 1000  # enough to choose kernels by: further folds are not left out in turn


@dataclass(frozen=True)
class Marginals:
    """How to fit marginal links.

    `kind` is "standardize", "yeo-johnson" or "kernel", which comes after a power transform,
    `factors` the kernels' bandwidth factor of each column or "cells" for its cells,
    `least_slope` that of the power.
    """

    kind: str
    factors: tuple[Factor, ...] = ()
    least_slope: float = 0.0

    def fit(self, x: Tensor, weights: Tensor, cells: Tensor | None = None) -> list[Bijection]:
        """Links that bring the columns of x (n, d) to about standard normal."""
        if self.kind == "standardize":
            return [Standardize.fit(x, weights)]
        links: list[Bijection] = []
        power = partial(YeoJohnson.fit, least_slope=self.least_slope)
        for fit in (_centre, power, Standardize.fit):
            links.append(fit(x, weights))
            x, _ = links[-1](x)
        if self.kind == "kernel":
            ends = None if cells is None else Chain(links)(cells)[0].numpy()
            links.append(interpolant_of(self._tables(x.numpy(), weights.numpy(), ends)))
        return links

    def _tables(self, x: np.ndarray, weights: np.ndarray, ends: np.ndarray | None) -> list:
        """Knots, values and slopes for each column."""
        tables = []
        for j, factor in enumerate(self.factors):
            if factor == "cells" and ends is not None:
                tables.append(Cells.fit(ends[0, :, j], ends[1, :, j], weights).table())
            else:
                number = None if isinstance(factor, str) else factor
                tables.append(kernel_table(x[:, j], weights, number))
        return tables


def choose_marginals(
    kinds: tuple[str, ...],
    table: Table,
    folds: np.ndarray,
    least_slope: float = 0.0,
) -> list[Marginals]:
    """The candidates of the given kinds; that of kernels only where a column wants them."""
    candidates = []
    for kind in kinds:
        if kind != "kernel":
            candidates.append(Marginals(kind, (), least_slope))
            continue
        factors = _kernel_factors(table, folds)
        if any(factor is not None for factor in factors):
            candidates.append(Marginals(kind, tuple(factors), least_slope))
    return candidates


def _kernel_factors(table: Table, folds: np.ndarray) -> list[Factor]:
    some = table.take(slice(int(math.sqrt(_WORK / table.x.shape[1]))))
    n_folds = folds.max() + 1
    folds = folds[: len(some.x)]
    folds = np.where(folds < math.ceil(_SCORED_ROWS * n_folds / len(folds)), folds, -1)
    links = Chain(Marginals("yeo-johnson").fit(some.x, some.w))
    z, _ = links(some.x)
    normal = torch.distributions.Normal(0.0, 1.0).log_prob(z)
    scored = some.w * torch.from_numpy(folds >= 0)
    scores = (scored @ normal / scored.sum()).numpy()
    weights = some.w.numpy()
    factors: list[Factor] = list(choose_factors(z.numpy(), weights, folds, scores))
    if some.cells is not None:
        low, high = links(some.cells)[0].numpy()
        for j in np.flatnonzero((low != high).all(axis=0)):
            helped = cells_help(low[:, j], high[:, j], weights, folds, scores[j])
            factors[j] = "cells" if helped else None
    return factors


def _centre(x: Tensor, weights: Tensor) -> Standardize:
    """Median and standard deviation: a power transform needs to know left from right."""
    by_size = x.argsort(dim=0)
    share = weights[by_size].cumsum(0) / weights.sum()
    middle = (share < 0.5).sum(0, keepdim=True)
    median = x.gather(0, by_size.gather(0, middle)).squeeze(0)
    return Standardize(median, Standardize.fit(x, weights).scale)
