"""NormalizingFlowOutlierDetector: rows where the density is low."""

from dataclasses import dataclass
from numbers import Real
from typing import Any, ClassVar, Literal, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import OutlierMixin, _fit_context
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted

from skflow.data.sources import is_lazy, score_lazily
from skflow.estimators.flow_estimator import FlowEstimator
from skflow.estimators.parameters import documented, with_parameters
from skflow.fitting.defaults import Task
from skflow.runtime.processes import current_process_group

_FALSE_ALARMS = 0.01  # that contamination="auto" allows


@documented
class NormalizingFlowOutlierDetector(OutlierMixin, FlowEstimator):
    """Outlier detection: rows where the density of the others is low.

    The density of the training rows, outliers included, is estimated by normalizing flows;
    a row is an outlier where it is low. What is low is said by training rows under densities
    that were fitted without them, so that a rate of false alarms can be chosen. Outliers must
    not bend the density to themselves: where parameters are "auto", it is smoother than that
    of `NormalizingFlowDensity`: columns are only standardised, noise of 0.7 times the
    bandwidth of Scott's rule is added in training, which ends after 200 steps, and the safety
    net has no Gaussian mixtures and kernels.

    A density tells which rows are rare, in the units of the columns given. It cannot tell
    whether rare rows are wrong, or of interest. Outliers that form a tight group of their own
    are dense, not rare, and rows between the groups of the others may look rarer than
    outliers; columns that carry nothing but noise drown what the others know.

    Parameters
    ----------
    contamination : "auto" or float, default="auto"
        The share of the training rows to be called outliers, at most 0.5. "auto" calls
        those rows outliers whose p-value is below 0.01.
    **shared : dict
        The parameters that all of skflow's estimators share.

    Attributes
    ----------
    offset_ : float
        The log-likelihood below which a row is an outlier.
    flow_ : torch.nn.Module
        The fitted density, as in `NormalizingFlowDensity`.
    weights_ : dict
        The parts of the density and their weights.
    device_ : torch.device
        Where the density is.
    n_iter_ : int
        Epochs trained.
    loss_curve_ : list of float
        The members' mean training loss, one entry for each epoch: −log p a row, or the
        velocity's squared error where a flow is trained by regression.
    validation_scores_ : list of float
        The members' mean log-likelihood of their left-out rows, one entry for each check.
    best_validation_score_ : float or None
        Mean over the members of each one's best.
    n_features_in_ : int
        Number of columns seen in `fit`.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the columns, where X had string names.

    See Also
    --------
    NormalizingFlowDensity : The density itself.
    sklearn.ensemble.IsolationForest : Rows that few random cuts separate.

    References
    ----------
    .. [1] Bates, Candes, Lei, Romano & Sesia (2023). Testing for outliers with conformal
       p-values. The Annals of Statistics 51.
    .. [2] Nalisnick et al. (2019). Do deep generative models know what they don't know? ICLR.

    Examples
    --------
    >>> import numpy as np
    >>> from skflow import NormalizingFlowOutlierDetector
    >>> X = np.random.default_rng(0).normal(size=(300, 2))
    >>> detector = NormalizingFlowOutlierDetector(effort="fast", random_state=0).fit(X)
    >>> detector.predict([[0.0, 0.0], [6.0, -6.0]]).tolist()
    [1, -1]
    """

    __module__ = "skflow"
    _task = Task(robust=True)

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **FlowEstimator._parameter_constraints,
        "contamination": [StrOptions({"auto"}), Interval(Real, 0, 0.5, closed="right")],
    }

    @with_parameters
    def __init__(self, *, contamination: Literal["auto"] | float = "auto", **shared: Any) -> None:
        super().__init__(**shared)
        self.contamination = contamination

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: ArrayLike, y: Any = None, sample_weight: ArrayLike | None = None) -> Self:
        """Fit the density, and say how low is too low.

        Parameters
        ----------
        X : array-like, path, Dataset or dask collection of shape (n_samples, n_features)
            Rows, outliers among them, finite; in any form that `NormalizingFlowDensity` takes.
        y : None
            Ignored.
        sample_weight : array-like of shape (n_samples,), optional
            Non-negative weights of the rows.

        Returns
        -------
        NormalizingFlowOutlierDetector
            The estimator itself.

        Raises
        ------
        ValueError
            Where X has NaN or inf, a single row, or a column whose variance overflows.
        FloatingPointError
            Where training cannot keep the loss finite.
        """
        with self._all_or_nothing():
            rows = self._opened(X, reset=True)
            names = getattr(self, "feature_names_in_", None)
            fitted = self._fit_rows(rows, sample_weight, names)
            gather_rows = current_process_group().gather_rows
            held_out_scores = fitted.held_out_scores or gather_rows(
                self._log_prob(rows), np.ones(len(rows))
            )
            self._calibration = CalibrationScores.of(*held_out_scores)
            if self.contamination == "auto":
                self.offset_ = self._calibration.end(_FALSE_ALARMS)
            else:
                (scores,) = gather_rows(self._log_prob(rows))
                self.offset_ = float(np.percentile(scores, 100 * self.contamination))
        return self

    def score_samples(self, X: ArrayLike) -> np.ndarray:
        """Log-likelihood of each row: the lower, the rarer.

        Parameters
        ----------
        X : array-like, path, Dataset or dask collection of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        ndarray of shape (n_samples,)
            The values log p(x), in nats; not computed yet where X is dask's.
        """
        check_is_fitted(self)
        if is_lazy(X):
            return score_lazily(self, X)
        return self._log_prob(self._opened(X, reset=False))

    def decision_function(self, X: ArrayLike) -> np.ndarray:
        """How far the log-likelihood is above the offset; negative for outliers.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        ndarray of shape (n_samples,)
            The values ``score_samples(X) - offset_``.
        """
        return self.score_samples(X) - self.offset_

    def predict(self, X: ArrayLike) -> np.ndarray:
        """Say −1 of outliers and 1 of all others.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        ndarray of shape (n_samples,)
            −1 or 1.
        """
        return np.where(np.asarray(self.decision_function(X)) < 0, -1, 1)

    def p_value(self, X: ArrayLike) -> np.ndarray:
        """Share of the training rows that look less likely than each row of X.

        Each training row counts with its likelihood under a density that was fitted without
        it, so p-values of new rows like them are about uniform: calling rows with p < 0.05
        outliers raises a false alarm for about one row in twenty. The training rows
        themselves look more likely than that to the density that knows them, and outliers
        among them count, too: where a share of them is odd, so much is the least p to use.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        ndarray of shape (n_samples,)
            Shares between 0 and 1.
        """
        scores = np.asarray(self.score_samples(X))
        return self._calibration.share_below(scores)


@dataclass(frozen=True)
class CalibrationScores:
    """Scores in ascending order, and the share of the weight up to and with each."""

    scores: np.ndarray
    shares: np.ndarray

    @classmethod
    def of(cls, scores: np.ndarray, weights: np.ndarray) -> "CalibrationScores":
        """From scores and weights (n,) in any order."""
        order = np.argsort(scores, kind="stable")
        cumulative = weights[order].cumsum()
        return cls(scores[order], cumulative / cumulative[-1])

    def share_below(self, values: np.ndarray) -> np.ndarray:
        """Share of the weight of scores strictly below each value."""
        n_below = np.searchsorted(self.scores, values, side="left")
        return np.concatenate([[0.0], self.shares])[n_below]

    def end(self, share: float) -> float:
        """The least value that no less than a share lies below."""
        last = int(np.searchsorted(self.shares, share, side="left"))
        return float(np.nextafter(self.scores[min(last, len(self.scores) - 1)], np.inf))
