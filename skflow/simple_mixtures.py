"""The simpler densities of the safety net: Gaussian mixtures, and kernels in few columns.

scikit-learn fits the mixtures; only arrays are kept. How many components, in which space and
with which bandwidth is chosen once, on one left-out fold; the fits themselves are repeated
for every split, so that left-out rows stay left out.
"""

import threading
import warnings
from dataclasses import dataclass

import numpy as np
import torch
from sklearn import config_context
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import GaussianMixture
from torch import Tensor

from skflow.flows.gaussians import Gaussians, Kernels

COMPONENTS = (2, 4, 8, 16, 24)
BANDWIDTHS = tuple(np.geomspace(0.02, 1.0, 12))
_REGULARIZATION = 3e-3  # added to the variances, in standardised units
_MOST_ROWS = 10_000  # that a Gaussian mixture is fitted on
_MOST_CENTRES = 2000  # of kernels: scoring a row costs as many distances
_FILTERS = threading.Lock()  # warnings.catch_warnings is the process's, not the thread's
_KERNEL_COLUMNS = 4  # beyond these, kernels are not tried


def fit_gaussians(z: Tensor, weights: Tensor, n_components: int, seed: int) -> Gaussians:
    """A Gaussian mixture of rows z (n, d), by scikit-learn."""
    rows = resample(z, weights, min(len(z), _MOST_ROWS))
    model = GaussianMixture(
        min(n_components, len(rows)),
        reg_covar=_REGULARIZATION,
        init_params="k-means++",
        random_state=seed,
    )
    # the rows are numpy's, whatever arrays the caller has told scikit-learn to expect
    with _FILTERS, warnings.catch_warnings(), config_context(array_api_dispatch=False):
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(rows.numpy())
    factors = torch.linalg.cholesky(torch.from_numpy(model.covariances_))
    return Gaussians(
        torch.from_numpy(model.weights_).log(), torch.from_numpy(model.means_), factors
    )


def fit_kernels(z: Tensor, weights: Tensor, bandwidth: float) -> Kernels:
    """Kernels at the rows z (n, d), or at a sample of them."""
    if len(z) > _MOST_CENTRES:
        z = resample(z, weights, _MOST_CENTRES)
        weights = torch.ones(len(z), dtype=z.dtype)
    return Kernels((weights / weights.sum()).log(), z, torch.tensor(bandwidth, dtype=z.dtype))


def resample(z: Tensor, weights: Tensor, size: int) -> Tensor:
    """Rows in proportion to their weights, drawn systematically: equal weights give the rows."""
    levels = (torch.arange(size, dtype=weights.dtype) + 0.5) / size
    return z[torch.searchsorted(weights.cumsum(0) / weights.sum(), levels).clamp_max(len(z) - 1)]


@dataclass(frozen=True)
class Score:
    """A choice, and the mean left-out log-likelihood that it was chosen for."""

    choice: float
    score: float


def choose_components(z: Tensor, weights: Tensor, left_out: Tensor, seed: int) -> Score:
    """How many components; more are tried until they have not helped twice in a row."""
    best, in_vain = Score(0, -np.inf), 0
    for k in COMPONENTS:
        if in_vain == 2 or (k > 2 and k * (z.shape[1] + 1) > int((~left_out).sum())):
            break
        model = fit_gaussians(z[~left_out], weights[~left_out], k, seed)
        score = _mean(model.log_prob(z[left_out]), weights[left_out])
        in_vain = 0 if score > best.score else in_vain + 1
        if in_vain == 0:
            best = Score(k, score)
    return best


def choose_bandwidth(z: Tensor, weights: Tensor, left_out: Tensor) -> Score | None:
    """The kernels' bandwidth, None where there are too many columns for kernels."""
    if z.shape[1] > _KERNEL_COLUMNS:
        return None
    scores = []
    for bandwidth in BANDWIDTHS:
        model = fit_kernels(z[~left_out], weights[~left_out], float(bandwidth))
        score = _mean(model.log_prob(z[left_out]), weights[left_out])
        scores.append(Score(float(bandwidth), score))
    return max(scores, key=lambda s: s.score)


def _mean(values: Tensor, weights: Tensor) -> float:
    return float(weights @ values / weights.sum())
