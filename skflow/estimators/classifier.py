"""Generative classification: p(X | y) and Bayes' rule."""

import os
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Literal, Self

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import logsumexp
from sklearn.base import ClassifierMixin, _fit_context
from sklearn.utils import column_or_1d
from sklearn.utils.validation import check_is_fitted

from skflow.data.sample_weights import check_weights
from skflow.data.support import Support
from skflow.data.unsupported_values import check_not_masked
from skflow.data.validation import check_count, check_labels, check_priors, check_seed
from skflow.estimators.flow_estimator import FlowEstimator
from skflow.estimators.parameters import Seed
from skflow.fitting.defaults import Task
from skflow.fitting.warm_start import check_same_targets
from skflow.preprocessing.supports import first_outside, resolve_supports
from skflow.runtime.exceptions import UnreliablePredictionWarning
from skflow.runtime.process_group import current_process_group
from skflow.runtime.user_warnings import warn_user


class NormalizingFlowClassifier(ClassifierMixin, FlowEstimator):
    """Generative classification with conditional normalizing flows.

    A single conditional flow, shared by all classes, models the class densities p(X | y);
    p(y | X) follows from Bayes' rule and the prior probabilities. Training starts from a Student
    t distribution per class, whose scatter matrix is shrunk towards the pooled one as far as
    this improves the held-out log-likelihood. The model is generative: it can also score how
    likely a row is under each class, and sample rows of a class.

    Parameters
    ----------
    priors : array-like of shape (n_classes,), default=None
        Prior probabilities of the classes, in the order of `classes_`. If None, they are the
        class frequencies in the training data.
    {flow_parameters}

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Class labels.
    priors_ : ndarray of shape (n_classes,)
        Prior probabilities of the classes.
    supports_ : list of Support
        The supports of the columns of X, one for each, with atoms only where they have a
        probability: under ``flow="any_order"``.
    flow_ : torch.nn.Module
        The fitted class densities: ``flow_.log_prob(x, one_hot)`` maps float64 tensors of shape
        (n_samples, n_features) and (n_samples, n_classes) on `device_` to (n_samples,), and is
        differentiable.
    weights_ : dict
        Components of the mixture and their weights, estimated by out-of-fold likelihood: "flow"
        (the ensemble as a whole) and, if their weight is positive, "start" (a Student t per
        class) and "wide t".
    {flow_attributes}

    See Also
    --------
    sklearn.discriminant_analysis.QuadraticDiscriminantAnalysis : A normal density per class.
    sklearn.naive_bayes.GaussianNB : Independent, normal columns.

    Notes
    -----
    Training maximizes log p(x | y), not log p(y | x). With many rows, and if the densities are
    not needed, a discriminative classifier has an easier task.

    References
    ----------
    .. [1] Friedman (1989). Regularized discriminant analysis. Journal of the American
       Statistical Association 84.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skflow import NormalizingFlowClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> classifier = NormalizingFlowClassifier(effort="fast", random_state=0).fit(X, y)
    >>> classifier.predict_proba(X[:2]).shape
    (2, 3)
    >>> rows, labels = classifier.sample(5, y=1, random_state=0)
    >>> rows.shape, labels.tolist()
    ((5, 4), [1, 1, 1, 1, 1])
    """

    # numpydoc ignore=PR01,PR02,PR04,PR07
    __module__ = "skflow"
    _task = Task(context="classes")

    classes_: np.ndarray
    priors: ArrayLike | None

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **FlowEstimator._parameter_constraints,
        "priors": ["array-like", None],
    }

    def __init__(
        self,
        *,
        priors: ArrayLike | None = None,
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
        """Fit the class densities.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Training data, finite. With ``flow="any_order"``, NaN is a cell that was not
            observed.
        y : array-like of shape (n_samples,)
            Class labels.
        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative sample weights, which also determine the class frequencies.

        Returns
        -------
        NormalizingFlowClassifier
            The fitted estimator.

        Raises
        ------
        ValueError
            If X contains infinity, or NaN where `flow` needs complete rows, if it has a single
            row or a column without any observed cell, if y does not contain one class label per
            row, or if `priors` does not match the classes.
        FloatingPointError
            If the training loss does not remain finite.

        Warns
        -----
        EmptyRowWarning
            If rows have no observed cell. They are left out, and do not count for the priors.
        """
        with self._all_or_nothing():
            rows = self._validate(X, reset=True)
            labels = check_labels(y, len(rows), type(self).__name__)
            check_not_masked(sample_weight, "sample_weight")
            weights = self._observed_weights(rows, check_weights(sample_weight, len(rows)))
            all_labels, all_weights = current_process_group().gather_rows(labels, weights)
            classes, indices = np.unique(all_labels, return_inverse=True)
            if self._columns_to_continue() is not None:
                check_same_targets(
                    f"the classes {self.classes_.tolist()}", f"the classes {classes.tolist()}"
                )
            self.classes_ = classes
            frequencies = np.bincount(indices, all_weights) / all_weights.sum()
            self.priors_ = check_priors(self.priors, self.classes_, frequencies)
            names = self._names(X, rows)
            context = self._one_hot(np.searchsorted(self.classes_, labels))
            self._fit_rows(rows, weights, names, context)
        return self

    def predict(self, X: ArrayLike) -> np.ndarray:
        """Predict the most probable class of each sample.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Samples.

        Returns
        -------
        ndarray of shape (n_samples,)
            Predicted class labels. For a sample outside the support of every class, the most
            frequent class according to `priors_`.

        Warns
        -----
        UnreliablePredictionWarning
            If a sample is outside the support of every class.
        """
        joint = self._joint_or_priors(X)
        return self.classes_[joint.argmax(axis=1)]

    def predict_proba(self, X: ArrayLike) -> np.ndarray:
        """Compute the class probabilities p(y | x) by Bayes' rule.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Samples.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            Class probabilities, in the order of `classes_`. For a sample outside the support of
            every class, whose density is 0 in all of them, the `priors_`.

        Warns
        -----
        UnreliablePredictionWarning
            If a sample is outside the support of every class.
        """
        return np.exp(_normalized(self._joint_or_priors(X)))

    def predict_log_proba(self, X: ArrayLike) -> np.ndarray:
        """Compute the logarithm of the class probabilities.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Samples.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            The values log p(y | x), in the order of `classes_`. For a sample outside the support
            of every class, the logarithms of the `priors_`.

        Warns
        -----
        UnreliablePredictionWarning
            If a sample is outside the support of every class.
        """
        return _normalized(self._joint_or_priors(X))

    def decision_function(self, X: ArrayLike) -> np.ndarray:
        """Compute the joint log densities log p(x, y), or the log-odds for two classes.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Samples.

        Returns
        -------
        ndarray of shape (n_samples, n_classes) or (n_samples,)
            For two classes, the log-odds of the second class. For a sample outside the support
            of every class, as if its density was the same in all of them.

        Warns
        -----
        UnreliablePredictionWarning
            If a sample is outside the support of every class.
        """
        joint = self._joint_or_priors(X)
        return joint[:, 1] - joint[:, 0] if len(self.classes_) == 2 else joint

    def score_samples(self, X: ArrayLike) -> np.ndarray:
        """Compute the log-likelihood of each sample, marginalized over the classes.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Samples.

        Returns
        -------
        ndarray of shape (n_samples,)
            The values log p(x) = log Σ_y p(y) p(x | y), in nats; −∞ outside the support.
        """
        return logsumexp(self._joint_log_prob(self._validated(X)), axis=1)

    def log_prob(self, X: ArrayLike, y: ArrayLike) -> np.ndarray:
        """Compute the log-likelihood of each sample given its class.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Samples.
        y : array-like of shape (n_samples,)
            Class labels, among `classes_`.

        Returns
        -------
        ndarray of shape (n_samples,)
            The values log p(x | y), in nats; −∞ outside the support.
        """
        check_is_fitted(self)
        rows = self._validate(X, reset=False)
        labels = check_labels(y, len(rows), type(self).__name__)
        return self._log_prob(rows, self._one_hot(self._class_indices(labels)))

    def sample(
        self, n_samples: int = 1, y: ArrayLike | None = None, random_state: Seed = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Generate random samples with their classes.

        Parameters
        ----------
        n_samples : int, default=1
            Number of samples to generate.
        y : label or array-like of shape (n_samples,), default=None
            Class to sample from, or one class per sample. If None, classes are sampled from
            `priors_`.
        random_state : int, RandomState instance or None, default=None
            Random state of the samples. If None, every call returns different samples.

        Returns
        -------
        X : ndarray of shape (n_samples, n_features)
            Samples.
        y : ndarray of shape (n_samples,)
            Their class labels.
        """
        check_is_fitted(self)
        n_samples = check_count("n_samples", n_samples)
        self._check_sample_memory(n_samples)
        rng = check_seed(random_state)
        if y is None:
            indices = rng.choice(len(self.classes_), n_samples, p=self.priors_)
        else:
            labels = np.repeat(y, n_samples) if np.ndim(y) == 0 else column_or_1d(y)
            indices = self._class_indices(check_labels(labels, n_samples, "sample"))
        samples = self._sample(n_samples, rng, self._one_hot(indices))
        return samples, self.classes_[indices]

    def _joint_or_priors(self, X: ArrayLike) -> np.ndarray:
        """log p(x, y), or log p(y) for rows that no class can produce, after a warning."""
        rows = self._validated(X)
        joint = self._joint_log_prob(self._drawn_in(rows))
        impossible = np.isneginf(joint).all(axis=1)
        if impossible.any():
            names = self._names(X, rows)
            supports = resolve_supports(self.support, rows.shape[1], names)
            i = int(impossible.argmax())
            reason = first_outside(rows[i], supports, names)
            warn_user(
                f"Row {i} is outside the support of every class{reason and f': {reason}'}. The "
                "class probabilities of such rows are the priors.",
                UnreliablePredictionWarning,
            )
            joint[impossible] = self._log_priors()
        return joint

    def _joint_log_prob(self, rows: np.ndarray) -> np.ndarray:
        """log p(x, y) of validated rows, of shape (n_samples, n_classes)."""
        joint = np.empty((len(rows), len(self.classes_)))
        for k in range(len(self.classes_)):
            joint[:, k] = self._log_prob(rows, self._one_hot(np.full(len(rows), k)))
        return joint + self._log_priors()

    def _log_priors(self) -> np.ndarray:
        """log p(y), (n_classes,)."""
        with np.errstate(divide="ignore"):
            return np.log(self.priors_)

    def _validated(self, X: ArrayLike) -> np.ndarray:
        check_is_fitted(self)
        return self._validate(X, reset=False)

    def _one_hot(self, indices: np.ndarray) -> np.ndarray:
        """Class indices (n_samples,) as context (n_samples, n_classes)."""
        return np.eye(len(self.classes_))[indices]

    def _class_indices(self, labels: np.ndarray) -> np.ndarray:
        """Indices of labels in `classes_`."""
        unknown = ~np.isin(labels, self.classes_)
        if unknown.any():
            raise ValueError(
                f"y contains the label {labels[unknown].tolist()[0]!r}, which is not among the "
                f"classes seen in fit: {self.classes_.tolist()}."
            )
        return np.searchsorted(self.classes_, labels)


def _normalized(joint: np.ndarray) -> np.ndarray:
    """Logarithms of probabilities that add up to 1 in every row."""
    return joint - logsumexp(joint, axis=1, keepdims=True)
