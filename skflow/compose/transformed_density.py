"""TransformedDensity: a density estimator on transformed data, in the original units."""

from copy import deepcopy
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn import get_config
from sklearn.base import BaseEstimator, DensityMixin, _fit_context, clone
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils import Bunch, _safe_indexing
from sklearn.utils._param_validation import HasMethods, StrOptions
from sklearn.utils.metadata_routing import MetadataRouter, MethodMapping, process_routing
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import (
    _check_sample_weight,
    check_is_fitted,
    check_random_state,
    validate_data,
)

from skflow.compose.domains import in_domain
from skflow.compose.inverse_transform import sample_original_units
from skflow.compose.log_dets import log_abs_det
from skflow.compose.transformer_checks import check_square
from skflow.data.validation import check_count, check_finite, explained_conversion
from skflow.runtime.own_settings import OwnSettingsMixin, own_settings


def _density_can_sample(estimator: "TransformedDensity") -> bool:
    return hasattr(getattr(estimator, "density_", estimator.density), "sample")


class TransformedDensity(OwnSettingsMixin, DensityMixin, BaseEstimator):
    """Density estimation on transformed data, in the units of the original data.

    In ``Pipeline([scaler, density])``, `score_samples` is the density of the scaled data: it
    is per scaled unit, does not integrate to 1 over the original columns, and increases the
    more the scaler shrinks the data. With z the transformed value of x,

        ``log p(x) = log p(z) + log |det ∂z/∂x|``

    is the density of the original data, so that transformers can be compared, and selected by
    a search, by held-out log-likelihood.

    Parameters
    ----------
    transformer : transformer or "passthrough"
        An invertible transformer that maps d columns to d columns; see `log_abs_det` for
        those supported, and for how to add others. "passthrough" is the identity.
    density : estimator
        A density estimator with ``fit(X)`` and ``score_samples(X)``, such as KernelDensity,
        GaussianMixture or NormalizingFlowDensity.

    Attributes
    ----------
    transformer_ : transformer
        The fitted transformer.
    density_ : estimator
        The density estimator, fitted to the transformed data.
    n_features_in_ : int
        Number of features seen during `fit`.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of features seen during `fit`. Defined only when X has feature names that are
        all strings.

    See Also
    --------
    log_abs_det : Log-determinants of transformers, and how to register one.
    skflow.metrics.mean_log_likelihood : A scorer for all density estimators.
    sklearn.compose.TransformedTargetRegressor : Transforms the target of a regressor.

    Notes
    -----
    The density integrates to the probability that the inner density assigns to the image of
    the transformer. That is 1 for scalers, PCA and the logarithm. It is less than 1 if the
    image is not the whole space:

    - The image of PowerTransformer is bounded on one side for most powers. Samples beyond the
      bound have no inverse, and `sample` replaces them.
    - QuantileTransformer maps to [0, 1], or to ±5.2 for normal output, and jumps at repeated
      values. Values beyond these limits, and within the jumps, are mapped back to single
      values: the smallest and the largest training value, and the repeated ones. `sample`
      returns these, while the density covers only the values in between. A row outside the
      range of the training data has density 0 and score −inf.

    A row outside the domain of a function, such as the logarithm, has score −inf, too.

    Examples
    --------
    >>> from sklearn.datasets import load_wine
    >>> from sklearn.model_selection import GridSearchCV
    >>> from sklearn.neighbors import KernelDensity
    >>> from sklearn.preprocessing import PowerTransformer, StandardScaler
    >>> from skflow.compose import TransformedDensity
    >>> X = load_wine(as_frame=True).data[["alcohol", "proline"]]
    >>> search = GridSearchCV(
    ...     TransformedDensity(StandardScaler(), KernelDensity()),
    ...     {
    ...         "transformer": ["passthrough", StandardScaler(), PowerTransformer()],
    ...         "density__bandwidth": [0.1, 0.3, 1.0],
    ...     },
    ... ).fit(X)
    >>> search.best_params_
    {'density__bandwidth': 0.3, 'transformer': PowerTransformer()}
    >>> search.best_estimator_.sample(2, random_state=0).shape
    (2, 2)
    """

    __module__ = "skflow.compose"

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "transformer": [HasMethods(["fit", "transform"]), StrOptions({"passthrough"})],
        "density": [HasMethods(["fit", "score_samples"])],
    }

    def __init__(self, transformer: Any, density: Any) -> None:
        self.transformer = transformer
        self.density = density

    @_fit_context(prefer_skip_nested_validation=False)  # nested estimators are not validated yet
    def fit(self, X: ArrayLike, y: Any = None, **fit_params: Any) -> Self:
        """Fit the transformer to X, and the density to the transformed X.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Training data, finite numbers.
        y : None
            Ignored, present for API consistency.
        **fit_params : dict
            Passed to `fit` of the density, for example ``sample_weight``. With
            ``sklearn.set_config(enable_metadata_routing=True)``, passed to `fit` of the
            transformer and of the density as each of them requests.

        Returns
        -------
        TransformedDensity
            The fitted estimator.

        Raises
        ------
        TypeError
            If no log-determinant is known for the transformer.
        ValueError
            If X contains NaN or inf or is outside the domain of the transformer, or if the
            transformer admits no density in the original units, see `log_abs_det`. Errors of
            the transformer and the density are raised as they are.
        """
        X = self._validate(X, reset=True)
        params = self._routed(fit_params)
        transformer = (
            FunctionTransformer() if isinstance(self.transformer, str) else clone(self.transformer)
        )
        transformer.fit(deepcopy(X), **params.transformer.fit)
        log_abs_det(transformer, _safe_indexing(X, [0]))  # raises if there is none
        _check_domain(transformer, X)
        Z = transformer.transform(deepcopy(X))
        check_square(transformer, self.n_features_in_, Z.shape[1])
        self.density_ = clone(self.density).fit(Z, **params.density.fit)
        self.transformer_ = transformer
        return self

    def score_samples(self, X: ArrayLike) -> np.ndarray:
        """Log-likelihood of each sample, in the original units.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Data, in the units of the training data.

        Returns
        -------
        ndarray of shape (n_samples,)
            The values log p(x) in nats, for a density in the units of the columns; −inf
            outside the domain of the transformer.
        """
        check_is_fitted(self)
        X = self._validate(X, reset=False)
        inside = in_domain(self.transformer_, X)
        log_p = np.full(len(inside), -np.inf)
        if inside.any():
            X = _safe_indexing(X, inside)
            log_det = log_abs_det(self.transformer_, X)
            log_p[inside] = log_det + self.density_.score_samples(self.transformer_.transform(X))
        return log_p

    def score(self, X: ArrayLike, y: Any = None, sample_weight: ArrayLike | None = None) -> float:
        """Mean log-likelihood, in nats per sample.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Data, in the units of the training data.
        y : None
            Ignored, present for API consistency.
        sample_weight : array-like of shape (n_samples,), optional
            Sample weights.

        Returns
        -------
        float
            The (weighted) mean of ``score_samples(X)``, whatever `score` of the inner density
            returns; not the sum, as ``KernelDensity.score`` is.
        """
        scores = self.score_samples(X)
        weights = _check_sample_weight(sample_weight, X, ensure_non_negative=True)
        return float(np.average(scores, weights=weights))

    @available_if(_density_can_sample)
    @own_settings()
    def sample(
        self, n_samples: int = 1, random_state: int | np.random.RandomState | None = None
    ) -> np.ndarray:
        """Sample from the density and apply the inverse of the transformer.

        Available if the density has `sample`.

        Parameters
        ----------
        n_samples : int, default=1
            Number of samples.
        random_state : int, RandomState instance or None, default=None
            Seed of the samples; None gives different samples at every call, whatever
            `random_state` the density has.

        Returns
        -------
        ndarray of shape (n_samples, n_features)
            Samples in the units of X. Samples of the density outside the image of the
            transformer are replaced.

        Raises
        ------
        TypeError
            If the transformer has no `inverse_transform`.
        ValueError
            If nearly all samples of the density lie outside the image of the transformer.
        """
        check_is_fitted(self)
        n_samples = check_count("n_samples", n_samples)
        rng = check_random_state(random_state)
        return sample_original_units(self.transformer_, self.density_, n_samples, rng)

    def get_metadata_routing(self) -> MetadataRouter:
        """Metadata routing of this object.

        Returns
        -------
        MetadataRouter
            The parameters that `fit` passes to the transformer and to the density; see the
            metadata routing guide of scikit-learn.
        """
        return (
            MetadataRouter(owner=type(self).__name__)
            .add_self_request(self)
            .add(
                transformer=self.transformer,
                density=self.density,
                method_mapping=MethodMapping().add(caller="fit", callee="fit"),
            )
        )

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "density_")

    def _routed(self, fit_params: dict[str, Any]) -> Bunch:
        if get_config()["enable_metadata_routing"]:
            return process_routing(self, "fit", **fit_params)
        return Bunch(transformer=Bunch(fit={}), density=Bunch(fit=fit_params))

    def _validate(self, X: ArrayLike, reset: bool) -> Any:
        """X in float64, or X itself if it is a dataframe with names that were seen in `fit`."""
        with explained_conversion(X):
            rows = validate_data(self, X, reset=reset, dtype=np.float64, ensure_all_finite=False)
        check_finite(rows, getattr(self, "feature_names_in_", None))
        named = hasattr(self, "feature_names_in_") and hasattr(X, "columns")
        return X if named else rows


def _check_domain(transformer: Any, X: Any) -> None:
    outside = np.flatnonzero(~in_domain(transformer, X))
    if len(outside):
        row = np.asarray(_safe_indexing(X, outside[:1]))[0]
        raise ValueError(
            f"Row {outside[0]} of X, {row}, is outside the domain of "
            f"{type(transformer).__name__} (as are {len(outside) - 1} more): it is not mapped to "
            "finite numbers. Drop such rows, or use a transformer that is defined for all numbers."
        )
