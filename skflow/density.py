"""NormalizingFlowDensity: p(x)."""

from numbers import Integral

import numpy as np
from sklearn.base import DensityMixin, _fit_context
from sklearn.utils.validation import _check_sample_weight, check_is_fitted

from skflow.estimator import FlowEstimator


class NormalizingFlowDensity(DensityMixin, FlowEstimator):
    """Density estimation with normalizing flows.

    """

    def __init__(
        self,
        *,
        flow="nsf_ar",
        n_transforms="auto",
        hidden_layer_sizes="auto",
        n_bins=8,
        activation="silu",
        dropout="auto",
        base="auto",
        marginals="auto",
        n_estimators="auto",
        safety_net=True,
        learning_rate_init="auto",
        batch_size="auto",
        max_iter="auto",
        alpha=1e-3,
        noise="auto",
        effort="full",
        early_stopping="auto",
        validation_fraction=0.1,
        n_iter_no_change=8,
        tol=2e-3,
        warm_start=False,
        random_state=None,
        device="auto",
        verbose=0,
    ):
        self.flow = flow
        self.n_transforms = n_transforms
        self.hidden_layer_sizes = hidden_layer_sizes
        self.n_bins = n_bins
        self.activation = activation
        self.dropout = dropout
        self.base = base
        self.marginals = marginals
        self.n_estimators = n_estimators
        self.safety_net = safety_net
        self.learning_rate_init = learning_rate_init
        self.batch_size = batch_size
        self.max_iter = max_iter
        self.alpha = alpha
        self.noise = noise
        self.effort = effort
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.tol = tol
        self.warm_start = warm_start
        self.random_state = random_state
        self.device = device
        self.verbose = verbose

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None, sample_weight=None):
        self._fit_rows(X, sample_weight)
        return self

    def score_samples(self, X):
        check_is_fitted(self)
        return self._log_prob(self._validate(X, reset=False))

    def score(self, X, y=None, sample_weight=None):
        scores = self.score_samples(X)
        weights = None if sample_weight is None else _check_sample_weight(sample_weight, X)
        return float(np.average(scores, weights=weights))

    def sample(self, n_samples=1, random_state=None):
        check_is_fitted(self)
        if not isinstance(n_samples, Integral) or n_samples < 1:
            raise ValueError(f"n_samples={n_samples!r} must be a positive int.")
        return self._sample(int(n_samples), random_state)
