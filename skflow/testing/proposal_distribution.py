"""A density that covers another: proposals for importance sampling and Metropolis–Hastings."""

import numpy as np
from scipy.spatial.distance import cdist
from scipy.special import gammaln

from skflow.testing.robust_whitening import frame_of

_WEIGHTS = np.array([0.3, 0.15, 0.1, 0.25, 0.2])  # three widths of kernels, Gaussian, Cauchy
_KERNELS = 3
_CAUCHY = 4
_GAUSSIAN_SCALE = 1.1
_CAUCHY_SCALE = 2.0
_BLOCK = 4096


class Proposal:
    """Gaussian kernels of three widths on given rows, a Gaussian, and a wide Cauchy."""

    def __init__(self, rows: np.ndarray) -> None:
        self.frame = frame_of(rows)
        self.centres = self.frame.to_z(rows)
        n, d = rows.shape
        self.widths = n ** (-1 / (d + 4)) / 4.0 ** np.arange(_KERNELS)  # the first is Scott's

    def sample(self, n_rows: int, rng: np.random.Generator) -> np.ndarray:
        """Rows (n, d)."""
        part = rng.choice(len(_WEIGHTS), size=n_rows, p=_WEIGHTS)
        centres = self.centres[rng.integers(len(self.centres), size=n_rows)]
        centres[part >= _KERNELS] = 0
        scale = np.array([*self.widths, _GAUSSIAN_SCALE, _CAUCHY_SCALE])[part]
        scale[part == _CAUCHY] /= np.abs(rng.normal(size=(part == _CAUCHY).sum()))
        return self.frame.to_x(centres + scale[:, None] * rng.normal(size=centres.shape))

    def log_density(self, rows: np.ndarray) -> np.ndarray:
        """log q of each row, (n,)."""
        blocks = [rows[i : i + _BLOCK] for i in range(0, len(rows), _BLOCK)]
        return np.concatenate([self._log_density(self.frame.to_z(b)) for b in blocks])

    def _log_density(self, z: np.ndarray) -> np.ndarray:
        d = self.centres.shape[1]
        squares = (z**2).sum(axis=1)
        with np.errstate(under="ignore"):
            kernel = np.exp(cdist(z, self.centres, "sqeuclidean") / (-2 * self.widths[0] ** 2))
            sums = []
            for width in self.widths:
                sums.append(kernel.mean(axis=1) * _gaussian_peak(width, d))
                for _ in range(4):  # a quarter of the width is the 16th power
                    np.square(kernel, out=kernel)
            gaussian = np.exp(-squares / (2 * _GAUSSIAN_SCALE**2))
            parts = [
                *sums,
                gaussian * _gaussian_peak(_GAUSSIAN_SCALE, d),
                _cauchy(squares / _CAUCHY_SCALE**2, d) / _CAUCHY_SCALE**d,
            ]
        return np.asarray(np.log(_WEIGHTS @ np.stack(parts)) - self.frame.log_volume)


def _gaussian_peak(scale: float, d: int) -> float:
    return float((scale * np.sqrt(2 * np.pi)) ** -d)


def _cauchy(squares: np.ndarray, d: int) -> np.ndarray:
    """The multivariate t with one degree of freedom."""
    log_constant = gammaln((1 + d) / 2) - gammaln(0.5) - d / 2 * np.log(np.pi)
    return np.asarray(np.exp(log_constant - (1 + d) / 2 * np.log1p(squares)))
