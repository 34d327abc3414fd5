"""What takes the place of stages that there is no time for: bounded work on few samples."""

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
    """Initial fit and wide t on the training samples of each split, without kernels."""
    marginals = selected.marginals
    if marginals.kind == "kernel":
        marginals = Marginals("yeo-johnson", (), marginals.min_slope)
    quick = replace(selected, marginals=marginals, mixture=None, bandwidth=None)
    return [untrained_components(data.take(split.train), quick, config) for split in splits]
