"""Log-likelihoods on one scale, whatever the estimator."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike


def mean_log_likelihood(
    estimator: Any, X: ArrayLike, y: Any = None, sample_weight: ArrayLike | None = None
) -> float:
    """Mean log-likelihood a row of any fitted density estimator.

    ``KernelDensity.score`` is a sum over the rows, while that of ``GaussianMixture`` and of
    skflow's estimators is a mean. This function is the mean for all of them, and a valid
    ``scoring=`` of ``GridSearchCV`` and ``cross_val_score``, so that one search can choose
    between estimators of different kinds.

    Parameters
    ----------
    estimator : object
        A fitted estimator with ``score_samples(X)``: log p(x) of each row, in nats.
    X : array-like of shape (n_samples, n_features)
        Rows, in the units in which the estimator was fitted.
    y : None
        Ignored; there for the signature of a scorer.
    sample_weight : array-like of shape (n_samples,), optional
        Weights of the rows.

    Returns
    -------
    float
        Nats a row. Higher is better. It depends on the units of X: compare estimators on
        the same columns only.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.neighbors import KernelDensity
    >>> from skflow.metrics import mean_log_likelihood
    >>> X = load_iris().data
    >>> density = KernelDensity(bandwidth=0.5).fit(X)
    >>> print(f"{density.score(X):.1f} in all, {mean_log_likelihood(density, X):.3f} a row")
    -465.2 in all, -3.101 a row
    """
    weights = None if sample_weight is None else np.asarray(sample_weight, dtype=float)
    return float(np.average(estimator.score_samples(X), weights=weights))
