"""Outlier detection: samples of low density."""

import os
from collections.abc import Callable, Sequence
from numbers import Real
from typing import Any, ClassVar, Literal, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import OutlierMixin, _fit_context
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted

from skflow.data.sources import is_lazy, score_lazily
from skflow.estimators.flow_estimator import FlowEstimator
from skflow.estimators.p_values import CalibrationScores
from skflow.estimators.parameters import Seed
from skflow.fitting.defaults import Task
from skflow.runtime.process_group import current_process_group

_FALSE_ALARM_RATE = 0.01  # for contamination="auto"


class NormalizingFlowOutlierDetector(OutlierMixin, FlowEstimator):
    """Outlier detection by the density of normalizing flows, with conformal p-values.

    The density of the training data, outliers included, is estimated by normalizing flows; a
    row is an outlier if its density is low. The threshold is calibrated on training rows scored
    under densities that were fitted without them, so a false alarm rate can be chosen. To keep
    the density from adapting to outliers, parameters set to "auto" give a smoother density
    than that of `NormalizingFlowDensity`: columns are only standardized, noise of 0.7
    times the bandwidth of Scott's rule is added in training, training ends after 200 steps,
    and the safety net has no Gaussian mixtures and no kernels.

    A density shows which rows are rare, in the units of the given columns. It cannot show
    whether rare rows are wrong, or interesting. Outliers that form a tight cluster are dense,
    not rare, and regular rows between clusters may seem rarer than outliers. Columns of pure
    noise hide the information in the other columns.

    Parameters
    ----------
    contamination : "auto" or float, default="auto"
        Fraction of the training rows to be labeled outliers, at most 0.5. "auto" labels the
        rows with a p-value below 0.01.
    {flow_parameters}

    Attributes
    ----------
    offset_ : float
        Log-likelihood below which a row is an outlier.
    flow_ : torch.nn.Module
        The fitted density, as in `NormalizingFlowDensity`.
    weights_ : dict
        Components of the mixture and their weights, estimated by out-of-fold likelihood: "flow"
        (the ensemble as a whole) and, if their weight is positive, "start" (the Student t of
        the initial fit) and "wide t".
    {flow_attributes}

    See Also
    --------
    NormalizingFlowDensity : Density estimation.
    sklearn.ensemble.IsolationForest : Outlier detection by random splits.

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

    # numpydoc ignore=PR01,PR02,PR04,PR07
    __module__ = "skflow"
    _task = Task(robust=True)

    contamination: Literal["auto"] | float

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **FlowEstimator._parameter_constraints,
        "contamination": [StrOptions({"auto"}), Interval(Real, 0, 0.5, closed="right")],
    }

    def __init__(
        self,
        *,
        contamination: Literal["auto"] | float = "auto",
        flow: str | Callable[..., Any] = "nsf_ar",
        effort: Literal["full", "fast"] = "full",
        support: str | tuple | list | dict | None = None,
        n_estimators: Literal["auto"] | int = "auto",
        safety_net: bool = True,
        marginals: Literal["auto", "yeo-johnson"] | None = "auto",
        base: Literal["auto", "normal", "t"] = "auto",
        max_iter: Literal["auto"] | int = "auto",
        max_time: float | None = None,
        max_rows: int = 1_000_000,
        learning_rate_init: Literal["auto"] | float = "auto",
        batch_size: Literal["auto"] | int = "auto",
        alpha: float = 1e-3,
        noise: Literal["auto"] | float = "auto",
        n_transforms: Literal["auto"] | int = "auto",
        hidden_layer_sizes: Literal["auto"] | int | Sequence[int] = "auto",
        n_bins: int = 8,
        activation: Literal["silu", "relu", "gelu", "elu", "tanh"] = "silu",
        dropout: Literal["auto"] | float = "auto",
        early_stopping: Literal["auto"] | bool = "auto",
        validation_fraction: float = 0.1,
        n_iter_no_change: int = 8,
        tol: float = 2e-3,
        warm_start: bool = False,
        checkpoint: str | os.PathLike[str] | None = None,
        random_state: Seed = None,
        device: str = "auto",
        dtype: Literal["float64", "float32"] = "float64",
        compile: bool = False,
        verbose: int = 0,
    ) -> None:
        self._store(locals())

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: ArrayLike, y: Any = None, sample_weight: ArrayLike | None = None) -> Self:
        """Fit the density, and calibrate the threshold.

        Parameters
        ----------
        X : array-like, path, Dataset or dask collection of shape (n_samples, n_features)
            Training data, finite, which may contain outliers, in any form that
            `NormalizingFlowDensity` accepts.
        y : None
            Ignored, present for API consistency.
        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative sample weights.

        Returns
        -------
        NormalizingFlowOutlierDetector
            The fitted estimator.

        Raises
        ------
        ValueError
            If X contains NaN or infinity, has a single row, or a column whose variance
            overflows.
        FloatingPointError
            If the training loss does not remain finite.
        """
        with self._all_or_nothing():
            rows = self._opened(X, reset=True)
            names = self._names(X, rows)
            fitted = self._fit_rows(rows, sample_weight, names)
            gather_rows = current_process_group().gather_rows
            held_out_scores = fitted.held_out_scores or gather_rows(
                self._log_prob(rows), np.ones(len(rows))
            )
            self._calibration = CalibrationScores.from_samples(*held_out_scores)
            if self.contamination == "auto":
                self.offset_ = self._calibration.threshold(_FALSE_ALARM_RATE)
            else:
                (scores,) = gather_rows(self._log_prob(rows))
                self.offset_ = float(np.percentile(scores, 100 * self.contamination))
        return self

    def score_samples(self, X: ArrayLike) -> np.ndarray:
        """Compute the log-likelihood of each sample; the lower, the rarer.

        Parameters
        ----------
        X : array-like, path, Dataset or dask collection of shape (n_samples, n_features)
            Samples.

        Returns
        -------
        ndarray of shape (n_samples,)
            The values log p(x), in nats. For a dask array or DataFrame, a lazy dask array or
            Series.
        """
        check_is_fitted(self)
        if is_lazy(X):
            return score_lazily(self, X)
        return self._log_prob(self._opened(X, reset=False))

    def decision_function(self, X: ArrayLike) -> np.ndarray:
        """Compute the log-likelihood relative to the offset; negative for outliers.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Samples.

        Returns
        -------
        ndarray of shape (n_samples,)
            The values ``score_samples(X) - offset_``.
        """
        return self.score_samples(X) - self.offset_

    def predict(self, X: ArrayLike) -> np.ndarray:
        """Predict −1 for outliers and 1 for all other samples.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Samples.

        Returns
        -------
        ndarray of shape (n_samples,)
            Labels, −1 or 1.
        """
        return np.where(np.asarray(self.decision_function(X)) < 0, -1, 1)

    def p_value(self, X: ArrayLike) -> np.ndarray:
        """Compute conformal p-values: the fraction of training rows that are less likely.

        Training rows are scored under densities that were fitted without them, so the p-values
        of new samples from the same distribution are approximately uniform: labeling samples
        with p < 0.05 as outliers gives a false alarm for about one in twenty. The training rows
        themselves have higher p-values, because the density was fitted to them. Outliers in the
        training data affect the p-values, too: if a fraction of the training rows are outliers,
        a threshold on p below that fraction misses some of them.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Samples.

        Returns
        -------
        ndarray of shape (n_samples,)
            The p-values, between 0 and 1.
        """
        scores = np.asarray(self.score_samples(X))
        return self._calibration.p_values(scores)
