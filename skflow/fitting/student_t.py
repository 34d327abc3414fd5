"""Where a flow starts: a shrunk multivariate Student t.

Location and scatter by EM at fixed degrees of freedom, with weights that are normed in every
step (Kent, Tyler & Vardi 1994; Liu, Rubin & Wu 1998), the scatter shrunk towards its diagonal;
degrees of freedom and shrinkage by the log-likelihood of left-out rows under that t, not under
a Gaussian, whose likelihood a few outliers would own.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.linalg import solve_triangular
from scipy.special import gammaln

DEGREES_OF_FREEDOM = (2.5, 5.0, 10.0, 30.0, 1e4)  # the last is a normal for all purposes
SHRINKAGES = (1e-8, 1e-6, 1e-4, 1e-3, 3e-3, 0.01, 0.03, 0.1, 0.2, 0.35, 0.5, 0.7, 0.95)
_ITERATIONS = 6  # with normed weights EM has come to rest by then
_NO_SPREAD = 1e-20  # a variance like this, in standardised units, is rounding


@dataclass(frozen=True)
class StudentTShape:
    """What left-out rows decide: degrees of freedom, shrinkage, and their log-likelihood."""

    df: float
    shrinkage: float
    score: float = -np.inf


def choose_student_t(
    rows: np.ndarray,
    weights: np.ndarray,
    folds: np.ndarray,
    candidates: Sequence[float] = DEGREES_OF_FREEDOM,
) -> StudentTShape:
    """The shape under which left-out folds are most likely.

    EM itself needs a shrinkage: a cautious one first, then the one which that pass chose.
    """
    n, d = rows.shape
    first = _best_shape(rows, weights, folds, candidates, d / (n + d))
    return _best_shape(rows, weights, folds, candidates, first.shrinkage)


def _best_shape(
    rows: np.ndarray,
    weights: np.ndarray,
    folds: np.ndarray,
    candidates: Sequence[float],
    shrinkage: float,
) -> StudentTShape:
    total = np.zeros((len(candidates), len(SHRINKAGES)))
    for k in np.unique(folds):
        train, test = folds != k, folds == k
        for i, df in enumerate(candidates):
            loc, scatter = fit_location_scatter(rows[train], weights[train], df, shrinkage)
            total[i] += _log_likelihoods(rows[test], weights[test], loc, scatter, df)
    i, j = divmod(int(total.argmax()), len(SHRINKAGES))
    return StudentTShape(candidates[i], SHRINKAGES[j], float(total[i, j] / weights.sum()))


def fit_student_t(
    rows: np.ndarray, weights: np.ndarray, shape: StudentTShape
) -> tuple[np.ndarray, np.ndarray]:
    """Location (d,) and lower Cholesky factor (d, d) of the shrunk scatter."""
    loc, scatter = fit_location_scatter(rows, weights, shape.df, shape.shrinkage)
    return loc, np.linalg.cholesky(shrink(scatter, shape.shrinkage))


def fit_location_scatter(
    rows: np.ndarray, weights: np.ndarray, df: float, shrinkage: float
) -> tuple[np.ndarray, np.ndarray]:
    """Location and scatter, not yet shrunk, by EM with every E-step under the shrunk one."""
    share = weights / weights.sum()
    d = rows.shape[1]
    loc = share @ rows
    centred = rows - loc
    scatter = _scatter(centred, share)
    if df >= DEGREES_OF_FREEDOM[-1]:
        return loc, scatter
    for _ in range(_ITERATIONS):
        factor = np.linalg.cholesky(shrink(scatter, shrinkage))
        # inverted once: a product with all rows takes less time than solving for them
        whitening = solve_triangular(factor, np.eye(d), lower=True, check_finite=False)
        white = centred @ whitening.T
        trust = share * (df + d) / (df + np.einsum("ij,ij->i", white, white))
        trust /= trust.sum()
        loc = trust @ rows
        centred = rows - loc
        scatter = _scatter(centred, trust)
    return loc, scatter


def shrink(scatter: np.ndarray, shrinkage: float) -> np.ndarray:
    """(1 − λ) S + λ diag(S): correlations shrunk, scales kept."""
    shrunk = (1 - shrinkage) * scatter
    np.fill_diagonal(shrunk, scatter.diagonal())
    return shrunk


def _scatter(centred: np.ndarray, share: np.ndarray) -> np.ndarray:
    """Σ share x xᵀ; a column without any spread counts as one of unit spread."""
    scaled = centred * np.sqrt(share)[:, None]
    scatter = scaled.T @ scaled  # symmetric, which numpy makes use of
    diagonal = scatter.diagonal()
    np.fill_diagonal(scatter, np.where(diagonal > _NO_SPREAD, diagonal, 1.0))
    return scatter


def _log_likelihoods(
    rows: np.ndarray, weights: np.ndarray, loc: np.ndarray, scatter: np.ndarray, df: float
) -> np.ndarray:
    """Weighted sums of log t for every shrinkage, from one eigendecomposition."""
    d = rows.shape[1]
    sd = np.sqrt(scatter.diagonal())
    values, vectors = np.linalg.eigh(scatter / np.outer(sd, sd))
    squares = np.square(((rows - loc) / sd) @ vectors)
    norm = gammaln((df + d) / 2) - gammaln(df / 2) - d / 2 * np.log(df * np.pi) - np.log(sd).sum()
    sums = []
    for shrinkage in SHRINKAGES:
        spectrum = np.maximum((1 - shrinkage) * values, 0) + shrinkage
        distances = squares @ (1 / spectrum)
        log_t = norm - 0.5 * np.log(spectrum).sum() - (df + d) / 2 * np.log1p(distances / df)
        sums.append(weights @ log_t)
    return np.array(sums)
