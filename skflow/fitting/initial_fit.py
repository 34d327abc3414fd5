"""Initial fits, at which training starts: a Student t, marginally or given the context.

Hyperparameters are selected once, by the likelihood of held-out folds; ``fit`` is then
repeated on the training samples of every split.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from skflow.fitting.defaults import Task
from skflow.fitting.student_t import (
    DEGREES_OF_FREEDOM,
    StudentTShape,
    fit_location_scatter,
    fit_student_t,
    select_student_t,
    shrink,
)
from skflow.flows.bijections import (
    Bijection,
    Chain,
    ClassWhiten,
    ParetoTails,
    Regress,
    Whiten,
)
from skflow.flows.distributions.flow import Flow
from skflow.flows.spec import make_base
from skflow.preprocessing.column_tails import fit_tails
from skflow.preprocessing.dataset import WeightedDataset
from skflow.runtime.deadline import check_time

_PENALTIES = np.logspace(-6, 1, 15)  # of a ridge regression, per sample
_POOLING = (0.0, 0.3, 1.0, 3.0, 10.0, 100.0, 1e4)  # pseudo-samples per column, see below
_DEFAULT_SHAPE = StudentTShape(DEGREES_OF_FREEDOM[-1], 1.0)


@dataclass(frozen=True)
class InitialFit(ABC):
    """An initial fit whose hyperparameters are selected, ready to be fitted to any samples.

    It models columns that have gone through the marginal transforms. `shape` has the degrees
    of freedom and the shrinkage of its Student t, and their held-out log-likelihood.
    """

    shape: StudentTShape = _DEFAULT_SHAPE

    @classmethod
    @abstractmethod
    def select(cls, data: WeightedDataset, folds: np.ndarray, df: Sequence[float]) -> "InitialFit":
        """The hyperparameters of maximum held-out likelihood; `folds` (n,) numbers the folds."""

    @abstractmethod
    def fit(self, data: WeightedDataset) -> list[Bijection]:
        """Bijections whose image is about a standard Student t."""

    def criterion(self, log_det: float) -> float:
        """What marginal transforms are selected by, given their mean log-determinant."""
        return self.shape.score + log_det

    def whiten(self, data: WeightedDataset) -> list[Bijection]:
        """Bijections whose image is about elliptical, for Gaussian mixtures and kernels."""
        return self.fit(data)

    def fit_wide(self, data: WeightedDataset, df: float) -> list[Bijection]:
        """As `fit`, for a Student t with the given degrees of freedom."""
        return self.fit(data)


@dataclass(frozen=True)
class StudentTInitialFit(InitialFit):
    """One multivariate Student t."""

    @classmethod
    def select(
        cls, data: WeightedDataset, folds: np.ndarray, df: Sequence[float]
    ) -> "StudentTInitialFit":
        return cls(select_student_t(data.x.numpy(), data.weights.numpy(), folds, df))

    def fit(self, data: WeightedDataset) -> list[Bijection]:
        loc, factor = fit_student_t(data.x.numpy(), data.weights.numpy(), self.shape)
        return [Whiten(torch.from_numpy(loc), torch.from_numpy(factor))]


@dataclass(frozen=True)
class ParetoTailsInitialFit(InitialFit):
    """A Student t behind `ParetoTails`, which keep its tails from the units of the columns."""

    @classmethod
    def select(
        cls, data: WeightedDataset, folds: np.ndarray, df: Sequence[float]
    ) -> "ParetoTailsInitialFit":
        shapes = []
        for candidate in df:
            z, log_det = fit_tails(data.x, data.weights, candidate)(data.x)
            shape = select_student_t(z.numpy(), data.weights.numpy(), folds, (candidate,))
            shapes.append(replace(shape, score=shape.score + data.mean(log_det)))
        return cls(max(shapes, key=lambda shape: shape.score))

    def fit(self, data: WeightedDataset) -> list[Bijection]:
        return self._behind(fit_tails(data.x, data.weights, self.shape.df), data)

    def whiten(self, data: WeightedDataset) -> list[Bijection]:
        return self._behind(fit_tails(data.x, data.weights, DEGREES_OF_FREEDOM[-1]), data)

    def fit_wide(self, data: WeightedDataset, df: float) -> list[Bijection]:
        return self._behind(fit_tails(data.x, data.weights, df), data)

    def _behind(self, tails: ParetoTails, data: WeightedDataset) -> list[Bijection]:
        z, _ = tails(data.x)
        return [tails, *StudentTInitialFit(self.shape).fit(replace(data, x=z))]


@dataclass(frozen=True)
class RidgeInitialFit(InitialFit):
    """A ridge regression on the context, with Student t residuals."""

    @classmethod
    def select(
        cls, data: WeightedDataset, folds: np.ndarray, df: Sequence[float]
    ) -> "RidgeInitialFit":
        residuals = torch.empty_like(data.x)
        for k in np.unique(folds):
            train, held_out = torch.from_numpy(folds != k), torch.from_numpy(folds == k)
            residuals[held_out] = _ridge(data.take(train))(
                data.x[held_out], data.known_context[held_out]
            )[0]
        return cls(select_student_t(residuals.numpy(), data.weights.numpy(), folds, df))

    def fit(self, data: WeightedDataset) -> list[Bijection]:
        regression = _ridge(data)
        residuals, _ = regression(data.x, data.context)
        student_t = StudentTInitialFit(self.shape)
        return [regression, *student_t.fit(WeightedDataset(residuals, data.weights))]


@dataclass(frozen=True)
class DiscriminantInitialFit(InitialFit):
    """A Student t for each class: regularized discriminant analysis (Friedman 1989).

    The context is one-hot. The scatter of each class is regularized by `pooling` · d samples
    of the pooled scatter. Pooling and marginal transforms are selected by `posterior`, the mean
    held-out log p(y | x), not by the likelihood: where columns have ties, the most likely
    transforms make spikes, which do not separate the classes.
    """

    pooling: float = _POOLING[-1]
    posterior: float = -np.inf

    @classmethod
    def select(
        cls, data: WeightedDataset, folds: np.ndarray, df: Sequence[float]
    ) -> "DiscriminantInitialFit":
        pairs = [
            (data.take(np.flatnonzero(folds != k)), data.take(np.flatnonzero(folds == k)))
            for k in np.unique(folds)
        ]
        residuals = torch.empty_like(data.x)
        for k, (train, held_out) in zip(np.unique(folds), pairs, strict=True):
            loc = _class_moments(train, _DEFAULT_SHAPE)[0]
            label = held_out.known_context.argmax(1)
            residuals[torch.from_numpy(folds == k)] = held_out.x - loc[label]
        shape = select_student_t(residuals.numpy(), data.weights.numpy(), folds, df)
        candidates = [cls(shape, pooling)._scored(pairs) for pooling in _POOLING]
        return max(candidates, key=lambda candidate: candidate.posterior)

    def _scored(
        self, pairs: list[tuple[WeightedDataset, WeightedDataset]]
    ) -> "DiscriminantInitialFit":
        """A copy with its mean log-likelihood and log-posterior over pairs (train, held out)."""
        base = make_base("t", pairs[0][0].x.shape[1], self.shape.df)
        likelihood = posterior = weight = 0.0
        for train, held_out in pairs:
            flow = Flow(Chain(self.fit(train)), base).double()
            joint = _class_log_probs(flow, held_out) + _log_priors(train)
            own = (joint * held_out.known_context).sum(1)
            likelihood += float(held_out.weights @ own)
            posterior += float(held_out.weights @ (own - joint.logsumexp(1)))
            weight += float(held_out.weights.sum())
        shape = replace(self.shape, score=likelihood / weight)
        return replace(self, shape=shape, posterior=posterior / weight)

    def criterion(self, log_det: float) -> float:
        return self.posterior

    def fit(self, data: WeightedDataset) -> list[Bijection]:
        loc, scatters, counts = _class_moments(data, self.shape)
        pooled = np.tensordot(counts / counts.sum(), scatters, 1)
        factors = []
        pseudo_count = self.pooling * data.x.shape[1]
        for count, scatter in zip(counts, scatters, strict=True):
            own = count / (count + pseudo_count) if count else 0.0
            mixed = own * scatter + (1 - own) * pooled
            factors.append(np.linalg.cholesky(shrink(mixed, max(self.shape.shrinkage, 1e-8))))
        return [ClassWhiten(loc, torch.from_numpy(np.stack(factors)))]


INITIAL_FITS: dict[Task, type[InitialFit]] = {
    Task(): ParetoTailsInitialFit,
    Task(robust=True): StudentTInitialFit,
    Task(context="numbers"): RidgeInitialFit,
    Task(context="classes"): DiscriminantInitialFit,
}


def _ridge(data: WeightedDataset) -> Regress:
    """A ridge regression of the samples on their context, its penalty by leave-one-out."""
    from sklearn.linear_model import RidgeCV  # here, as it takes long to import

    check_time()
    x, c, w = data.x.numpy(), data.known_context.numpy(), data.weights.numpy()
    if len(x) < 3:
        mean = torch.from_numpy(w @ x / w.sum())
        return Regress(mean.new_zeros(x.shape[1], c.shape[1]), mean)
    ridge = RidgeCV(_PENALTIES * len(x), alpha_per_target=True).fit(c, x, sample_weight=w)
    return Regress(
        torch.from_numpy(ridge.coef_.reshape(x.shape[1], -1)),
        torch.from_numpy(np.atleast_1d(ridge.intercept_)),
    )


def _class_log_probs(flow: Flow, data: WeightedDataset) -> Tensor:
    """log p(x | y) of every sample under every class, (n, n_classes)."""
    one_hot = torch.eye(data.known_context.shape[1], dtype=data.x.dtype)
    with torch.no_grad():
        each = [flow.log_prob(data.x, label.expand(len(data), -1)) for label in one_hot]
    return torch.stack(each, dim=1)


def _log_priors(data: WeightedDataset) -> Tensor:
    """log p(y), (n_classes,), with half a pseudo-sample in each class."""
    counts = data.weights @ data.known_context + 0.5
    return (counts / counts.sum()).log()


def _class_moments(
    data: WeightedDataset, shape: StudentTShape
) -> tuple[Tensor, np.ndarray, np.ndarray]:
    """Locations (k, d), scatters (k, d, d) and total weights (k,) of the k classes."""
    d, n_classes = data.x.shape[1], data.known_context.shape[1]
    label = data.known_context.argmax(1).numpy()
    x, w = data.x.numpy(), data.weights.numpy()
    loc = np.tile(w @ x / w.sum(), (n_classes, 1))
    scatters, counts = np.tile(np.eye(d), (n_classes, 1, 1)), np.zeros(n_classes)
    for k in range(n_classes):
        own = label == k
        check_time()
        if own.any():
            shrinkage = max(shape.shrinkage, d / (own.sum() + d))
            loc[k], scatters[k] = fit_location_scatter(x[own], w[own], shape.df, shrinkage)
            counts[k] = w[own].sum()
    return torch.from_numpy(loc), scatters, counts
