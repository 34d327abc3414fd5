"""Scorers for density estimators and probabilistic forecasts."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from skflow.runtime.own_settings import own_settings


@own_settings()
def mean_log_likelihood(
    estimator: Any,
    X: ArrayLike,
    y: Any = None,
    sample_weight: ArrayLike | None = None,
    floor: float = -np.inf,
) -> float:
    """Mean log-likelihood of any fitted density estimator, in nats per sample.

    ``KernelDensity.score`` is a sum over the samples, while that of ``GaussianMixture`` and of
    skflow's estimators is a mean. This function is the mean for all of them, and a valid
    ``scoring`` of ``GridSearchCV`` and ``cross_val_score``, so that one search can compare
    different types of estimators.

    Parameters
    ----------
    estimator : object
        A fitted estimator with ``score_samples(X)``: log p(x) of each row, in nats.
    X : array-like of shape (n_samples, n_features)
        Data, in the units of the training data.
    y : None
        Ignored, present for the signature of a scorer.
    sample_weight : array-like of shape (n_samples,), optional
        Sample weights.
    floor : float, default=-inf
        Lower bound of the log-likelihood of each sample, in nats. A single sample outside the
        support of a density scores −∞ and would decide a search; use
        ``functools.partial(mean_log_likelihood, floor=-100)``.

    Returns
    -------
    float
        Nats per sample. Higher is better. The score depends on the units of X: compare
        estimators on the same columns only.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.neighbors import KernelDensity
    >>> from skflow.metrics import mean_log_likelihood
    >>> X = load_iris().data
    >>> density = KernelDensity(bandwidth=0.5).fit(X)
    >>> print(f"{density.score(X):.1f} in total, {mean_log_likelihood(density, X):.3f} per sample")
    -465.2 in total, -3.101 per sample
    """
    weights = None if sample_weight is None else np.asarray(sample_weight, dtype=float)
    return float(np.average(np.maximum(estimator.score_samples(X), floor), weights=weights))


@own_settings()
def conditional_log_likelihood(
    estimator: Any, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None
) -> float:
    """Mean log-likelihood of a fitted conditional density, in nats per sample.

    Parameters
    ----------
    estimator : object
        A fitted estimator with ``log_prob(X, y)``: log p(y | x) of a
        `NormalizingFlowRegressor`, log p(x | y) of a `NormalizingFlowClassifier`.
    X : array-like of shape (n_samples, n_features)
        Data.
    y : array-like of shape (n_samples,) or (n_samples, n_targets)
        Targets or labels.
    sample_weight : array-like of shape (n_samples,), optional
        Sample weights.

    Returns
    -------
    float
        Nats per sample. Higher is better.

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


@own_settings()
def neg_crps(
    estimator: Any,
    X: ArrayLike,
    y: ArrayLike,
    sample_weight: ArrayLike | None = None,
    n_samples: int = 200,
) -> float:
    """Negative mean continuous ranked probability score (CRPS).

    CRPS = E|Y − y| − ½ E|Y − Y'| for independent samples Y, Y' of the forecast; it generalizes
    the mean absolute error to probabilistic forecasts (Gneiting & Raftery 2007). It is
    estimated without bias from samples with a fixed seed.

    Parameters
    ----------
    estimator : object
        A fitted estimator with ``sample_y(X, n_samples, random_state)``, such as
        `NormalizingFlowRegressor` or `sklearn.gaussian_process.GaussianProcessRegressor`.
    X : array-like of shape (n_samples, n_features)
        Data.
    y : array-like of shape (n_samples,)
        Targets. If there are several, the mean over the targets is returned.
    sample_weight : array-like of shape (n_samples,), optional
        Sample weights.
    n_samples : int, default=200
        Number of samples of each forecast.

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
    samples = np.asarray(estimator.sample_y(X, n_samples, random_state=0), dtype=float)
    targets = np.asarray(y, dtype=float).reshape(*samples.shape[:-1], 1)
    error = np.abs(samples - targets).mean(-1)
    # half the mean difference of all pairs of samples, from their order statistics
    coefficients = np.arange(n_samples) * 2 - (n_samples - 1)
    spread = np.sort(samples, axis=-1) @ coefficients / (n_samples * (n_samples - 1))
    crps = (error - spread).reshape(len(samples), -1).mean(1)
    weights = None if sample_weight is None else np.asarray(sample_weight, dtype=float)
    return -float(np.average(crps, weights=weights))
