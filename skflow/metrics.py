"""Log-likelihoods and forecasts on one scale, whatever the estimator."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike


def mean_log_likelihood(
    estimator: Any,
    X: ArrayLike,
    y: Any = None,
    sample_weight: ArrayLike | None = None,
    floor: float = -np.inf,
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
    floor : float, default=-inf
        The least that a row counts, in nats. A single row outside the support of a density
        has −∞ and would end a search: ``functools.partial(mean_log_likelihood, floor=-100)``.

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
    return float(np.average(np.maximum(estimator.score_samples(X), floor), weights=weights))


def conditional_log_likelihood(
    estimator: Any, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None
) -> float:
    """Mean log-likelihood a row of a fitted conditional density; a scorer for searches.

    Parameters
    ----------
    estimator : object
        A fitted estimator with ``log_prob(X, y)``: log p(y | x) of a
        `NormalizingFlowRegressor`, log p(x | y) of a `NormalizingFlowClassifier`.
    X : array-like of shape (n_samples, n_features)
        Rows.
    y : array-like of shape (n_samples,) or (n_samples, n_targets)
        Targets or labels.
    sample_weight : array-like of shape (n_samples,), optional
        Weights of the rows.

    Returns
    -------
    float
        Nats a row. Higher is better.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from skflow import NormalizingFlowRegressor
    >>> from skflow.metrics import conditional_log_likelihood
    >>> X, y = load_diabetes(return_X_y=True)
    >>> regressor = NormalizingFlowRegressor(effort="fast", random_state=0).fit(X, y)
    >>> conditional_log_likelihood(regressor, X, y) > -5.5
    True
    """
    weights = None if sample_weight is None else np.asarray(sample_weight, dtype=float)
    return float(np.average(estimator.log_prob(X, y), weights=weights))


def neg_crps(
    estimator: Any,
    X: ArrayLike,
    y: ArrayLike,
    sample_weight: ArrayLike | None = None,
    n_samples: int = 200,
) -> float:
    """Negative mean continuous ranked probability score; a scorer for searches.

    CRPS = E|Y − y| − ½ E|Y − Y'| for independent draws Y, Y' of the forecast: the mean absolute
    error, for forecasts that are distributions (Gneiting & Raftery 2007). Estimated without
    bias from draws with a fixed seed.

    Parameters
    ----------
    estimator : object
        A fitted estimator with ``sample_y(X, n_samples, random_state)``, such as
        `NormalizingFlowRegressor` or `sklearn.gaussian_process.GaussianProcessRegressor`.
    X : array-like of shape (n_samples, n_features)
        Rows.
    y : array-like of shape (n_samples,)
        Targets; with several, the mean over them is returned.
    sample_weight : array-like of shape (n_samples,), optional
        Weights of the rows.
    n_samples : int, default=200
        Draws for each row.

    Returns
    -------
    float
        In the units of y, at most 0 on average. Higher is better.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from skflow import NormalizingFlowRegressor
    >>> from skflow.metrics import neg_crps
    >>> X, y = load_diabetes(return_X_y=True)
    >>> regressor = NormalizingFlowRegressor(effort="fast", random_state=0).fit(X, y)
    >>> -35 < neg_crps(regressor, X, y) < -20
    True
    """
    draws = np.asarray(estimator.sample_y(X, n_samples, random_state=0), dtype=float)
    targets = np.asarray(y, dtype=float).reshape(*draws.shape[:-1], 1)
    error = np.abs(draws - targets).mean(-1)
    ranks = np.arange(n_samples) * 2 - (n_samples - 1)
    spread = np.sort(draws, axis=-1) @ ranks / (n_samples * (n_samples - 1))
    scores = (error - spread).reshape(len(draws), -1).mean(1)
    weights = None if sample_weight is None else np.asarray(sample_weight, dtype=float)
    return -float(np.average(scores, weights=weights))
