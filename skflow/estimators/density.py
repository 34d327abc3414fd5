"""NormalizingFlowDensity: p(x)."""

from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import DensityMixin, _fit_context
from sklearn.utils.validation import _check_sample_weight, check_is_fitted

from skflow.data.sources import is_lazy, score_lazily
from skflow.data.validation import check_count
from skflow.estimators.flow_estimator import FlowEstimator
from skflow.estimators.parameters import Seed, documented, with_parameters


@documented
class NormalizingFlowDensity(DensityMixin, FlowEstimator):
    """Density estimation with normalizing flows.

    A flow turns data into noise by a chain f of invertible maps, so its density is exact:
    ``log p(x) = log p_Z(f(x)) + log |det ∂f/∂x|``. Scaling is a link of the chain, so densities
    are in the units of the columns of X and integrate to 1 there. The fitted density is a
    mixture: a few flows trained on different folds, and under them a safety net of simpler
    densities, weighted by the log-likelihood of rows that none of them was trained on.

    "auto" means what suits the number of rows and columns; the settings were chosen on many
    data sets (see the documentation's benchmarks), so a search is rarely worth its time.

    Parameters
    ----------
    stream : bool, default=False
        Whether training goes over all rows of a table with more than `max_rows`, read again at
        every epoch and shuffled `max_rows` at a time, and not over those drawn only. Rows are
        standardised by the moments of all; marginals, start and safety net come from those
        drawn, and so do left-out rows. With `max_iter` "auto" training sees every row once, or
        as often as it takes.
    **shared : dict
        The parameters that all of skflow's estimators share.

    Attributes
    ----------
    flow_ : torch.nn.Module
        The fitted density in the units of X: ``flow_.log_prob(x)`` maps a float64 tensor
        (n, d) on `device_` to (n,), with gradients with respect to x. A module whose call is
        its log_prob, so that torch.export takes it.
    weights_ : dict
        The parts of the density and their weights, by the log-likelihood of rows that none
        of them was fitted on: "flow" (the members together), which is always there, and
        those of the safety net that earned a weight: "start" (the t that the members
        started at), "wide t", "gaussians" (a mixture) and, up to four columns, "kernels".
    device_ : torch.device
        Where the density is.
    n_iter_ : int
        Epochs trained.
    loss_curve_ : list of float
        The members' mean training loss, one entry for each epoch: −log p a row, or the
        velocity's squared error where a flow is trained by regression.
    validation_scores_ : list of float
        The members' mean log-likelihood of their left-out rows, one entry for each check,
        the first before training.
    best_validation_score_ : float or None
        Mean over the members of each one's best. Of single members, on the rows that each
        left out: the fitted density, their average, is usually better.
    n_features_in_ : int
        Number of columns seen in `fit`.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the columns, where X had string names.

    See Also
    --------
    sklearn.neighbors.KernelDensity : Kernels on the rows, for one or two columns.
    sklearn.mixture.GaussianMixture : A few ellipsoids.
    skflow.metrics.mean_log_likelihood : One scale to compare them on.

    Notes
    -----
    ``score`` is the mean log-likelihood of a row, as for ``GaussianMixture``; only
    ``KernelDensity`` returns the sum. A log density can be positive: it is one over the units
    of the columns, and changes by −log a when a column is multiplied by a.

    References
    ----------
    .. [1] Papamakarios et al. (2021). Normalizing flows for probabilistic modeling and
       inference. Journal of Machine Learning Research 22.
    .. [2] Durkan et al. (2019). Neural spline flows. NeurIPS.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skflow import NormalizingFlowDensity
    >>> X = load_iris().data
    >>> density = NormalizingFlowDensity(effort="fast", random_state=0).fit(X)
    >>> density.score_samples(X[:3]).shape
    (3,)
    >>> density.sample(5, random_state=0).shape
    (5, 4)
    """

    __module__ = "skflow"

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **FlowEstimator._parameter_constraints,
        "stream": ["boolean"],
    }

    @with_parameters
    def __init__(self, *, stream: bool = False, **shared: Any) -> None:
        super().__init__(**shared)
        self.stream = stream

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: ArrayLike, y: Any = None, sample_weight: ArrayLike | None = None) -> Self:
        """Fit the density of X.

        Parameters
        ----------
        X : array-like, path, Dataset or dask collection of shape (n_samples, n_features)
            At least two rows, finite. A memory map, the path of a Parquet file or folder, a
            ``pyarrow.dataset.Dataset`` and a dask array or frame are read piece by piece, and
            need not fit memory: `max_rows` rows do. With `stream` they are read several times.
        y : None
            Ignored; there for the pipeline's sake.
        sample_weight : array-like of shape (n_samples,), optional
            Non-negative weights; a weight of 3 means the same as the row three times, and a
            common factor changes nothing.

        Returns
        -------
        NormalizingFlowDensity
            The estimator itself.

        Raises
        ------
        ValueError
            Where X has NaN or inf, a single row, or a column whose variance overflows, where
            weights are negative or all zero, or where the device is not there.
        FloatingPointError
            Where training cannot keep the loss finite.

        Warns
        -----
        DegenerateColumnWarning
            Where a column is constant, or one value fills over a fifth of its distinct rows.
        sklearn.exceptions.ConvergenceWarning
            Where an explicit `max_iter` ended a fit that was still improving by over `tol`,
            or Ctrl-C ended it.
        """
        with self._all_or_nothing():
            rows = self._opened(X, reset=True)
            names = getattr(self, "feature_names_in_", None)
            self._fit_rows(rows, sample_weight, names, stream=self.stream)
        return self

    def score_samples(self, X: ArrayLike) -> np.ndarray:
        """Log-likelihood of each row.

        Parameters
        ----------
        X : array-like, path, Dataset or dask collection of shape (n_samples, n_features)
            Rows, in the units in which the density was fitted, in any form that `fit` takes.

        Returns
        -------
        ndarray of shape (n_samples,)
            The values log p(x) in nats, float64, for a density over the columns' own units.
            A row's value does not depend on the rows beside it. For a dask array or frame a
            dask array or series, not computed yet.
        """
        check_is_fitted(self)
        if is_lazy(X):
            return score_lazily(self, X)
        return self._log_prob(self._opened(X, reset=False))

    def score(self, X: ArrayLike, y: Any = None, sample_weight: ArrayLike | None = None) -> float:
        """Mean log-likelihood a row, in nats.

        Parameters
        ----------
        X : array-like, path, Dataset or dask collection of shape (n_samples, n_features)
            Rows, in the units in which the density was fitted.
        y : None
            Ignored.
        sample_weight : array-like of shape (n_samples,), optional
            Weights of the rows.

        Returns
        -------
        float
            The (weighted) mean of ``score_samples(X)``; not the sum, which ``KernelDensity``
            returns.
        """
        scores = np.asarray(self.score_samples(X))
        weights = (
            None
            if sample_weight is None
            else _check_sample_weight(sample_weight, scores, ensure_non_negative=True)
        )
        return float(np.average(scores, weights=weights))

    def sample(self, n_samples: int = 1, random_state: Seed = None) -> np.ndarray:
        """Draw rows from the density.

        Parameters
        ----------
        n_samples : int, default=1
            Number of rows.
        random_state : int, RandomState instance or None, default=None
            Seed of the draws; None gives fresh rows at every call.

        Returns
        -------
        ndarray of shape (n_samples, n_features)
            Rows in the units of X, float64. Of thousands, drawn at once, the networks are in
            float32, which moves a row by some 1e-7 standard deviations, seldom by more than 1e-5.
        """
        check_is_fitted(self)
        return self._sample(check_count("n_samples", n_samples), random_state)
