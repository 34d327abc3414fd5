"""What is selected by held-out likelihood: marginals, initial fit, mixture and bandwidth.

All samples decide together, on a bounded number of them; whatever is selected is then fitted
anew on the training samples of every split.
"""

from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from skflow.data.weighted_rows import assign_folds
from skflow.fitting.defaults import FitConfig, Task
from skflow.fitting.fit_context import FitContext
from skflow.fitting.gmm_and_kde import (
    MixtureConfig,
    has_ties,
    select_bandwidth,
    select_mixture_config,
)
from skflow.fitting.initial_fit import (
    INITIAL_FITS,
    InitialFit,
    RidgeInitialFit,
)
from skflow.fitting.student_t import DEGREES_OF_FREEDOM, StudentTShape
from skflow.flows.bijections import Bijection, Chain, Standardize
from skflow.preprocessing.dataset import WeightedDataset
from skflow.preprocessing.marginals import Marginals, candidate_marginals
from skflow.runtime.deadline import check_time

_MAX_SAMPLES = 4000  # on which models are selected
_N_FOLDS = 5
_MAX_MIXTURE_WORK = 60_000  # samples times columns on which Gaussian mixtures are compared
_DEFAULT_DF = 5.0  # where there is no time to select them
_MIN_MIXTURE_SAMPLES = 10  # below which Gaussian mixture and kernels are not tried
_CONTEXT_DF = (10.0,)  # for comparing context transforms, which hardly depend on it
_MIN_SLOPE = 0.1  # of power transforms in regressions, so that their inverse maps nothing far out


@dataclass(frozen=True)
class SelectedModels:
    """The selected models, not fitted yet.

    `mixture` configures the Gaussian mixture, in whitened space or in standardized units,
    `bandwidth` the kernels in whitened space; None leaves the component out. `seed` is that
    of the mixture's fits.
    """

    marginals: Marginals
    initial_fit: InitialFit
    mixture: MixtureConfig | None = None
    mixture_whitened: bool = True
    bandwidth: float | None = None
    seed: int = 0


def whitening(data: WeightedDataset, selected: SelectedModels) -> list[Bijection]:
    """Marginal transforms, and behind them what makes their image about elliptical."""
    marginals = selected.marginals.fit(data.x, data.weights, data.bin_bounds)
    z, _ = Chain(marginals)(data.x)
    return [*marginals, *selected.initial_fit.whiten(replace(data, x=z))]


@dataclass(frozen=True)
class SelectionSamples:
    """The samples by which models are selected, their folds (n,), and a seed."""

    data: WeightedDataset
    folds: np.ndarray
    seed: int

    @classmethod
    def draw(cls, data: WeightedDataset, rng: np.random.Generator) -> "SelectionSamples":
        """A bounded number of a data set's samples."""
        subset = data.take(rng.permutation(len(data))[:_MAX_SAMPLES])
        folds = assign_folds(len(subset), min(_N_FOLDS, len(data)), rng)
        return cls(subset, folds, int(rng.integers(2**31)))


def select_models(
    data: WeightedDataset, config: FitConfig, rng: np.random.Generator, fit: FitContext
) -> SelectedModels:
    """Select all models by held-out likelihood, or as many as there is time for."""
    n = len(data)
    if n == 1:
        return SelectedModels(Marginals("standardize"), INITIAL_FITS[config.task]())

    def select_transforms() -> tuple[SelectedModels, SelectionSamples | None]:
        samples = SelectionSamples.draw(data, rng)
        marginals, initial_fit = _select_initial_fit(samples.data, samples.folds, config)
        return SelectedModels(marginals, initial_fit, seed=samples.seed), samples

    selected, samples = fit.stages.run(
        "selecting transforms",
        select_transforms,
        lambda: (default_models(data, config), None),
        first=True,
    )
    if samples is None or not config.has_mixtures or n < _MIN_MIXTURE_SAMPLES:
        return selected
    return fit.stages.run(
        "selecting mixtures",
        lambda: _with_mixtures(selected, samples.data, torch.from_numpy(samples.folds == 0)),
        lambda: selected,
        first=True,
    )


def default_models(data: WeightedDataset, config: FitConfig) -> SelectedModels:
    """Models that need no selection: an initial fit with moderately heavy tails."""
    n, d = data.x.shape
    df = DEGREES_OF_FREEDOM[-1] if config.base == "normal" else _DEFAULT_DF
    initial_fit = INITIAL_FITS[config.task](StudentTShape(df, d / (n + d)))
    marginals = Marginals(config.marginals[0], (), _min_slope(config), _has_linear_tails(config))
    return SelectedModels(marginals, initial_fit)


def select_context_transform(
    data: WeightedDataset, config: FitConfig, rng: np.random.Generator
) -> Chain:
    """How a context of numbers is standardized, with power transforms if they help."""
    if config.task.context != "numbers":
        return Chain()
    standardize = Standardize.fit(data.known_context, data.weights)
    c, _ = standardize(data.known_context)
    candidates = [
        Chain([standardize, *Marginals(kind, (), _MIN_SLOPE).fit(c, data.weights)])
        for kind in config.marginals
        if kind != "kernel"
    ]
    if len(candidates) == 1 or len(c) == 1:
        return candidates[0]
    subset = data.take(rng.permutation(len(c))[:_MAX_SAMPLES])
    folds = assign_folds(len(subset), min(_N_FOLDS, len(subset)), rng)
    fits = [
        RidgeInitialFit.select(subset.transform_context(chain), folds, _CONTEXT_DF)
        for chain in candidates
    ]
    return candidates[int(np.argmax([fit.shape.score for fit in fits]))]


def _select_initial_fit(
    data: WeightedDataset, folds: np.ndarray, config: FitConfig
) -> tuple[Marginals, InitialFit]:
    """Marginal transforms and initial fit, jointly, by the criterion of the initial fit."""
    df = DEGREES_OF_FREEDOM[-1:] if config.base == "normal" else DEGREES_OF_FREEDOM
    candidates, criteria = [], []
    for marginals in candidate_marginals(
        config.marginals, data, folds, _min_slope(config), _has_linear_tails(config)
    ):
        check_time()
        chain = Chain(marginals.fit(data.x, data.weights, data.bin_bounds))
        z, log_det = chain(data.x)
        initial_fit = INITIAL_FITS[config.task].select(replace(data, x=z), folds, df)
        candidates.append((marginals, initial_fit))
        criteria.append(initial_fit.criterion(data.mean(log_det)))
    return candidates[int(np.argmax(criteria))]


def _min_slope(config: FitConfig) -> float:
    return _MIN_SLOPE if config.task.context == "numbers" else 0.0


def _has_linear_tails(config: FitConfig) -> bool:
    """Whether power transforms end where tails begin, for `ParetoTails` behind them.

    Among outliers they do not, nor given a context: residuals have the tails of the t, and
    classes are to be separated.
    """
    return config.task == Task()


def _with_mixtures(
    selected: SelectedModels, data: WeightedDataset, held_out: Tensor
) -> SelectedModels:
    """With a Gaussian mixture, in the space in which it is more likely, and kernels."""
    z, log_det = Chain(whitening(data, selected))(data.x)
    plain, plain_log_det = Standardize.fit(data.x, data.weights)(data.x)
    few = torch.arange(len(data)) < max(_MIN_MIXTURE_SAMPLES, _MAX_MIXTURE_WORK // data.x.shape[1])
    ties = has_ties(data.x)
    whitened, standardized = (
        select_mixture_config(x[few], data.weights[few], held_out[few], ties, selected.seed)
        for x in (z, plain)
    )
    gain = whitened.score - standardized.score
    gain += data.mean(log_det - plain_log_det, held_out & few)
    return replace(
        selected,
        mixture=whitened if gain > 0 else standardized,
        mixture_whitened=gain > 0,
        bandwidth=select_bandwidth(z, data.weights, held_out),
    )
