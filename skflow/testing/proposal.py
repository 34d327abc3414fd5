"""A density that covers another: proposals for importance sampling and Metropolis–Hastings."""

import numpy as np
from scipy.spatial.distance import cdist
from scipy.special import gammaln

from skflow.testing.frame import frame_of

_NARROWER = 4.0 ** -np.arange(3)  # kernel widths, in parts of Scott's
_WEIGHTS = np.array([0.4, 0.2, 0.1, 0.3])  # of the three kernels and of the Cauchy
_CAUCHY_SCALE = 2.0
_BLOCK = 4096


class Proposal:
    """Gaussian kernels of three widths on given rows, and under them a wide Cauchy."""

    def __init__(self, rows: np.ndarray) -> None:
        self.frame = frame_of(rows)
        self.centres = self.frame.to_z(rows)
        n, d = rows.shape
        self.widths = _NARROWER * n ** (-1 / (d + 4))

    def sample(self, n_rows: int, rng: np.random.Generator) -> np.ndarray:
        """Rows (n, d)."""
        noise = rng.normal(size=(n_rows, self.centres.shape[1]))
        part = rng.choice(len(_WEIGHTS), size=n_rows, p=_WEIGHTS)
        centres = self.centres[rng.integers(len(self.centres), size=n_rows)]
        widths = np.append(self.widths, 0)[part, None]
        cauchy = _CAUCHY_SCALE * noise / np.abs(rng.normal(size=(n_rows, 1)))
        z = np.where(widths > 0, centres + widths * noise, cauchy)
        return self.frame.to_x(z)

    def log_density(self, rows: np.ndarray) -> np.ndarray:
        """log q of each row, (n,)."""
        blocks = [rows[i : i + _BLOCK] for i in range(0, len(rows), _BLOCK)]
        return np.concatenate([self._log_density(self.frame.to_z(b)) for b in blocks])

    def _log_density(self, z: np.ndarray) -> np.ndarray:
        n, d = self.centres.shape
        kernel = np.exp(cdist(z, self.centres, "sqeuclidean") / (-2 * self.widths[0] ** 2))
        q = _WEIGHTS[-1] * np.exp(_log_cauchy(z / _CAUCHY_SCALE)) / _CAUCHY_SCALE**d
        for weight, width in zip(_WEIGHTS, self.widths, strict=False):
            q += weight / n * kernel.sum(axis=1) / (width * np.sqrt(2 * np.pi)) ** d
            for _ in range(4):  # a quarter of the width is the 16th power
                np.square(kernel, out=kernel)
        return np.asarray(np.log(q) - self.frame.log_volume)


def _log_cauchy(z: np.ndarray) -> np.ndarray:
    """The multivariate t with one degree of freedom."""
    d = z.shape[1]
    constant = gammaln((1 + d) / 2) - gammaln(0.5) - d / 2 * np.log(np.pi)
    return np.asarray(constant - (1 + d) / 2 * np.log1p((z**2).sum(axis=1)))
