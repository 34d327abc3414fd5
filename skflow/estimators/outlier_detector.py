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

from skflow.data.sources import Source, is_lazy, rows_with_cells, score_lazily
from skflow.data.support import Support
from skflow.estimators.flow_estimator import FlowEstimator
from skflow.estimators.p_values import ROUNDING, CalibrationScores, share_threshold
from skflow.estimators.parameters import Seed
from skflow.estimators.table_rows import DeclaredTable
from skflow.fitting.defaults import Task
from skflow.fitting.fit_context import FitContext
from skflow.fitting.fit_density import FitResult
from skflow.fitting.loaded_rows import load_few_rows
from skflow.fitting.substitutes import MAX_SAMPLES
from skflow.preprocessing.dataset import WeightedDataset
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

    The density is the mean of one density per flow, each fitted without the rows that its flow
    holds out, and `p_value` compares a new row under each of them with these rows. Of fewer
    than 2,000 distinct rows, every row is held out by one of the flows, of which there are five,
    or three if `effort` is "fast"; of more rows, at least 2,000 are, by three flows, or two, and
    by a single one from 10,000 rows on. With fewer than 4,000 distinct rows there are two flows
    even if `n_estimators` is 1. If `early_stopping` is False, the rows that are held out are
    used for p-values only.

    A density shows which rows are rare, in the units of the given columns. It cannot show
    whether rare rows are wrong, or interesting. Outliers that form a tight cluster are dense,
    not rare, and regular rows between clusters may seem rarer than outliers. Columns of pure
    noise hide the information in the other columns.

    Parameters
    ----------
    contamination : "auto" or float, default="auto"
        Fraction of the training rows, by weight, to be labeled outliers, at most 0.5. "auto"
        labels the rows that are rarer than about 99 % of the held-out rows, with a false alarm
        for about one in a hundred new rows; see the notes.
    {flow_parameters}

    Attributes
    ----------
    offset_ : float
        Log-likelihood below which a row is an outlier. −1e9, so that only rows outside of the
        declared supports are outliers, where `contamination` is "auto" and the held-out rows
        are too few for a p-value of 0.01.
    supports_ : list of Support
        The supports of the columns of X, one for each, with atoms only where they have a
        probability: under ``flow="any_order"``.
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

    Notes
    -----
    `predict` compares a single score with `offset_`, while `p_value` compares the scores under
    several densities with those of the rows that each of them was fitted without. With
    ``contamination="auto"``, ``predict(X) == -1`` and ``p_value(X) <= 0.01`` are the same if
    there is a single flow, and otherwise differ in a few rows close to the threshold.

    References
    ----------
    .. [1] Bates, Candes, Lei, Romano & Sesia (2023). Testing for outliers with conformal
       p-values. The Annals of Statistics 51.
    .. [2] Vovk (2015). Cross-conformal predictors. Annals of Mathematics and Artificial
       Intelligence 74.
    .. [3] Barber, Candes, Ramdas & Tibshirani (2021). Predictive inference with the jackknife+.
       The Annals of Statistics 49.
    .. [4] Nalisnick et al. (2019). Do deep generative models know what they don't know? ICLR.

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
        flow: str | Callable[..., Any] = "auto",
        effort: Literal["full", "fast"] = "full",
        support: Support | str | tuple | list | dict | None = None,
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
            Training data, which may contain outliers, in any form that
            `NormalizingFlowDensity` accepts: finite, but for cells that were not observed.
        y : None
            Ignored, present for API consistency.
        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative sample weights. A weight is a number of repetitions: a common factor
            does not change the density, but it changes the p-values.

        Returns
        -------
        NormalizingFlowOutlierDetector
            The fitted estimator.

        Raises
        ------
        ValueError
            If X contains infinity, or NaN where `flow` needs complete rows, if it has a single
            row, a column without any observed cell, or one whose variance overflows.
        FloatingPointError
            If the training loss does not remain finite.

        Warns
        -----
        EmptyRowWarning
            If rows have no observed cell. They are left out.
        UserWarning
            If `contamination` is "auto" and the rows are too few for p-values of 0.01 (99 are
            needed), or so few that a row must be rarer than all held-out rows (up to 199).
        """
        with self._all_or_nothing():
            rows = self._opened(X, reset=True)
            self._fit_rows(rows, sample_weight, self._names(X, rows))
        return self

    def _calibrate(self, result: FitResult, table: DeclaredTable, fit: FitContext) -> None:
        def calibrate(
            held_out: Sequence[WeightedDataset],
            rows: np.ndarray | Source,
            weights: np.ndarray | None,
        ) -> tuple[CalibrationScores, float]:
            calibration = fit.processes.broadcast(lambda: self._calibrated(held_out))
            if self.contamination == "auto":
                return calibration, calibration.threshold(_FALSE_ALARM_RATE)
            return calibration, self._offset_of_share(self.contamination, rows, weights)

        def calibrate_on_few() -> tuple[CalibrationScores, float]:
            few = load_few_rows(table.rows, table.weights, None, fit)
            max_each = MAX_SAMPLES // len(result.held_out)
            held_out = [samples.take(slice(max_each)) for samples in result.held_out]
            return calibrate(held_out, few.rows, few.weights)

        self._calibration, self.offset_ = fit.stages.run(
            "calibrating",
            lambda: calibrate(result.held_out, table.rows, table.weights),
            calibrate_on_few,
        )
        if self.contamination == "auto":
            self._calibration.warn_if_few(_FALSE_ALARM_RATE)

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
        """Compute conformal p-values: the fraction of training rows that are as rare or rarer.

        The p-value of a row x is::

            p = (1 + Σ_i w_i 1[s_i <= s_f(i)(x)]) / (1 + Σ_i w_i)

        where i runs over the held-out training rows, s_i is the log-likelihood of row i under
        the density f(i) that was fitted without it, s_f(i)(x) is that of x under the same
        density, and w_i is the weight of row i as it was passed to `fit`, or 1. Ties count as
        rarer, so p-values are at least 1 / (1 + Σ w_i) and at most 1. Equal rows add up: a
        weight of 3 is the same as three rows. Weights with a larger common factor claim more
        rows, and make p-values smaller; scale weights that are not numbers of repetitions so
        that they sum to the number of rows, or of independent rows.

        The p-values of new samples from the same distribution are approximately uniform:
        labeling samples with p <= 0.05 as outliers gives a false alarm for about one in twenty
        and, with a hundred rows in many columns, for fewer. The training rows themselves have
        higher p-values, because most of the densities were fitted to them. Outliers in the
        training data affect the p-values, too: if a fraction of the training rows are outliers,
        a threshold on p below that fraction misses some of them.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Samples.

        Returns
        -------
        ndarray of shape (n_samples,)
            The p-values, greater than 0 and at most 1.

        Examples
        --------
        >>> import numpy as np
        >>> from skflow import NormalizingFlowOutlierDetector
        >>> X = np.random.default_rng(0).normal(size=(300, 2))
        >>> detector = NormalizingFlowOutlierDetector(effort="fast", random_state=0).fit(X)
        >>> bool(detector.p_value([[6.0, -6.0]])[0] == 1 / 301)
        True
        """
        check_is_fitted(self)
        return self._p_values(self._opened(X, reset=False))

    def _p_values(self, rows: np.ndarray | Source) -> np.ndarray:
        models = self._density().parts(self._calibration.n_models)
        return self._calibration.p_values(self._log_probs(models, rows))

    def _calibrated(self, held_out: Sequence[WeightedDataset]) -> CalibrationScores:
        """The scores of the samples that each model held out, as p_value scores new ones."""
        scores, weights = [], []
        for model, samples in zip(self._density().parts(len(held_out)), held_out, strict=True):
            assert samples.observed is not None
            assert samples.counts is not None
            scores.append(self._log_probs([model], samples.observed)[0])
            weights.append(samples.counts)
        return CalibrationScores.from_samples(scores, weights, ROUNDING[self.dtype])

    def _offset_of_share(
        self, share: float, rows: np.ndarray | Source, sample_weight: ArrayLike | None
    ) -> float:
        """The threshold below which a share of the rows of all processes is."""
        own = np.ones(len(rows)) if sample_weight is None else np.asarray(sample_weight, float)
        known = rows_with_cells(rows) if self._takes_holes else slice(None)
        scores, weights = current_process_group().gather_rows(
            self._log_prob(rows)[known], np.broadcast_to(own, len(rows))[known]
        )
        return share_threshold(scores, weights, share)
