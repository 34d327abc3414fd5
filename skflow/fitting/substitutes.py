"""What takes the place of stages that there is no time for: bounded work on few samples."""

import math
from dataclasses import replace

import numpy as np

from skflow.data.weighted_rows import assign_folds
from skflow.fitting.defaults import FitConfig
from skflow.fitting.model_selection import SelectedModels
from skflow.fitting.untrained_components import Component, untrained_components
from skflow.preprocessing.dataset import Split, WeightedDataset
from skflow.preprocessing.marginals import Marginals

MAX_SAMPLES = 2000
_MIN_SAMPLES = 200
_MAX_WORK = 2e8  # samples times columns squared
_HEAVY_TAILS = 2.5  # degrees of freedom
_FEW_COLUMNS = 20  # beyond which power transforms and kernels of all columns take long


def few_indices(n: int, n_columns: int, seed: int) -> np.ndarray:
    """Sorted indices of a random few of n samples: the more columns, the fewer."""
    size = int(max(_MIN_SAMPLES, min(MAX_SAMPLES, _MAX_WORK / n_columns**2)))
    if n <= size:
        return np.arange(n)
    return np.sort(np.random.default_rng((seed, 2)).choice(n, size, replace=False))


def few_of(data: WeightedDataset, seed: int) -> np.ndarray:
    """Indices of a few samples of a data set, as in `few_indices`."""
    n_context = 0 if data.context is None else data.context.shape[1]
    return few_indices(len(data), data.x.shape[1] + n_context, seed)


def few_splits(data: WeightedDataset, config: FitConfig, seed: int) -> list[Split]:
    """Two halves of a few samples, each of which is held out once; or a split without any."""
    few = few_of(data, seed)
    if config.n_folds is None or len(few) < 2:
        return [Split(few, few[:0])]
    folds = assign_folds(len(few), 2, np.random.default_rng((seed, 3)))
    return [Split(few[folds != k], few[folds == k]) for k in range(2)]


def quick_components(
    data: WeightedDataset, splits: list[Split], selected: SelectedModels, config: FitConfig
) -> list[dict[str, Component]]:
    """Initial fit and wide t on the training samples of each split, without a mixture.

    Marginal transforms and tails are the selected ones, or others that take no selection,
    whichever make the held-out samples likelier.
    """
    candidates = [
        [untrained_components(data.take(split.train), quick, config) for split in splits]
        for quick in _quick_models(selected, config, data.x.shape[1])
    ]
    return max(candidates, key=lambda components: _held_out_score(components, splits, data))


def _quick_models(
    selected: SelectedModels, config: FitConfig, n_columns: int
) -> list[SelectedModels]:
    """The selected models without a mixture, and with other marginal transforms and tails."""
    chosen, min_slope = selected.marginals, selected.marginals.min_slope
    slow = ("kernel",) if n_columns <= _FEW_COLUMNS else ("kernel", "yeo-johnson")
    kinds = [kind for kind in config.marginals if kind not in (chosen.kind, *slow)]
    quick = [Marginals(kind, (), min_slope, chosen.linear_tails) for kind in kinds]
    if chosen.kind != "kernel" or n_columns <= _FEW_COLUMNS:
        quick = [chosen, *quick]
    if config.task.context == "classes":  # likely transforms need not separate the classes
        quick = quick[:1]
    fit, was_selected = selected.initial_fit, selected.initial_fit.shape.score > -math.inf
    heavy = replace(fit, shape=replace(fit.shape, df=_HEAVY_TAILS))
    models = [SelectedModels(marginals, fit) for marginals in quick]
    if config.base == "normal" or was_selected:
        return models
    return [*models, *(SelectedModels(marginals, heavy) for marginals in quick)]


def _held_out_score(
    components: list[dict[str, Component]], splits: list[Split], data: WeightedDataset
) -> float:
    """Total log-likelihood of held-out samples under the initial fits, 0 if there are none."""
    total = 0.0
    for by_name, split in zip(components, splits, strict=True):
        held_out = data.take(split.held_out)
        if len(held_out):
            total += float(held_out.weights @ by_name["start"].log_prob(held_out))
    return total
