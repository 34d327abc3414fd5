"""TransformedDensity: a density behind a transformer, in the original units."""

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
from skflow.compose.inverse_transform import draw
from skflow.compose.log_dets import log_abs_det
from skflow.compose.transformer_checks import check_square
from skflow.data.validation import check_count, check_finite, explained_conversion


def _density_can_sample(estimator: "TransformedDensity") -> bool:
    return hasattr(getattr(estimator, "density_", estimator.density), "sample")


class TransformedDensity(DensityMixin, BaseEstimator):
    """A density of transformed rows, in the units of the original ones.

    In ``Pipeline([scaler, density])``, `score_samples` is the density of the scaled rows: it
    is per scaled unit, does not integrate to 1 over the original columns, and is the higher
    the more the scaler shrinks. With z what the transformer makes of x,

        ``log p(x) = log p(z) + log |det ∂z/∂x|``

    is the density of the rows as they were, so that transformers can be compared, and
    searched over, by held-out log-likelihood.

    Parameters
    ----------
    transformer : transformer or "passthrough"
        Maps d columns to d, invertibly; see `log_abs_det` for those that are known, and for
        how to add others. "passthrough" leaves the rows as they are.
    density : estimator
        A density estimator: anything with ``fit(X)`` and ``score_samples(X)``, such as
        KernelDensity, GaussianMixture or NormalizingFlowDensity.

    Attributes
    ----------
    transformer_ : transformer
        The fitted transformer.
    density_ : estimator
        The density of the transformed rows.
    n_features_in_ : int
        Number of columns seen in `fit`.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the columns, where X had string names.

    See Also
    --------
    log_abs_det : The log-determinants, and how to register one.
    skflow.metrics.mean_log_likelihood : One scale for all densities.
    sklearn.compose.TransformedTargetRegressor : The same for a regressor's target.

    Notes
    -----
    The density integrates to the mass that the inner one puts where the transformer maps to.
    That is 1 for scalers, PCA and the logarithm. It is less where the transformer reaches
    only a part of the numbers:

    - PowerTransformer, for most powers, reaches no further than a bound. What lies beyond is
      the image of no row, and `sample` leaves it out.
    - QuantileTransformer maps to [0, 1], or to ±5.2 where its output is normal, and jumps at
      repeated values. What lies beyond, and in the jumps, goes back to single values: the
      smallest and the largest training value, and the repeated ones. `sample` draws them,
      while the density counts only what lies between. A row beyond the training rows has
      density 0 and the score −inf.

    A row outside the domain of a function, as of the logarithm, has the score −inf as well.

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

    @_fit_context(prefer_skip_nested_validation=False)  # the inner ones are not validated yet
    def fit(self, X: ArrayLike, y: Any = None, **fit_params: Any) -> Self:
        """Fit the transformer, and the density on what it makes of X.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows of finite numbers.
        y : None
            Ignored; there for the pipeline's sake.
        **fit_params : dict
            Passed to the density's `fit`, for example ``sample_weight``. With
            ``sklearn.set_config(enable_metadata_routing=True)``, passed to the transformer's
            and the density's as they request.

        Returns
        -------
        TransformedDensity
            The estimator itself.

        Raises
        ------
        TypeError
            Where no log-determinant is known for the transformer.
        ValueError
            Where X has NaN or inf, or is outside the domain of the transformer, or where the
            transformer leaves no density in the original units, see `log_abs_det`; and what
            the transformer and the density raise.
        """
        X = self._validate(X, reset=True)
        params = self._routed(fit_params)
        transformer = (
            FunctionTransformer() if isinstance(self.transformer, str) else clone(self.transformer)
        )
        transformer.fit(deepcopy(X), **params.transformer.fit)
        log_abs_det(transformer, _safe_indexing(X, [0]))  # raises, where there is none
        _check_domain(transformer, X)
        Z = transformer.transform(deepcopy(X))
        check_square(transformer, self.n_features_in_, Z.shape[1])
        self.density_ = clone(self.density).fit(Z, **params.density.fit)
        self.transformer_ = transformer
        return self

    def score_samples(self, X: ArrayLike) -> np.ndarray:
        """Log-likelihood of each row, in the original units.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows, in the units in which the estimator was fitted.

        Returns
        -------
        ndarray of shape (n_samples,)
            The values log p(x) in nats, for a density over the columns' own units; −inf where
            the transformer leaves no density.
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
        """Mean log-likelihood a row, in nats.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows, in the units in which the estimator was fitted.
        y : None
            Ignored.
        sample_weight : array-like of shape (n_samples,), optional
            Weights of the rows.

        Returns
        -------
        float
            The (weighted) mean of ``score_samples(X)``, whatever the inner density's `score`
            is; not the sum, which ``KernelDensity`` returns.
        """
        scores = self.score_samples(X)
        weights = _check_sample_weight(sample_weight, X, ensure_non_negative=True)
        return float(np.average(scores, weights=weights))

    @available_if(_density_can_sample)
    def sample(
        self, n_samples: int = 1, random_state: int | np.random.RandomState | None = None
    ) -> np.ndarray:
        """Draw rows: from the density, and back through the transformer.

        There where the density has a `sample`.

        Parameters
        ----------
        n_samples : int, default=1
            Number of rows.
        random_state : int, RandomState instance or None, default=None
            Seed of the draws; None gives fresh rows at every call, whatever `random_state`
            the density has.

        Returns
        -------
        ndarray of shape (n_samples, n_features)
            Rows in the units of X. Draws that are the image of no row are drawn again.

        Raises
        ------
        TypeError
            Where the transformer has no `inverse_transform`.
        ValueError
            Where next to no draw is the image of a row.
        """
        check_is_fitted(self)
        n_samples = check_count("n_samples", n_samples)
        rng = check_random_state(random_state)
        return draw(self.transformer_, self.density_, n_samples, rng)

    def get_metadata_routing(self) -> MetadataRouter:
        """Which parameters `fit` passes to the transformer and to the density.

        Returns
        -------
        MetadataRouter
            As scikit-learn's guide to metadata routing describes it.
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
        """X in float64, or X itself where it is a frame whose columns the parts know by name."""
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
            "finite numbers. Drop such rows, or take a transformer for all numbers."
        )
