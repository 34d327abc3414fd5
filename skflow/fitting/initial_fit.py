"""What members start at behind the marginal links: a t, round everything or round a prediction.

Whatever has to be chosen is chosen by the log-likelihood of left-out rows; `fit` is then
repeated for every split.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from skflow.fitting.student_t import (
    DEGREES_OF_FREEDOM,
    StudentTShape,
    choose_student_t,
    fit_location_scatter,
    fit_student_t,
    shrink,
)
from skflow.flows.bijections import Bijection, Chain, ClassWhiten, Regress, Whiten
from skflow.flows.distributions.flow import Flow
from skflow.flows.spec import make_base
from skflow.preprocessing.dataset import WeightedDataset

_PENALTIES = np.logspace(-6, 1, 15)  # of a ridge regression, a row
_POOLING = (0.0, 0.3, 1.0, 3.0, 10.0, 100.0, 1e4)  # rows of all classes added to each, a column
_NO_CHOICE = StudentTShape(DEGREES_OF_FREEDOM[-1], 1.0)


@dataclass(frozen=True)
class InitialFit(ABC):
    """Chosen, and ready to be fitted to any rows; `table.x` has gone through the marginals.

    `shape` has degrees of freedom and shrinkage, and the score that they were chosen for.
    """

    shape: StudentTShape = _NO_CHOICE

    @classmethod
    @abstractmethod
    def choose(
        cls, table: WeightedDataset, folds: np.ndarray, df: Sequence[float]
    ) -> "InitialFit":
        """What makes left-out folds most likely."""

    @abstractmethod
    def fit(self, table: WeightedDataset) -> list[Bijection]:
        """Links that leave a standard t behind them."""

    def merit(self, log_det: float) -> float:
        """What marginals are chosen for, given their mean log-determinant."""
        return self.shape.score + log_det


@dataclass(frozen=True)
class StudentTInitialFit(InitialFit):
    """One t for all rows."""

    @classmethod
    def choose(
        cls, table: WeightedDataset, folds: np.ndarray, df: Sequence[float]
    ) -> "StudentTInitialFit":
        return cls(choose_student_t(table.x.numpy(), table.w.numpy(), folds, df))

    def fit(self, table: WeightedDataset) -> list[Bijection]:
        loc, factor = fit_student_t(table.x.numpy(), table.w.numpy(), self.shape)
        return [Whiten(torch.from_numpy(loc), torch.from_numpy(factor))]


@dataclass(frozen=True)
class RidgeInitialFit(InitialFit):
    """A t round a linear prediction from the context, by ridge regression."""

    @classmethod
    def choose(
        cls, table: WeightedDataset, folds: np.ndarray, df: Sequence[float]
    ) -> "RidgeInitialFit":
        rest = torch.empty_like(table.x)
        for k in np.unique(folds):
            seen, held_out = torch.from_numpy(folds != k), torch.from_numpy(folds == k)
            rest[held_out] = _regress(table.take(seen))(
                table.x[held_out], table.context[held_out]
            )[0]
        return cls(choose_student_t(rest.numpy(), table.w.numpy(), folds, df))

    def fit(self, table: WeightedDataset) -> list[Bijection]:
        regress = _regress(table)
        rest, _ = regress(table.x, table.c)
        return [regress, *StudentTInitialFit(self.shape).fit(WeightedDataset(rest, table.w))]


@dataclass(frozen=True)
class DiscriminantInitialFit(InitialFit):
    """A t for each class, its scatter drawn towards that of all classes (Friedman 1989).

    `pooling` rows a column of the pooled scatter are added to the rows of each class. The
    context is one-hot. Pooling and marginals are chosen for `posterior`, the mean log p(y | x) of
    left-out rows: where columns have ties, the likeliest ones make spikes, which do not tell
    classes apart.
    """

    pooling: float = _POOLING[-1]
    posterior: float = -np.inf

    @classmethod
    def choose(
        cls, table: WeightedDataset, folds: np.ndarray, df: Sequence[float]
    ) -> "DiscriminantInitialFit":
        components = [
            (table.take(np.flatnonzero(folds != k)), table.take(np.flatnonzero(folds == k)))
            for k in np.unique(folds)
        ]
        rest = torch.empty_like(table.x)
        for k, (seen, held_out) in zip(np.unique(folds), components, strict=True):
            loc = _class_moments(seen, _NO_CHOICE)[0]
            rest[torch.from_numpy(folds == k)] = held_out.x - loc[held_out.context.argmax(1)]
        shape = choose_student_t(rest.numpy(), table.w.numpy(), folds, df)
        starts = [cls(shape, pooling)._scored(components) for pooling in _POOLING]
        return max(starts, key=lambda start: start.posterior)

    def _scored(
        self, components: list[tuple[WeightedDataset, WeightedDataset]]
    ) -> "DiscriminantInitialFit":
        """With the mean log-likelihood and log-posterior of the rows left out of each part."""
        base = make_base("t", components[0][0].x.shape[1], self.shape.df)
        likelihood = posterior = weight = 0.0
        for seen, held_out in components:
            flow = Flow(Chain(self.fit(seen)), base).double()
            joint = _class_log_probs(flow, held_out) + _log_shares(seen)
            own = (joint * held_out.context).sum(1)
            likelihood += float(held_out.w @ own)
            posterior += float(held_out.w @ (own - joint.logsumexp(1)))
            weight += float(held_out.w.sum())
        shape = replace(self.shape, score=likelihood / weight)
        return replace(self, shape=shape, posterior=posterior / weight)

    def merit(self, log_det: float) -> float:
        return self.posterior

    def fit(self, table: WeightedDataset) -> list[Bijection]:
        loc, scatters, counts = _class_moments(table, self.shape)
        pooled = np.tensordot(counts / counts.sum(), scatters, 1)
        factors = []
        added = self.pooling * table.x.shape[1]
        for count, scatter in zip(counts, scatters, strict=True):
            share = count / (count + added) if count else 0.0
            mixed = share * scatter + (1 - share) * pooled
            factors.append(np.linalg.cholesky(shrink(mixed, max(self.shape.shrinkage, 1e-8))))
        return [ClassWhiten(loc, torch.from_numpy(np.stack(factors)))]


def choose_initial_fit(
    kind: str | None, table: WeightedDataset, folds: np.ndarray, df: Sequence[float]
) -> InitialFit:
    """The start for a kind of context: None, "numbers" or "classes"."""
    return INITIAL_FITS[kind].choose(table, folds, df)


INITIAL_FITS: dict[str | None, type[InitialFit]] = {
    None: StudentTInitialFit,
    "numbers": RidgeInitialFit,
    "classes": DiscriminantInitialFit,
}


def _regress(table: WeightedDataset) -> Regress:
    from sklearn.linear_model import RidgeCV  # here, as an import of skflow should not wait

    x, c, w = table.x.numpy(), table.context.numpy(), table.w.numpy()
    if len(x) < 3:
        mean = torch.from_numpy(w @ x / w.sum())
        return Regress(mean.new_zeros(x.shape[1], c.shape[1]), mean)
    ridge = RidgeCV(_PENALTIES * len(x), alpha_per_target=True).fit(c, x, sample_weight=w)
    return Regress(
        torch.from_numpy(ridge.coef_.reshape(x.shape[1], -1)),
        torch.from_numpy(np.atleast_1d(ridge.intercept_)),
    )


def _class_log_probs(flow: Flow, table: WeightedDataset) -> Tensor:
    """log p(x | y) of every row under every class, (n, k)."""
    one_hot = torch.eye(table.context.shape[1], dtype=table.x.dtype)
    with torch.no_grad():
        each = [flow.log_prob(table.x, row.expand(len(table.x), -1)) for row in one_hot]
    return torch.stack(each, dim=1)


def _log_shares(table: WeightedDataset) -> Tensor:
    """log p(y), (k,); half a row is added to each class."""
    counts = table.w @ table.context + 0.5
    return (counts / counts.sum()).log()


def _class_moments(
    table: WeightedDataset, shape: StudentTShape
) -> tuple[Tensor, np.ndarray, np.ndarray]:
    """Locations (k, d), scatters (k, d, d) and weights (k,) of the classes."""
    d = table.x.shape[1]
    label = table.context.argmax(1).numpy()
    x, w = table.x.numpy(), table.w.numpy()
    n_classes = table.context.shape[1]
    loc = np.tile(w @ x / w.sum(), (n_classes, 1))
    scatters, counts = np.tile(np.eye(d), (n_classes, 1, 1)), np.zeros(n_classes)
    for k in range(n_classes):
        own = label == k
        if own.any():
            cautious = max(shape.shrinkage, d / (own.sum() + d))
            loc[k], scatters[k] = fit_location_scatter(x[own], w[own], shape.df, cautious)
            counts[k] = w[own].sum()
    return torch.from_numpy(loc), scatters, counts
