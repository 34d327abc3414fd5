"""Probabilistic regression: p(y | X)."""

import os
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Literal, Self

import numpy as np
import torch
from numpy.typing import ArrayLike
from sklearn.base import RegressorMixin, _fit_context
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted

from skflow.data.support import Support
from skflow.data.validation import check_count, check_levels, check_targets
from skflow.estimators.any_order_target import AnyOrderTarget
from skflow.estimators.flow_estimator import FlowEstimator
from skflow.estimators.parameters import Seed
from skflow.estimators.univariate import UnivariateDistribution
from skflow.fitting.defaults import Task
from skflow.fitting.warm_start import check_same_targets
from skflow.flows.any_order.any_order_density import AnyOrderDensity
from skflow.flows.distributions.constrained_columns import ConstrainedDensity
from skflow.preprocessing.supports import check_ordered
from skflow.runtime.exceptions import UnreliablePredictionWarning
from skflow.runtime.user_warnings import warn_user

_N_SAMPLES = 512  # per row, to estimate means, deviations and quantiles of several targets
_MAX_ROWS = 256  # for which these samples are held at a time
_MAX_CHECKED = 200  # rows that are checked for heavy tails


class NormalizingFlowRegressor(RegressorMixin, FlowEstimator):
    """Probabilistic regression with conditional normalizing flows.

    A conditional flow maps y to noise by transformations that depend on X, so the conditional
    density p(y | X) is exact, in the units of y, and can have any shape: skewed,
    heteroscedastic or multimodal. Training starts from a ridge regression with Student t
    residuals. Columns of X are standardized internally, after a power transform if it helps;
    categorical columns have to be encoded first.

    Parameters
    ----------
    {flow_parameters}

    Attributes
    ----------
    supports_ : list of Support
        The supports of the targets, one for each, with atoms only where they have a
        probability: under ``flow="any_order"``.
    flow_ : torch.nn.Module
        The fitted conditional density: ``flow_.log_prob(y, x)`` maps float64 tensors of shape
        (n_samples, n_targets) and (n_samples, n_features) on `device_` to (n_samples,), in the
        units of y, and is differentiable.
    weights_ : dict
        Components of the mixture and their weights, estimated by out-of-fold likelihood: "flow"
        (the ensemble as a whole) and, if their weight is positive, "start" (the ridge
        regression with Student t residuals) and "wide t".
    n_targets_ : int
        Number of columns of y.
    {flow_attributes}

    See Also
    --------
    NormalizingFlowDensity : The density of X alone.
    skflow.metrics.neg_crps : Quality of predictive distributions, in the units of y.

    References
    ----------
    .. [1] Trippe & Turner (2018). Conditional density estimation with Bayesian normalizing
       flows. arXiv:1802.04908.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from skflow import NormalizingFlowRegressor
    >>> X, y = load_diabetes(return_X_y=True)
    >>> regressor = NormalizingFlowRegressor(effort="fast", random_state=0).fit(X, y)
    >>> regressor.predict_interval(X[:3], coverage=0.9).shape
    (3, 2)
    >>> regressor.log_prob(X[:3], y[:3]).shape
    (3,)
    """

    # numpydoc ignore=PR01,PR02,PR04,PR07
    __module__ = "skflow"
    _task = Task(context="numbers")
    n_targets_: int

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
    ) -> None:
        self._store(locals())

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Fit the conditional density of y given X.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Training data, finite.
        y : array-like of shape (n_samples,) or (n_samples, n_targets)
            Targets, finite.
        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative sample weights.

        Returns
        -------
        NormalizingFlowRegressor
            The fitted estimator.

        Raises
        ------
        ValueError
            If X or y contains NaN or infinity, if their numbers of rows differ, or if there is
            a single row.
        FloatingPointError
            If the training loss does not remain finite.
        """
        with self._all_or_nothing():
            rows = self._validate(X, reset=True)
            targets, names = check_targets(y, len(rows), type(self).__name__)
            check_ordered(self.support, targets.shape[1], names)
            self._y_ndim = np.asarray(y).ndim
            if self._columns_to_continue() is not None:
                check_same_targets(_n_targets(self.n_targets_), _n_targets(targets.shape[1]))
            self.n_targets_ = targets.shape[1]
            self._fit_rows(targets, sample_weight, names, rows, context_names=self._names(X, rows))
        return self

    def predict(
        self, X: ArrayLike, return_std: bool = False
    ) -> np.ndarray | tuple[np.ndarray, np.ndarray]:
        """Predict the conditional mean and, optionally, the standard deviation.

        For a single target, they are computed by quadrature over the quantiles of each component
        of the mixture, without the outermost 3e-5 on either side, so that the standard
        deviation is finite even for heavy tails. Where tails are so heavy that few extreme
        samples decide the mean (an index of a Pareto tail below 1.3), quantiles beyond the
        levels 0.02 and 0.98 grow at most like those of a tail of index 1.5, and a warning
        recommends the median. The mean of an integer target is the sum over its probabilities,
        up to 256 integers around the center. For several targets, they are estimated from
        512 samples with a fixed seed, so the standard error of a mean is 0.044 standard
        deviations.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Samples.
        return_std : bool, default=False
            Whether to return the standard deviations as well.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_targets)
            Conditional means, in the shape of the y passed to `fit`.
        ndarray of the same shape
            Conditional standard deviations. Only returned if `return_std` is True.

        Warns
        -----
        UnreliablePredictionWarning
            If the tails of y are so heavy, for most of the samples, that the mean of a single
            target is not reliable.
        """
        means, deviations = [], []
        context = self._validated(X)
        self._warn_if_heavy_tailed(context)
        for values, weights in self._quadrature(context):
            mean = np.einsum("nmt,nm->nt", values, weights)
            variance = np.einsum("nmt,nm->nt", (values - mean[:, None]) ** 2, weights)
            means.append(mean)
            deviations.append(np.sqrt(variance))
        if not return_std:
            return self._like_y(np.concatenate(means))
        return self._like_y(np.concatenate(means)), self._like_y(np.concatenate(deviations))

    def predict_quantiles(self, X: ArrayLike, quantiles: float | ArrayLike) -> np.ndarray:
        """Predict conditional quantiles.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Samples.
        quantiles : float or array-like of shape (n_quantiles,)
            Levels strictly between 0 and 1.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_quantiles)
            Quantiles, exact for a single target. For several targets, marginal quantiles of
            each target, estimated from 512 samples, of shape (n_samples, n_targets) or
            (n_samples, n_targets, n_quantiles).
        """
        levels = check_levels(quantiles)
        levels_1d = np.atleast_1d(levels)
        context = self._validated(X)
        if self.n_targets_ == 1:
            with torch.no_grad():
                exact = self._univariate().quantiles(
                    self._tensor(levels_1d), self._tensor(context)
                )
                values = self._in_support(exact).double().cpu().numpy()
        else:
            blocks = [np.quantile(v, levels_1d, axis=1) for v, _ in self._quadrature(context)]
            values = np.moveaxis(np.concatenate(blocks, axis=1), 0, -1)
        return values[..., 0] if np.ndim(levels) == 0 else values

    def predict_interval(self, X: ArrayLike, coverage: float = 0.9) -> np.ndarray:
        """Predict the central interval that contains y with a given probability.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Samples.
        coverage : float, default=0.9
            Probability of the interval, strictly between 0 and 1.

        Returns
        -------
        ndarray of shape (n_samples, 2)
            Quantiles at the levels (1 − coverage) / 2 and (1 + coverage) / 2. For several
            targets, an interval for each of them, of shape (n_samples, n_targets, 2).
        """
        check_levels(coverage, "coverage")
        return self.predict_quantiles(X, [0.5 - coverage / 2, 0.5 + coverage / 2])

    def sample_y(self, X: ArrayLike, n_samples: int = 1, random_state: Seed = None) -> np.ndarray:
        """Generate random samples from p(y | X).

        Parameters
        ----------
        X : array-like of shape (n_rows, n_features)
            Rows to condition on.
        n_samples : int, default=1
            Number of samples per row of X.
        random_state : int, RandomState instance or None, default=None
            Random state of the samples. If None, every call returns different samples.

        Returns
        -------
        ndarray of shape (n_rows, n_samples) or (n_rows, n_targets, n_samples)
            Samples, in the units of y.
        """
        context = self._validated(X)
        n_samples = check_count("n_samples", n_samples)
        self._check_sample_memory(n_samples, len(context))
        repeated = np.repeat(context, n_samples, axis=0)
        samples = self._sample(len(repeated), random_state, repeated)
        samples = np.moveaxis(samples.reshape(len(context), n_samples, -1), 1, 2)
        return self._like_y(samples)

    def log_prob(self, X: ArrayLike, y: ArrayLike) -> np.ndarray:
        """Compute the log-likelihood of each y given its row of X.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Samples.
        y : array-like of shape (n_samples,) or (n_samples, n_targets)
            Targets.

        Returns
        -------
        ndarray of shape (n_samples,)
            The values log p(y | x) in nats; the density is in the units of y.
        """
        context = self._validated(X)
        return self._log_prob(self._validated_targets(y, len(context)), context)

    def cdf(self, X: ArrayLike, y: ArrayLike) -> np.ndarray:
        """Compute the conditional cumulative distribution function, for a single target.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Samples.
        y : array-like of shape (n_samples,)
            Targets.

        Returns
        -------
        ndarray of shape (n_samples,)
            The probabilities P(Y ≤ y | x). If the model is correct, they are uniformly
            distributed on held-out samples.

        Raises
        ------
        ValueError
            If there are several targets.
        """
        context = self._validated(X)
        targets = self._tensor(self._validated_targets(y, len(context)))
        if isinstance(self.flow_, ConstrainedDensity):
            targets = self.flow_.supports.upper_edge(targets)
        with torch.no_grad():
            p = self._univariate().cdf(targets[:, 0], self._tensor(context))
        return p.double().cpu().numpy()

    def _quadrature(self, context: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Values and weights that approximate integrals over p(y | x) by weighted sums.

        For blocks of validated rows of X, yields values (n_rows, n_values, n_targets) of y, and
        their weights (n_rows, n_values).
        """
        if self.n_targets_ > 1:
            for block in np.array_split(context, -(-len(context) // _MAX_ROWS)):
                repeated = np.repeat(block, _N_SAMPLES, axis=0)
                samples = self._sample(len(repeated), 0, repeated)
                weights = np.full((len(block), _N_SAMPLES), 1 / _N_SAMPLES)
                yield samples.reshape(len(block), _N_SAMPLES, -1), weights
            return
        with torch.no_grad():
            for nodes, node_weights in self._univariate_quadrature(self._tensor(context)):
                values = self._in_support(nodes).unsqueeze(-1)
                weights = node_weights.double().cpu().numpy()
                yield values.double().cpu().numpy(), np.broadcast_to(weights, nodes.shape)

    def _univariate_quadrature(
        self, context: torch.Tensor
    ) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        """Values (n_rows, n_values) of a single target, and weights that broadcast with them."""
        if isinstance(self.flow_, ConstrainedDensity) and self.flow_.is_integer:
            low, high = float(self.flow_.supports.low), float(self.flow_.supports.high)
            univariate = UnivariateDistribution(self._continuous())
            return univariate.integer_quadrature(context, low, high)
        return self._univariate().quadrature(context)

    def _warn_if_heavy_tailed(self, context: np.ndarray) -> None:
        """Warn if most of some rows of X have a tail so heavy that its mean is not reliable."""
        if self.n_targets_ > 1:
            return
        some = self._tensor(context[:: -(-len(context) // _MAX_CHECKED)])
        with torch.no_grad():
            reliable = self._univariate().has_reliable_mean(some)
        if reliable.double().mean() < 0.5:
            warn_user(
                "The tails of y given X are so heavy that its mean is not reliable: few extreme "
                "samples decide it. The median, predict_quantiles(X, 0.5), does not depend on "
                "them.",
                UnreliablePredictionWarning,
            )

    def _univariate(self) -> UnivariateDistribution | AnyOrderTarget:
        if self.n_targets_ > 1:
            raise ValueError(
                f"This method needs a single target, but y had {self.n_targets_} columns. Use "
                "sample_y, or fit one regressor per target."
            )
        if isinstance(self.flow_, AnyOrderDensity):
            return AnyOrderTarget(self.flow_)
        return UnivariateDistribution(self._continuous())

    def _in_support(self, values: torch.Tensor) -> torch.Tensor:
        """Continuous values of a single target, mapped into its support."""
        if not isinstance(self.flow_, ConstrainedDensity):
            return values
        return self.flow_.supports.from_continuous(values.unsqueeze(-1)).squeeze(-1)

    def _validated(self, X: ArrayLike) -> np.ndarray:
        check_is_fitted(self)
        return self._drawn_in(self._validate(X, reset=False))

    def _validated_targets(self, y: ArrayLike, n_rows: int) -> np.ndarray:
        targets, _ = check_targets(y, n_rows, type(self).__name__)
        if targets.shape[1] != self.n_targets_:
            raise ValueError(
                f"y has {targets.shape[1]} columns, but {type(self).__name__} was fitted with "
                f"{self.n_targets_} columns."
            )
        return targets

    def _like_y(self, values: np.ndarray) -> np.ndarray:
        """Values (n_rows, n_targets, ...), without the axis of targets if y had none."""
        return values[:, 0] if self._y_ndim == 1 else values

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags


def _n_targets(n: int) -> str:
    return "1 target" if n == 1 else f"{n} targets"
