"""A multivariate Student t with a shrunk scatter matrix, which a flow is initialized with.

Location and scatter are estimated by EM for fixed degrees of freedom, with weights that are
normalized in every step (Kent, Tyler & Vardi 1994; Liu, Rubin & Wu 1998); the scatter is shrunk
towards its diagonal. Degrees of freedom and shrinkage maximize the held-out likelihood of that
t rather than of a Gaussian, whose likelihood would be dominated by a few outliers.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.linalg import solve_triangular
from scipy.special import gammaln

from skflow.runtime.deadline import check_time

DEGREES_OF_FREEDOM = (2.5, 5.0, 10.0, 30.0, 1e4)  # the last is a normal for all purposes
SHRINKAGES = (1e-8, 1e-6, 1e-4, 1e-3, 3e-3, 0.01, 0.03, 0.1, 0.2, 0.35, 0.5, 0.7, 0.95)
_EM_ITERATIONS = 6  # with normalized weights EM has converged by then
_MIN_VARIANCE = 1e-20  # in standardized units; below it, a variance is rounding error


@dataclass(frozen=True)
class StudentTShape:
    """The selected degrees of freedom and shrinkage, and their held-out log-likelihood."""

    df: float
    shrinkage: float
    score: float = -np.inf


def select_student_t(
    x: np.ndarray,
    weights: np.ndarray,
    folds: np.ndarray,
    candidates: Sequence[float] = DEGREES_OF_FREEDOM,
) -> StudentTShape:
    """Degrees of freedom and shrinkage of maximum held-out likelihood.

    EM itself needs a shrinkage: a first pass takes d / (n + d), the second the one that the
    first has selected.

    Parameters
    ----------
    x : ndarray of shape (n, d)
    weights, folds : ndarray of shape (n,)
        Weight and fold of each sample; each fold is held out in turn.
    candidates : sequence of float
        Degrees of freedom to select from.

    Returns
    -------
    StudentTShape
    """
    n, d = x.shape
    first = _best_shape(x, weights, folds, candidates, d / (n + d))
    return _best_shape(x, weights, folds, candidates, first.shrinkage)


def _best_shape(
    x: np.ndarray,
    weights: np.ndarray,
    folds: np.ndarray,
    candidates: Sequence[float],
    shrinkage: float,
) -> StudentTShape:
    """The shape of maximum held-out likelihood, with EM under the given shrinkage."""
    total = np.zeros((len(candidates), len(SHRINKAGES)))
    for k in np.unique(folds):
        train, held_out = folds != k, folds == k
        for i, df in enumerate(candidates):
            check_time()
            loc, scatter = fit_location_scatter(x[train], weights[train], df, shrinkage)
            total[i] += _log_likelihoods(x[held_out], weights[held_out], loc, scatter, df)
    i, j = divmod(int(total.argmax()), len(SHRINKAGES))
    return StudentTShape(candidates[i], SHRINKAGES[j], float(total[i, j] / weights.sum()))


def fit_student_t(
    x: np.ndarray, weights: np.ndarray, shape: StudentTShape
) -> tuple[np.ndarray, np.ndarray]:
    """Location (d,) and lower Cholesky factor (d, d) of the shrunk scatter."""
    loc, scatter = fit_location_scatter(x, weights, shape.df, shape.shrinkage)
    return loc, np.linalg.cholesky(shrink(scatter, shape.shrinkage))


def fit_location_scatter(
    x: np.ndarray, weights: np.ndarray, df: float, shrinkage: float
) -> tuple[np.ndarray, np.ndarray]:
    """Location (d,) and scatter (d, d) by EM, whose E-steps shrink the scatter.

    The scatter that is returned is not shrunk yet.
    """
    weights = weights / weights.sum()
    d = x.shape[1]
    loc = weights @ x
    centered = x - loc
    scatter = _scatter(centered, weights)
    if df >= DEGREES_OF_FREEDOM[-1]:
        return loc, scatter
    for _ in range(_EM_ITERATIONS):
        check_time()
        factor = np.linalg.cholesky(shrink(scatter, shrinkage))
        # inverting once and multiplying is faster than solving for all samples
        inverse = solve_triangular(factor, np.eye(d), lower=True, check_finite=False)
        whitened = centered @ inverse.T
        distances = np.einsum("ij,ij->i", whitened, whitened)
        em_weights = weights * (df + d) / (df + distances)
        em_weights /= em_weights.sum()
        loc = em_weights @ x
        centered = x - loc
        scatter = _scatter(centered, em_weights)
    return loc, scatter


def shrink(scatter: np.ndarray, shrinkage: float) -> np.ndarray:
    """(1 − λ) S + λ diag(S): correlations are shrunk, scales are kept."""
    shrunk = (1 - shrinkage) * scatter
    np.fill_diagonal(shrunk, scatter.diagonal())
    return shrunk


def _scatter(centered: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Σ w x xᵀ, (d, d); a constant column is given unit variance."""
    scaled = centered * np.sqrt(weights)[:, None]
    scatter = scaled.T @ scaled  # numpy exploits the symmetry of this product
    diagonal = scatter.diagonal()
    np.fill_diagonal(scatter, np.where(diagonal > _MIN_VARIANCE, diagonal, 1.0))
    return scatter


def _log_likelihoods(
    x: np.ndarray, weights: np.ndarray, loc: np.ndarray, scatter: np.ndarray, df: float
) -> np.ndarray:
    """Weighted sum of the log-density for each of `SHRINKAGES`, by one eigendecomposition."""
    d = x.shape[1]
    sd = np.sqrt(scatter.diagonal())
    eigenvalues, eigenvectors = np.linalg.eigh(scatter / np.outer(sd, sd))
    squares = np.square(((x - loc) / sd) @ eigenvectors)
    norm = gammaln((df + d) / 2) - gammaln(df / 2) - d / 2 * np.log(df * np.pi) - np.log(sd).sum()
    sums = []
    for shrinkage in SHRINKAGES:
        spectrum = np.maximum((1 - shrinkage) * eigenvalues, 0) + shrinkage
        distances = squares @ (1 / spectrum)
        log_t = norm - 0.5 * np.log(spectrum).sum() - (df + d) / 2 * np.log1p(distances / df)
        sums.append(weights @ log_t)
    return np.array(sums)
