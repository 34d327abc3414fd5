"""The simpler densities of the safety net: Gaussian mixtures and, in few columns, kernels.

scikit-learn fits the mixtures, of which only the arrays are kept. The number of components, the
space to fit in and the bandwidth are selected once, on one held-out fold; the fits themselves
are repeated for every split, so that held-out samples stay held out.
"""

import threading
import warnings
from dataclasses import dataclass, replace

import numpy as np
import torch
from sklearn import config_context
from sklearn.exceptions import ConvergenceWarning
from torch import Tensor

from skflow.flows.distributions.gaussian_mixture_and_kernels import (
    GaussianKernels,
    GaussianMixture,
)
from skflow.runtime.deadline import check_time

NUMBERS_OF_COMPONENTS = (2, 4, 8, 16, 24)
BANDWIDTHS = tuple(np.geomspace(0.02, 1.0, 12))
REGULARIZATION = 3e-3  # added to the variances, in standardized units
_SMALL_REGULARIZATION = 3e-4  # tried if there are no ties, at which it would overfit
_TOLERANCE = 1e-3  # of EM, in nats per sample and iteration
_COARSE_TOLERANCE = 1e-2  # enough to compare numbers of components, if samples are many
_MAX_ITERATIONS = 100
_ITERATIONS_AT_A_TIME = 10  # between two looks at the clock
_MANY_SAMPLES = 2000  # from which on the coarse tolerance is used: fewer take no time anyway
_MAX_SAMPLES = 10_000  # on which a Gaussian mixture is fitted
_MAX_CENTRES = 2000  # of kernels: scoring a sample takes as many distances
_MAX_KERNEL_COLUMNS = 4  # beyond which kernels are not tried
_WARNINGS_LOCK = threading.Lock()  # warnings.catch_warnings acts on the process, not the thread


@dataclass(frozen=True)
class MixtureConfig:
    """What is selected for a Gaussian mixture, and its mean held-out log-likelihood."""

    n_components: int
    regularization: float
    score: float = -np.inf


def fit_gaussians(
    z: Tensor, weights: Tensor, config: MixtureConfig, seed: int, tol: float = _TOLERANCE
) -> GaussianMixture:
    """A Gaussian mixture of samples z (n, d), fitted by scikit-learn.

    EM ends at an iteration that gains less than `tol` nats per sample.
    """
    from sklearn import mixture  # here, as it takes long to import

    samples = resample_by_weight(z, weights, min(len(z), _MAX_SAMPLES))
    model = mixture.GaussianMixture(
        min(config.n_components, len(samples)),
        reg_covar=config.regularization,
        init_params="k-means++",
        tol=tol,
        max_iter=_ITERATIONS_AT_A_TIME,
        warm_start=True,
        random_state=seed,
    )
    for _ in range(_MAX_ITERATIONS // _ITERATIONS_AT_A_TIME):
        check_time()
        # the samples are numpy arrays, whatever the caller has told scikit-learn to expect
        with _WARNINGS_LOCK, warnings.catch_warnings(), config_context(array_api_dispatch=False):
            warnings.simplefilter("ignore", ConvergenceWarning)
            model.fit(samples.numpy())
        if model.converged_:
            break
    factors = torch.linalg.cholesky(torch.from_numpy(model.covariances_))
    return GaussianMixture(
        torch.from_numpy(model.weights_).log(), torch.from_numpy(model.means_), factors
    )


def fit_kernels(z: Tensor, weights: Tensor, bandwidth: float) -> GaussianKernels:
    """A kernel density estimate, centered on samples z (n, d) or on a subset of them."""
    if len(z) > _MAX_CENTRES:
        z = resample_by_weight(z, weights, _MAX_CENTRES)
        weights = torch.ones(len(z), dtype=z.dtype)
    return GaussianKernels(
        (weights / weights.sum()).log(), z, torch.tensor(bandwidth, dtype=z.dtype)
    )


def resample_by_weight(z: Tensor, weights: Tensor, size: int) -> Tensor:
    """Systematic resampling: `size` samples in proportion to their weights.

    With equal weights and `size` = n, all samples as they are.
    """
    levels = (torch.arange(size, dtype=weights.dtype) + 0.5) / size
    return z[torch.searchsorted(weights.cumsum(0) / weights.sum(), levels).clamp_max(len(z) - 1)]


def select_mixture_config(
    z: Tensor, weights: Tensor, held_out: Tensor, ties: bool, seed: int
) -> MixtureConfig:
    """The configuration of a Gaussian mixture of maximum held-out likelihood.

    First the number of components, increased until two increases in a row have not helped; then
    the regularization of their covariances.

    Parameters
    ----------
    z : Tensor of shape (n, d)
    weights : Tensor of shape (n,)
    held_out : bool Tensor of shape (n,)
        Which samples are held out.
    ties : bool
        Whether a small regularization would overfit ties.
    seed : int
        Seed of the mixtures' initialization.

    Returns
    -------
    MixtureConfig
    """
    tol = _TOLERANCE if len(z) < _MANY_SAMPLES else _COARSE_TOLERANCE

    def scored(n_components: int, regularization: float) -> MixtureConfig:
        config = MixtureConfig(n_components, regularization)
        model = fit_gaussians(z[~held_out], weights[~held_out], config, seed, tol)
        return replace(config, score=_mean(model.log_prob(z[held_out]), weights[held_out]))

    best, n_failures = scored(NUMBERS_OF_COMPONENTS[0], REGULARIZATION), 0
    for n_components in NUMBERS_OF_COMPONENTS[1:]:
        too_many = n_components * (z.shape[1] + 1) > int((~held_out).sum())
        if n_failures == 2 or too_many:
            break
        config = scored(n_components, REGULARIZATION)
        n_failures = 0 if config.score > best.score else n_failures + 1
        best = max(best, config, key=lambda c: c.score)
    if ties:
        return best
    return max(best, scored(best.n_components, _SMALL_REGULARIZATION), key=lambda c: c.score)


def has_ties(x: Tensor) -> bool:
    """Whether less than half of the values of some column of x (n, d) are distinct."""
    return any(2 * len(column.unique()) < len(column) for column in x.T)


def select_bandwidth(z: Tensor, weights: Tensor, held_out: Tensor) -> float | None:
    """The bandwidth of maximum held-out likelihood; None for too many columns for kernels."""
    if z.shape[1] > _MAX_KERNEL_COLUMNS:
        return None

    def score(bandwidth: float) -> float:
        check_time()
        model = fit_kernels(z[~held_out], weights[~held_out], bandwidth)
        return _mean(model.log_prob(z[held_out]), weights[held_out])

    return float(max(BANDWIDTHS, key=score))


def _mean(values: Tensor, weights: Tensor) -> float:
    return float(weights @ values / weights.sum())
