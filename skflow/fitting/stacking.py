"""Stacking: the weights of the components, by the likelihood of held-out samples."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from scipy.special import logsumexp, softmax

from skflow.fitting.untrained_components import ScoredComponent
from skflow.preprocessing.dataset import Split, WeightedDataset

_ITERATIONS = 200
MAX_HELD_OUT = 20_000  # samples of a split that the components are compared on
_MIN_WEIGHT = 1e-3  # below which a component is dropped; kernels are expensive to score:
_MIN_WEIGHTS = {"flow": 0.0, "kernels": 0.05, "wide t": 0.0}


@dataclass(frozen=True)
class HeldOutScores:
    """Log-likelihoods of samples under components that were fitted without them.

    `log_prob` (n, n_components) is in nats and in the user's units, `weights` (n,) are those
    of the samples.
    """

    names: list[str]
    log_prob: np.ndarray
    weights: np.ndarray

    @classmethod
    def of(
        cls,
        flows: Sequence[ScoredComponent],
        untrained: Sequence[Mapping[str, ScoredComponent]],
        splits: list[Split],
        data: WeightedDataset,
        max_rows: int = MAX_HELD_OUT,
    ) -> "HeldOutScores":
        """Scores of the held-out samples of every split; `flows` may be empty."""
        log_probs, weights = [], []
        trained: list[dict[str, ScoredComponent]] = [{"flow": flow} for flow in flows]
        trained = trained or [{}] * len(splits)
        for flow, others, split in zip(trained, untrained, splits, strict=True):
            held_out = data.take(split.held_out[:max_rows])
            each = [component.log_prob(held_out) for component in {**flow, **others}.values()]
            log_probs.append(torch.stack(each, dim=1))
            weights.append(held_out.weights)
        return cls(
            [*trained[0], *untrained[0]], torch.cat(log_probs).numpy(), torch.cat(weights).numpy()
        )

    def mixed(self, component_weights: Mapping[str, float]) -> np.ndarray:
        """Log-likelihoods (n,) under the mixture of the components."""
        with np.errstate(divide="ignore"):
            log_weights = np.log([component_weights.get(name, 0.0) for name in self.names])
        return logsumexp(self.log_prob + log_weights, axis=1)


def stack(held_out: HeldOutScores) -> dict[str, float]:
    """Weights of the components that maximize the held-out likelihood of their mixture.

    Components of negligible weight are dropped, except the trained flow.
    """
    sample_weight = held_out.weights / held_out.weights.mean()
    net = held_out.names.index("wide t")
    weights = stacking_weights(held_out.log_prob, sample_weight, net)
    if not np.isfinite(weights).all():
        raise FloatingPointError(
            "The log-likelihood of held-out samples is not a number under some component of the "
            "density; if flow= is your own function, check its log-determinants."
        )
    minimum = np.array([_MIN_WEIGHTS.get(name, _MIN_WEIGHT) for name in held_out.names])
    weights = np.where(weights < minimum, 0.0, weights)
    weights /= weights.sum()
    named = zip(held_out.names, weights, strict=True)
    return {name: float(weight) for name, weight in named if weight > 0 or name == "flow"}


def stacking_weights(log_prob: np.ndarray, sample_weight: np.ndarray, net: int) -> np.ndarray:
    """Weights of a mixture of given densities, by EM on samples that none was fitted to.

    Parameters
    ----------
    log_prob : ndarray of shape (n, n_components)
        log p of the samples under every component.
    sample_weight : ndarray of shape (n,)
        Weights of the samples, with mean 1.
    net : int
        Index of the component with the heaviest tails. It is credited with one sample more
        than it earns, so that its weight is at least 1 / (n + 1) and no sample is impossible.

    Returns
    -------
    ndarray of shape (n_components,)
        Weights with sum 1.
    """
    n_components = log_prob.shape[1]
    pseudo_count = np.zeros(n_components)
    pseudo_count[net] = 1.0
    weights = np.full(n_components, 1 / n_components)
    for _ in range(_ITERATIONS):
        with np.errstate(divide="ignore"):
            responsibilities = softmax(log_prob + np.log(weights), axis=1)
        counts = sample_weight @ responsibilities + pseudo_count
        weights = counts / (sample_weight.sum() + 1)
    return weights
