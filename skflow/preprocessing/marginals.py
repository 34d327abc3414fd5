"""Marginal transforms: each column is made about standard normal on its own."""

import math
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from torch import Tensor

from skflow.flows.bijections import Bijection, Chain, Standardize, YeoJohnson
from skflow.preprocessing.column_tails import Thresholds
from skflow.preprocessing.dataset import WeightedDataset
from skflow.preprocessing.integer_marginals import IntegerMarginal, prefers_integer_marginal
from skflow.preprocessing.kernel_marginals import (
    interpolant_through,
    kernel_knots,
    select_bandwidth_factors,
)
from skflow.runtime.deadline import check_time

Factor = float | str | None

_MAX_WORK = 2.5e7  # of selecting bandwidth factors, in columns times samples squared
_MAX_HELD_OUT = 1000  # samples, which are enough to select by: further folds are not held out


@dataclass(frozen=True)
class Marginals:
    """The kind of the marginal transforms, and what has been selected for them.

    Parameters
    ----------
    kind : str
        "standardize", "yeo-johnson" or "kernel", which follows a Yeo-Johnson transform.
    factors : tuple
        For kernels: the bandwidth factor of each column, "integer" for a column whose unit
        intervals have a probability each, or None for a column that is left alone.
    min_slope : float
        Of Yeo-Johnson transforms, which are linear where they would be flatter.
    linear_tails : bool
        Whether the tails of the columns, beyond their `Thresholds`, are only scaled.
    """

    kind: str
    factors: tuple[Factor, ...] = ()
    min_slope: float = 0.0
    linear_tails: bool = False

    def fit(self, x: Tensor, weights: Tensor, bin_bounds: Tensor | None = None) -> list[Bijection]:
        """Bijections that make the columns of x (n, d) about standard normal.

        `bin_bounds` (2, n, d) are those of `WeightedDataset`.
        """
        bijections = self._normalizing(x, weights)
        if self.kind == "kernel":
            z, _ = Chain(bijections)(x)
            knots = self._knots(z.numpy(), weights.numpy(), bin_bounds, Chain(bijections))
            bijections.append(interpolant_through(knots))
        return bijections

    def _normalizing(self, x: Tensor, weights: Tensor) -> list[Bijection]:
        """Standardization, after a Yeo-Johnson transform unless the kind is "standardize"."""
        if self.kind == "standardize":
            return [Standardize.fit(self._without_tails(x, weights), weights)]
        check_time()
        center = _center_at_median(self._without_tails(x, weights), weights)
        centered, _ = center(x)
        linear_beyond = Thresholds.of(centered, weights) if self.linear_tails else None
        yeo_johnson = YeoJohnson.fit(centered, weights, self.min_slope, linear_beyond)
        transformed, _ = yeo_johnson(self._without_tails(centered, weights))
        return [center, yeo_johnson, Standardize.fit(transformed, weights)]

    def _without_tails(self, x: Tensor, weights: Tensor) -> Tensor:
        """With linear tails, the columns with values in the tails moved to the thresholds."""
        return x.clamp(*Thresholds.of(x, weights)) if self.linear_tails else x

    def _knots(
        self, x: np.ndarray, weights: np.ndarray, bin_bounds: Tensor | None, chain: Chain
    ) -> list[np.ndarray]:
        """Knots (3, k) of each column of x (n, d); `bin_bounds` have not gone through `chain`."""
        knots = []
        for j, factor in enumerate(self.factors):
            if factor == "integer" and bin_bounds is not None:
                low, high = bin_bounds[..., j].numpy()
                marginal = IntegerMarginal.fit(low, high, weights)
                knots.append(marginal.knots(partial(_column_through, chain, j, x.shape[1])))
            else:
                bandwidth_factor = None if isinstance(factor, str) else factor
                knots.append(kernel_knots(x[:, j], weights, bandwidth_factor))
        return knots


def _column_through(
    chain: Chain, j: int, n_columns: int, positions: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Values (k,) of column j through a chain of maps of single columns, and the slopes there."""
    rows = torch.zeros(len(positions), n_columns, dtype=torch.float64)
    rows[:, j] = torch.from_numpy(positions)
    with torch.enable_grad():
        image = chain(rows.requires_grad_())[0][:, j]
        (slopes,) = torch.autograd.grad(image.sum(), rows)
    return image.detach().numpy(), slopes[:, j].numpy()


def candidate_marginals(
    kinds: tuple[str, ...],
    data: WeightedDataset,
    folds: np.ndarray,
    min_slope: float = 0.0,
    linear_tails: bool = False,
) -> list[Marginals]:
    """Candidates of the given kinds; kernels are one only if they improve some column.

    `folds` (n,) are the folds of the samples by which bandwidth factors are selected.
    """
    candidates = []
    for kind in kinds:
        if kind != "kernel":
            candidates.append(Marginals(kind, (), min_slope, linear_tails))
            continue
        factors = _select_factors(data, folds)
        if any(factor is not None for factor in factors):
            candidates.append(Marginals(kind, tuple(factors), min_slope, linear_tails))
    return candidates


def _select_factors(data: WeightedDataset, folds: np.ndarray) -> list[Factor]:
    """The factor of each column by held-out likelihood, as in `Marginals`."""
    subset = data.take(slice(int(math.sqrt(_MAX_WORK / data.x.shape[1]))))
    n_folds = folds.max() + 1
    folds = folds[: len(subset)]
    n_held_out_folds = math.ceil(_MAX_HELD_OUT * n_folds / len(folds))
    folds = np.where(folds < n_held_out_folds, folds, -1)
    chain = Chain(Marginals("yeo-johnson").fit(subset.x, subset.weights))
    z, _ = chain(subset.x)
    weights = subset.weights.numpy()
    scores = _normal_scores(z, subset.weights * torch.from_numpy(folds >= 0))
    factors: list[Factor] = list(select_bandwidth_factors(z.numpy(), weights, folds, scores))
    if subset.bin_bounds is not None:
        low, high = chain(subset.bin_bounds)[0].numpy()
        for j in np.flatnonzero((low != high).all(axis=0)):
            gains = prefers_integer_marginal(low[:, j], high[:, j], weights, folds, scores[j])
            factors[j] = "integer" if gains else None
    return factors


def _normal_scores(z: Tensor, weights: Tensor) -> np.ndarray:
    """Mean log-likelihood of each column of z under a standard normal, (d,)."""
    log_prob = torch.distributions.Normal(0.0, 1.0).log_prob(z)
    return (weights @ log_prob / weights.sum()).numpy()


def _center_at_median(x: Tensor, weights: Tensor) -> Standardize:
    """Median to 0 and unit standard deviation; power transforms treat the two sides of 0 apart."""
    order = x.argsort(dim=0)
    cumulative = weights[order].cumsum(0) / weights.sum()
    middle = (cumulative < 0.5).sum(0, keepdim=True)
    median = x.gather(0, order.gather(0, middle)).squeeze(0)
    return Standardize(median, Standardize.fit(x, weights).scale)
