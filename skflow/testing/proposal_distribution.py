"""A heavy-tailed proposal distribution for importance sampling and Metropolis–Hastings."""

import numpy as np
from scipy.spatial.distance import cdist
from scipy.special import gammaln

from skflow.testing.robust_whitening import robust_whitening

_WEIGHTS = np.array([0.3, 0.15, 0.1, 0.25, 0.2])  # kernels of three widths, Gaussian, Cauchy
_N_WIDTHS = 3
_CAUCHY = 4
_GAUSSIAN_SCALE = 1.1
_CAUCHY_SCALE = 2.0
_BLOCK_SIZE = 4096


class ProposalDistribution:
    """Mixture of Gaussian kernels of three widths, a Gaussian and a wide Cauchy distribution.

    The kernels are centered at the given rows, the other components at their robust location.
    """

    def __init__(self, rows: np.ndarray) -> None:
        self.whitening = robust_whitening(rows)
        self.centers = self.whitening.to_z(rows)
        n, d = rows.shape
        # Scott's rule, and a quarter and a sixteenth of it
        self.widths = n ** (-1 / (d + 4)) / 4.0 ** np.arange(_N_WIDTHS)

    def sample(self, n_samples: int, rng: np.random.Generator) -> np.ndarray:
        """Samples of shape (n_samples, d)."""
        component = rng.choice(len(_WEIGHTS), size=n_samples, p=_WEIGHTS)
        centers = self.centers[rng.integers(len(self.centers), size=n_samples)]
        centers[component >= _N_WIDTHS] = 0
        scale = np.array([*self.widths, _GAUSSIAN_SCALE, _CAUCHY_SCALE])[component]
        is_cauchy = component == _CAUCHY
        scale[is_cauchy] /= np.abs(rng.normal(size=is_cauchy.sum()))
        return self.whitening.to_x(centers + scale[:, None] * rng.normal(size=centers.shape))

    def log_density(self, rows: np.ndarray) -> np.ndarray:
        """log q of each row, of shape (n_samples,)."""
        blocks = [rows[i : i + _BLOCK_SIZE] for i in range(0, len(rows), _BLOCK_SIZE)]
        return np.concatenate([self._log_density(self.whitening.to_z(b)) for b in blocks])

    def _log_density(self, z: np.ndarray) -> np.ndarray:
        d = self.centers.shape[1]
        squared_norms = (z**2).sum(axis=1)
        with np.errstate(under="ignore"):
            gaussian = np.exp(-squared_norms / (2 * _GAUSSIAN_SCALE**2))
            components = [
                *self._kernel_densities(z),
                gaussian * _gaussian_peak(_GAUSSIAN_SCALE, d),
                _cauchy(squared_norms / _CAUCHY_SCALE**2, d) / _CAUCHY_SCALE**d,
            ]
        return np.asarray(np.log(_WEIGHTS @ np.stack(components)) - self.whitening.log_det)

    def _kernel_densities(self, z: np.ndarray) -> list[np.ndarray]:
        """The kernel density estimate for each width, each of shape (n_samples,)."""
        kernel = np.exp(cdist(z, self.centers, "sqeuclidean") / (-2 * self.widths[0] ** 2))
        densities = []
        for width in self.widths:
            densities.append(kernel.mean(axis=1) * _gaussian_peak(width, self.centers.shape[1]))
            for _ in range(4):  # a quarter of the width raises the kernel to the 16th power
                np.square(kernel, out=kernel)
        return densities


def _gaussian_peak(scale: float, d: int) -> float:
    return float((scale * np.sqrt(2 * np.pi)) ** -d)


def _cauchy(squared_norms: np.ndarray, d: int) -> np.ndarray:
    """Density of the multivariate Student t distribution with one degree of freedom."""
    log_constant = gammaln((1 + d) / 2) - gammaln(0.5) - d / 2 * np.log(np.pi)
    return np.asarray(np.exp(log_constant - (1 + d) / 2 * np.log1p(squared_norms)))
