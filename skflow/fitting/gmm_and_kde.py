"""The simpler densities of the safety net: Gaussian mixtures, and kernels in few columns.

scikit-learn fits the mixtures; only arrays are kept. How many components, in which space and
with which bandwidth is chosen once, on one left-out fold; the fits themselves are repeated
for every split, so that left-out rows stay left out.
"""

import threading
import warnings
from dataclasses import dataclass, replace

import numpy as np
import torch
from sklearn import config_context
from sklearn.exceptions import ConvergenceWarning
from torch import Tensor

from skflow.flows.distributions.gaussian_mixture import GaussianKernels, GaussianMixture

COMPONENTS = (2, 4, 8, 16, 24)
BANDWIDTHS = tuple(np.geomspace(0.02, 1.0, 12))
REGULARIZATION = 3e-3  # added to the variances, in standardised units
_LESS = 3e-4  # tried where there are no ties: with ties it is for spikes, and they overfit
_TOLERANCE = 1e-3  # of expectation maximisation, nats a row and step
_ROUGHLY = 1e-2  # enough to tell how many components are best, where left-out rows are many
_MANY_ROWS = 2000  # from which on mixtures are compared roughly: fewer are fitted in no time
_MAX_ROWS = 10_000  # that a Gaussian mixture is fitted on
_MAX_CENTRES = 2000  # of kernels: scoring a row costs as many distances
_FILTERS = threading.Lock()  # warnings.catch_warnings is the process's, not the thread's
_KERNEL_COLUMNS = 4  # beyond these, kernels are not tried


@dataclass(frozen=True)
class MixtureConfig:
    """What left-out rows decide about a Gaussian mixture, and their mean log-likelihood."""

    n_components: int
    regularization: float
    score: float = -np.inf


def fit_gaussians(
    z: Tensor, weights: Tensor, shape: MixtureConfig, seed: int, tol: float = _TOLERANCE
) -> GaussianMixture:
    """A Gaussian mixture of rows z (n, d), by scikit-learn.

    It ends where a step gains less than `tol` nats a row.
    """
    from sklearn import mixture  # imported here: importing skflow should not wait for it

    rows = resample(z, weights, min(len(z), _MAX_ROWS))
    model = mixture.GaussianMixture(
        min(shape.n_components, len(rows)),
        reg_covar=shape.regularization,
        init_params="k-means++",
        tol=tol,
        random_state=seed,
    )
    # the rows are numpy's, whatever arrays the caller has told scikit-learn to expect
    with _FILTERS, warnings.catch_warnings(), config_context(array_api_dispatch=False):
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(rows.numpy())
    factors = torch.linalg.cholesky(torch.from_numpy(model.covariances_))
    return GaussianMixture(
        torch.from_numpy(model.weights_).log(), torch.from_numpy(model.means_), factors
    )


def fit_kernels(z: Tensor, weights: Tensor, bandwidth: float) -> GaussianKernels:
    """Kernels at the rows z (n, d), or at a sample of them."""
    if len(z) > _MAX_CENTRES:
        z = resample(z, weights, _MAX_CENTRES)
        weights = torch.ones(len(z), dtype=z.dtype)
    return GaussianKernels(
        (weights / weights.sum()).log(), z, torch.tensor(bandwidth, dtype=z.dtype)
    )


def resample(z: Tensor, weights: Tensor, size: int) -> Tensor:
    """Rows in proportion to their weights, drawn systematically: equal weights give the rows."""
    levels = (torch.arange(size, dtype=weights.dtype) + 0.5) / size
    return z[torch.searchsorted(weights.cumsum(0) / weights.sum(), levels).clamp_max(len(z) - 1)]


def choose_mixture_config(
    z: Tensor, weights: Tensor, held_out: Tensor, ties: bool, seed: int
) -> MixtureConfig:
    """How many components, then whether less is added to their variances.

    More components are tried until they have not helped twice in a row.
    """
    tol = _TOLERANCE if len(z) < _MANY_ROWS else _ROUGHLY

    def score(k: int, regularization: float) -> MixtureConfig:
        shape = MixtureConfig(k, regularization)
        model = fit_gaussians(z[~held_out], weights[~held_out], shape, seed, tol)
        return replace(shape, score=_mean(model.log_prob(z[held_out]), weights[held_out]))

    best, in_vain = score(COMPONENTS[0], REGULARIZATION), 0
    for k in COMPONENTS[1:]:
        if in_vain == 2 or k * (z.shape[1] + 1) > int((~held_out).sum()):
            break
        shape = score(k, REGULARIZATION)
        in_vain = 0 if shape.score > best.score else in_vain + 1
        best = max(best, shape, key=lambda s: s.score)
    return best if ties else max(best, score(best.n_components, _LESS), key=lambda s: s.score)


def have_ties(x: Tensor) -> bool:
    """Whether in some column of x (n, d) less than half the values are distinct."""
    return any(2 * len(column.unique()) < len(column) for column in x.T)


def choose_bandwidth(z: Tensor, weights: Tensor, held_out: Tensor) -> float | None:
    """The kernels' bandwidth, None where there are too many columns for kernels."""
    if z.shape[1] > _KERNEL_COLUMNS:
        return None

    def score(bandwidth: float) -> float:
        model = fit_kernels(z[~held_out], weights[~held_out], bandwidth)
        return _mean(model.log_prob(z[held_out]), weights[held_out])

    return float(max(BANDWIDTHS, key=score))


def _mean(values: Tensor, weights: Tensor) -> float:
    return float(weights @ values / weights.sum())
