"""What every fit does, whatever its model: splits, training and the weights of components."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Generic, TypeVar

import numpy as np

from skflow.data.weighted_rows import assign_folds
from skflow.fitting.defaults import FitConfig
from skflow.fitting.ensemble import Trainer
from skflow.fitting.fit_context import FitContext
from skflow.fitting.history import History
from skflow.fitting.model_selection import SelectedModels
from skflow.fitting.stacking import MAX_HELD_OUT, HeldOutScores, stack
from skflow.fitting.substitutes import MAX_SAMPLES
from skflow.fitting.untrained_components import ScoredComponent
from skflow.preprocessing.dataset import Split, WeightedDataset

C = TypeVar("C", bound=ScoredComponent)


@dataclass(frozen=True)
class FitPlan(Generic[C]):
    """What is settled before training.

    `untrained` are the components without training, fitted to the training samples of each
    split; `seed` is that of training.
    """

    selected: SelectedModels
    splits: list[Split]
    untrained: list[dict[str, C]]
    seed: int


@dataclass(frozen=True)
class StackedComponents(Generic[C]):
    """The components of the mixture by kind, and the weight of each kind."""

    components: Mapping[str, Sequence[C]]
    weights: dict[str, float]
    held_out_scores: tuple[np.ndarray, np.ndarray] | None = None

    @property
    def weighted(self) -> list[tuple[C, float]]:
        """Every component with its weight, which it shares with the others of its kind."""
        return [
            (component, weight / len(self.components[name]))
            for name, weight in self.weights.items()
            for component in self.components[name]
        ]


def deal_splits(n: int, config: FitConfig, rng: np.random.Generator) -> list[Split]:
    """One split for each member, which holds out one of the folds, or nothing."""
    if config.n_folds is None:
        return [Split(np.arange(n), np.arange(0))] * config.n_members
    folds = assign_folds(n, config.n_folds, rng)
    return [
        Split(np.flatnonzero(folds != k), rng.permutation(np.flatnonzero(folds == k)))
        for k in range(min(config.n_members, config.n_folds))
    ]


def held_out_samples(
    data: WeightedDataset, splits: list[Split], config: FitConfig
) -> tuple[WeightedDataset, ...]:
    """The held-out samples of each split, or all samples if none are held out."""
    if config.n_folds is None:
        return (data.take(slice(MAX_HELD_OUT)),)
    return tuple(data.take(split.held_out[:MAX_HELD_OUT]) for split in splits)


def train(trainer: Trainer[Any] | None, fit: FitContext) -> History:
    """Train the flows, if there are any."""
    if trainer is None:
        return History()
    return fit.stages.run("training", trainer.run, lambda: trainer.history)


def weigh_components(
    trainer: Trainer[C] | None,
    plan: FitPlan[C],
    data: Any,
    config: FitConfig,
    fit: FitContext,
    refit: Callable[[], dict[str, list[C]]],
) -> StackedComponents[C]:
    """Weigh the trained flows, if there are any, against the components without training.

    `data` are the samples that the splits refer to; `refit` fits the components without training
    to more of them, once the weights are known.
    """
    flows = [] if trainer is None else fit.processes.broadcast(trainer.components)
    name = "flow" if flows else "start"
    components = {name: flows or [untrained["start"] for untrained in plan.untrained]}
    if not config.scores_held_out:
        return StackedComponents(components, {name: 1.0})
    score = partial(HeldOutScores.of, flows, plan.untrained, plan.splits, data)

    def weigh(**max_rows: int) -> tuple[dict[str, float], tuple[np.ndarray, np.ndarray]]:
        held_out = score(**max_rows)
        weights = stack(held_out) if config.safety_net else {name: 1.0}
        return weights, (held_out.mixed(weights), held_out.weights)

    weights, scores = fit.stages.run(
        "weighing components",
        weigh,
        lambda: weigh(max_rows=MAX_SAMPLES // len(plan.splits)),
        first=True,
    )
    if config.safety_net:
        components |= fit.stages.run(
            "refitting components",
            refit,
            lambda: of_all_splits(plan.untrained),
            first=True,
        )
    return StackedComponents(components, weights, scores)


def safety_net(
    plan: FitPlan[C],
    fit_all: Callable[[SelectedModels, FitConfig], dict[str, C]],
    config: FitConfig,
) -> dict[str, list[C]]:
    """The components without training, fitted to all samples except for Gaussian mixtures.

    EM for a mixture may end in any local optimum: the mixtures that earned their weight are
    kept, one for each split. In a robust task all components are: with the flow of their split,
    they are a density that none of its held-out samples was used for.
    """
    if config.task.robust:
        return of_all_splits(plan.untrained)
    on_all = fit_all(replace(plan.selected, mixture=None), config)
    net = {name: [component] for name, component in on_all.items()}
    if plan.selected.mixture is not None:
        net["gaussians"] = [components["gaussians"] for components in plan.untrained]
    return net


def of_all_splits(untrained: list[dict[str, C]]) -> dict[str, list[C]]:
    """The components without training as they were fitted to each split."""
    return {name: [components[name] for components in untrained] for name in untrained[0]}
