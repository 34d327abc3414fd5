"""Density estimation: p(x)."""

import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, Literal, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import DensityMixin, _fit_context
from sklearn.utils.validation import check_is_fitted

from skflow.data.sample_weights import check_weights
from skflow.data.sources import is_lazy, score_lazily
from skflow.data.support import Support
from skflow.data.unsupported_values import check_not_masked
from skflow.data.validation import check_count
from skflow.estimators.flow_estimator import FlowEstimator
from skflow.estimators.parameters import Seed
from skflow.estimators.subset_density import SubsetDensity
from skflow.flows.any_order.any_order_density import AnyOrderDensity


class NormalizingFlowDensity(DensityMixin, FlowEstimator):
    """Density estimation with normalizing flows.

    A normalizing flow maps data to noise by a chain f of invertible transformations, which
    makes the density exact: ``log p(x) = log p_Z(f(x)) + log |det ∂f/∂x|``. Scaling the columns
    is part of the chain, so densities are in the units of X and integrate to 1 there. The
    fitted density is a mixture of an ensemble of flows, trained on different folds, and a
    safety net of simpler densities, weighted by their log-likelihood on held-out samples.

    With "auto", a parameter is set from the number of rows and columns. The defaults were
    chosen on many data sets (see the benchmarks in the documentation), so a search over
    parameters is rarely worth its time.

    Parameters
    ----------
    {flow_parameters}
    stream : bool, default=False
        Whether to train on all rows of a table with more than `max_rows` rows, instead of only
        on those sampled. The table is read again in every epoch, and shuffled in a buffer of
        `max_rows` rows. The columns are standardized by the moments of all rows; marginals,
        initial fit, safety net and held-out samples come from the sampled rows. If `max_iter`
        is "auto", training sees every row once, or more often if it needs more steps.

    Attributes
    ----------
    supports_ : list of Support
        The supports of the columns of X, one for each, with atoms only where they have a
        probability: under ``flow="any_order"``.
    flow_ : torch.nn.Module
        The fitted density in the units of X: ``flow_.log_prob(x)`` maps a float64 tensor of
        shape (n_samples, n_features) on `device_` to (n_samples,), and is differentiable in x.
        Calling the module is equivalent to calling log_prob, as torch.export requires;
        densities of the family "any_order" cannot be exported.
    weights_ : dict
        Components of the mixture and their weights, estimated by out-of-fold likelihood. "flow"
        (the ensemble as a whole) is always present; components of the safety net are present if
        their weight is positive: "start" (the Student t of the initial fit), "wide t",
        "gaussians" (a Gaussian mixture) and, for up to four columns, "kernels", which
        ``flow="any_order"`` does without.
    {flow_attributes}

    See Also
    --------
    sklearn.neighbors.KernelDensity : Kernel density estimation, for one or two columns.
    sklearn.mixture.GaussianMixture : Density with a few elliptical components.
    skflow.metrics.mean_log_likelihood : Scorer for comparing density estimators.

    Notes
    -----
    ``score`` is the mean log-likelihood per sample, as in ``GaussianMixture``;
    ``KernelDensity`` returns the sum instead. A log density can be positive: a density has the
    inverse units of the columns, and log p changes by −log a if a column is multiplied by a.

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

    # numpydoc ignore=PR01,PR02,PR04,PR07
    __module__ = "skflow"

    stream: bool

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **FlowEstimator._parameter_constraints,
        "stream": ["boolean"],
    }

    def __init__(
        self,
        *,
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
        stream: bool = False,
    ) -> None:
        self._store(locals())

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: ArrayLike, y: Any = None, sample_weight: ArrayLike | None = None) -> Self:
        """Fit the density to X.

        Parameters
        ----------
        X : array-like, path, Dataset or dask collection of shape (n_samples, n_features)
            Training data: at least two rows of finite values. With ``flow="any_order"``, NaN,
            None, ``pandas.NA``, nulls and masked cells are cells that were not observed; rows
            without any observed cell are left out. A memory map, the path of a Parquet file or
            folder, a ``pyarrow.dataset.Dataset`` and a dask array or DataFrame are read in
            blocks; only `max_rows` rows of them have to fit into memory. With `stream` they are
            read several times.
        y : None
            Ignored, present for API consistency.
        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative sample weights. A weight of 3 is equivalent to repeating the row three
            times, and a common factor has no effect.

        Returns
        -------
        NormalizingFlowDensity
            The fitted estimator.

        Raises
        ------
        ValueError
            If X contains infinity, or NaN where `flow` needs complete rows, if it has a single
            row, a column without any observed cell, or one whose variance overflows, if weights
            are negative or all zero, or if the device is not available.
        FloatingPointError
            If the training loss does not remain finite.

        Warns
        -----
        DegenerateColumnWarning
            If a column is constant, if more than a fifth of the distinct rows have the same
            value in it, if it asks for a support that is not declared (see
            `skflow.infer_support`), if some values are far outside all others, such as the code
            −9999 for missing values, or if it is a function of other columns. Cells with odd
            values are replaced in the fit by values of similar rows; with ``flow="any_order"``,
            they are taken as not observed.
        EmptyRowWarning
            If rows have no observed cell.
        sklearn.exceptions.ConvergenceWarning
            If an explicit `max_iter` ended a fit that was still improving by more than `tol`,
            or if the fit was ended by `max_time` or Ctrl-C.
        """
        with self._all_or_nothing():
            rows = self._opened(X, reset=True)
            names = self._names(X, rows)
            self._fit_rows(rows, sample_weight, names, stream=self.stream)
        return self

    def score_samples(self, X: ArrayLike) -> np.ndarray:
        """Compute the log-likelihood of each sample.

        Parameters
        ----------
        X : array-like, path, Dataset or dask collection of shape (n_samples, n_features)
            Samples in the units of the training data, in any form that `fit` accepts.

        Returns
        -------
        ndarray of shape (n_samples,)
            The values log p(x) in nats, as float64; the density is in the units of the columns.
            The score of a sample does not depend on the other samples. For a dask array or
            DataFrame, a lazy dask array or Series.
        """
        check_is_fitted(self)
        if is_lazy(X):
            return score_lazily(self, X)
        return self._log_prob(self._opened(X, reset=False))

    def score(self, X: ArrayLike, y: Any = None, sample_weight: ArrayLike | None = None) -> float:
        """Compute the mean log-likelihood, in nats per sample.

        Parameters
        ----------
        X : array-like, path, Dataset or dask collection of shape (n_samples, n_features)
            Samples in the units of the training data.
        y : None
            Ignored, present for API consistency.
        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative sample weights.

        Returns
        -------
        float
            The (weighted) mean of ``score_samples(X)``. ``KernelDensity`` returns the sum.
        """
        check_not_masked(sample_weight, "sample_weight")
        scores = np.asarray(self.score_samples(X))
        weights = None if sample_weight is None else check_weights(sample_weight, len(scores))
        return float(np.average(scores, weights=weights))

    def sample(
        self,
        n_samples: int = 1,
        random_state: Seed = None,
        given: Mapping[Any, float] | ArrayLike | None = None,
    ) -> np.ndarray:
        """Generate random samples from the density, given values of some columns or of none.

        Parameters
        ----------
        n_samples : int, default=1
            Number of samples to generate, for each row of `given`.
        random_state : int, RandomState instance or None, default=None
            Random state of the samples. If None, every call returns different samples.
        given : dict or array-like of shape (n_rows, n_features), default=None
            Values that samples have; the other columns are drawn from their distribution given
            these. A dict has values by names or indices of columns; a table has NaN in the cells
            that are to be drawn, and a data frame may have some of the columns only. NaN in a
            dict means that the column is not given. Needs ``flow="any_order"``.

        Returns
        -------
        ndarray of shape (n_samples, n_features) or (n_rows * n_samples, n_features)
            Samples in the units of X, as float64; for a table, `n_samples` for each of its rows,
            one row after the other. For thousands of samples the networks run in float32, which
            changes a sample by some 1e-7 standard deviations, and rarely by more than 1e-5.

        Raises
        ------
        ValueError
            If `given` has a column that X did not have, or a value outside the support of its
            column, or if the fitted flow cannot condition.
        """
        check_is_fitted(self)
        if given is not None:
            return self._all_columns("sample with given=").sample(n_samples, random_state, given)
        return self._sample(check_count("n_samples", n_samples), random_state)

    def condition(self, given: Mapping[Any, float]) -> SubsetDensity:
        """Return the density of all other columns, given values of some.

        Parameters
        ----------
        given : dict
            Values by names or indices of columns. NaN means that the column is not given.

        Returns
        -------
        SubsetDensity
            A view of this density: p(other columns | given). Nothing is fitted.

        Raises
        ------
        ValueError
            If a column does not exist, if a value is outside the support of its column, if no
            column is left, or if the fitted flow cannot condition: ``flow="any_order"`` can.

        Examples
        --------
        >>> import numpy as np
        >>> from skflow import NormalizingFlowDensity
        >>> X = np.random.default_rng(0).normal(size=(300, 2)) @ [[1.0, 0.8], [0.0, 0.6]]
        >>> density = NormalizingFlowDensity(
        ...     flow="any_order", effort="fast", max_iter=2, tol=10, random_state=0
        ... ).fit(X)
        >>> density.condition({0: 2.0}).sample(3, random_state=0).shape
        (3, 1)
        """
        return self._all_columns("condition").condition(given)

    def marginal(self, columns: Sequence[Any]) -> SubsetDensity:
        """Return the density of some columns, whatever the others are.

        Parameters
        ----------
        columns : list of str or int
            Names or indices of columns, in the order that is wanted.

        Returns
        -------
        SubsetDensity
            A view of this density: p(columns). Nothing is fitted.

        Raises
        ------
        ValueError
            If there are no columns, if one does not exist or is named twice, or if the fitted
            flow cannot marginalize: ``flow="any_order"`` can.
        """
        return self._all_columns("marginal").marginal(columns)

    def impute(self, X: ArrayLike, n_draws: int | None = None, random_state: Seed = None) -> Any:
        """Replace missing cells by likely values given the observed cells of their row, or draw.

        A cell becomes the mean of its column given the observed cells of the row, the median of
        whole numbers and other lattices, the mean direction of angles, the likeliest category.
        In a column with atoms, it becomes the likeliest atom or, where all other numbers
        together are likelier, their mean. Such values are less scattered than those that are
        missing: for a statistic other than a mean, draw several tables and average over them.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Samples with NaN in the cells to be imputed. Observed cells stay as they are.
        n_draws : int or None, default=None
            Number of tables in which all missing cells of a row are drawn together, given its
            observed cells. None means no draws but the values described above.
        random_state : int, RandomState instance or None, default=None
            Random state of the draws. If None, every call returns different draws.

        Returns
        -------
        ndarray of shape (n_samples, n_features) or (n_draws, n_samples, n_features)
            The completed rows as float64; without `n_draws`, a data frame of pandas or polars
            if X is one.

        Raises
        ------
        ValueError
            If an observed cell is outside the support of its column, or if the fitted flow
            cannot impute: ``flow="any_order"`` can.

        See Also
        --------
        NormalizingFlowImputer : The same as a transformer.

        Examples
        --------
        >>> import numpy as np
        >>> from skflow import NormalizingFlowDensity
        >>> rng = np.random.default_rng(0)
        >>> x = rng.normal(size=300)
        >>> X = np.column_stack([x, 2 * x + 0.1 * rng.normal(size=300)])
        >>> density = NormalizingFlowDensity(
        ...     flow="any_order", effort="fast", max_iter=2, tol=10, random_state=0
        ... ).fit(X)
        >>> density.impute([[1.0, np.nan]]).round(1)
        array([[1., 2.]])
        >>> density.impute([[1.0, np.nan]], n_draws=5, random_state=0).shape
        (5, 1, 2)
        """
        everything = self._all_columns("impute")
        rows = self._validate(X, reset=False)
        return everything._imputed_like(X, rows, n_draws, random_state)

    def _all_columns(self, method: str) -> SubsetDensity:
        """This density as a subset of all columns; raises if its flow can only do complete rows.

        "auto" decides in `fit`, so all estimators have the methods.
        """
        check_is_fitted(self)
        if not isinstance(self.flow_, AnyOrderDensity):
            chosen = " chose another flow, and this" if self.flow == "auto" else ""
            raise ValueError(
                f"{method} needs a flow that knows every subset of the columns, but "
                f"flow={self.flow!r}{chosen} has one fixed order of them. Fit the density with "
                'flow="any_order".'
            )
        d = self.n_features_in_
        return SubsetDensity(self, np.full(d, np.nan), range(d))
