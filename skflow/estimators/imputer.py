"""NormalizingFlowImputer: a transformer that replaces missing cells."""

from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, TransformerMixin, _fit_context, clone
from sklearn.utils import Tags
from sklearn.utils._param_validation import HasMethods, MissingValues
from sklearn.utils.validation import _check_feature_names_in, check_is_fitted

from skflow.data.column_labels import column_labels, column_name
from skflow.data.nan_policy import COMPLETE, HOLES
from skflow.data.validation import check_finite
from skflow.estimators.density import NormalizingFlowDensity
from skflow.estimators.imputation import in_container_of
from skflow.estimators.parameters import Seed
from skflow.estimators.validated_rows import validated_rows
from skflow.runtime.own_settings import OwnSettingsMixin
from skflow.runtime.user_warnings import warn_user


class NormalizingFlowImputer(OwnSettingsMixin, TransformerMixin, BaseEstimator):
    """Imputation of missing values by a density of all columns, fitted to the observed cells.

    Each missing cell becomes a likely value given the observed cells of its row or, with
    `sample_posterior`, all missing cells of a row are drawn together from their distribution
    given these. The density learns from rows with holes, too, and takes categories, whole
    numbers, angles and values with a probability of their own for what they are, if its
    `support` declares them. Whether a cell is missing may depend on observed cells, but not on
    the missing value itself.

    Parameters
    ----------
    density : NormalizingFlowDensity or None, default=None
        The density to fit, with ``flow="any_order"``, which "auto" stands for here. None means
        ``NormalizingFlowDensity(flow="any_order", effort="fast")``.
    sample_posterior : bool, default=False
        Whether to draw the missing cells instead of replacing them by likely values. Draws keep
        the scatter of columns and their dependence; several draws with different seeds are a
        multiple imputation.
    missing_values : float, default=np.nan
        The value that stands for a missing cell. None, ``pandas.NA``, nulls and masked cells are
        NaN.
    add_indicator : bool, default=False
        Whether to add columns that say which cells were missing, for the columns with missing
        cells in `fit`; see `sklearn.impute.MissingIndicator`.
    keep_empty_features : bool, default=False
        Whether columns without any observed cell in `fit` are kept, with 0 in missing cells.
        Otherwise they are left out of the result, with a warning.
    random_state : int, RandomState instance or None, default=None
        Determines the draws, and the fit of a density without a `random_state` of its own.

    Attributes
    ----------
    density_ : NormalizingFlowDensity
        The fitted density of all columns with an observed cell.
    indicator_ : sklearn.impute.MissingIndicator or None
        The indicator of missing cells; None unless `add_indicator`.
    n_features_in_ : int
        Number of columns of X.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the columns of X. Defined only if X has column names that are all strings.

    See Also
    --------
    NormalizingFlowDensity.impute : The same with a density at hand, and several draws at once.
    sklearn.impute.IterativeImputer : Regression of each column on the others.
    sklearn.impute.KNNImputer : Means of similar rows.

    Examples
    --------
    >>> import numpy as np
    >>> from skflow import NormalizingFlowDensity, NormalizingFlowImputer
    >>> rng = np.random.default_rng(0)
    >>> x = rng.normal(size=300)
    >>> X = np.column_stack([x, 2 * x + 0.1 * rng.normal(size=300)])
    >>> X[::10, 1] = np.nan
    >>> density = NormalizingFlowDensity(flow="any_order", effort="fast", max_iter=2, tol=10)
    >>> imputer = NormalizingFlowImputer(density, random_state=0).fit(X)
    >>> imputer.transform([[1.0, np.nan]]).round(1)
    array([[1., 2.]])
    """

    # numpydoc ignore=PR02
    __module__ = "skflow"

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "density": [HasMethods(["fit", "impute"]), None],
        "sample_posterior": ["boolean"],
        "missing_values": [MissingValues(numeric_only=True)],
        "add_indicator": ["boolean"],
        "keep_empty_features": ["boolean"],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        density: NormalizingFlowDensity | None = None,
        *,
        sample_posterior: bool = False,
        missing_values: float = np.nan,
        add_indicator: bool = False,
        keep_empty_features: bool = False,
        random_state: Seed = None,
    ) -> None:
        self.density = density
        self.sample_posterior = sample_posterior
        self.missing_values = missing_values
        self.add_indicator = add_indicator
        self.keep_empty_features = keep_empty_features
        self.random_state = random_state

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = self._missing_is_nan
        return tags

    @_fit_context(prefer_skip_nested_validation=False)
    def fit(self, X: ArrayLike, y: Any = None) -> Self:
        """Fit the density to the observed cells of X.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Training data, with `missing_values` in cells that were not observed.
        y : None
            Ignored, present for API consistency.

        Returns
        -------
        NormalizingFlowImputer
            The fitted imputer.

        Raises
        ------
        ValueError
            If X contains infinity, if fewer than two rows have an observed cell, or if the flow
            of the density is not "any_order".

        Warns
        -----
        UserWarning
            If a column without any observed cell is left out.
        """
        rows = self._validated(X, reset=True)
        self._is_observed = ~np.isnan(rows).all(axis=0)
        if not self._is_observed.any():
            raise ValueError("X has no observed cell: all of its values are missing.")
        self._warn_about_empty_columns(column_labels(X))
        density = self._new_density().fit(
            in_container_of(X, rows[:, self._is_observed], self._is_observed)
        )
        density.marginal([0])  # raises if the flow cannot impute
        self.density_ = density
        self.indicator_ = None
        if self.add_indicator:
            from sklearn.impute import MissingIndicator  # here, as it takes long to import

            self.indicator_ = MissingIndicator(error_on_new=False).fit(rows)
        return self

    def transform(self, X: ArrayLike) -> np.ndarray:
        """Replace the missing cells of X.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Samples with `missing_values` in the cells to be imputed.

        Returns
        -------
        ndarray of shape (n_samples, n_features_out)
            The completed rows, and after them the columns of the indicator if there is one.
        """
        check_is_fitted(self)
        rows = self._validated(X, reset=False)
        out = np.where(np.isnan(rows), 0.0, rows)
        known = in_container_of(X, rows[:, self._is_observed], self._is_observed)
        out[:, self._is_observed] = np.asarray(self._completed(known))
        out = out[:, self._is_kept]
        if self.indicator_ is None:
            return out
        return np.hstack([out, self.indicator_.transform(rows).astype(out.dtype)])

    def get_feature_names_out(self, input_features: ArrayLike | None = None) -> np.ndarray:
        """Return the names of the columns of the result.

        Parameters
        ----------
        input_features : array-like of str or None, default=None
            Names of the columns of X; None means those seen in `fit`, else "x0", "x1", ….

        Returns
        -------
        ndarray of str
            The names.
        """
        check_is_fitted(self)
        names = _check_feature_names_in(self, input_features)
        kept: np.ndarray = names[self._is_kept]
        if self.indicator_ is None:
            return kept
        return np.concatenate([kept, self.indicator_.get_feature_names_out(names)])

    @property
    def _missing_is_nan(self) -> bool:
        return isinstance(self.missing_values, float) and bool(np.isnan(self.missing_values))

    @property
    def _is_kept(self) -> np.ndarray:
        """Which columns of X are in the result."""
        return self._is_observed | self.keep_empty_features

    def _new_density(self) -> NormalizingFlowDensity:
        if self.density is None:
            density = NormalizingFlowDensity(flow="any_order", effort="fast")
        else:
            density = clone(self.density)
            if density.flow == "auto":  # without holes, that is a flow that cannot impute
                density.set_params(flow="any_order")
        if density.random_state is None:
            density.set_params(random_state=self.random_state)
        return density

    def _completed(self, table: Any) -> np.ndarray:
        """The columns of the density, without holes."""
        if self.sample_posterior:
            draws: np.ndarray = self.density_.impute(table, 1, self.random_state)[0]
            return draws
        return np.asarray(self.density_.impute(table))

    def _validated(self, X: Any, reset: bool) -> np.ndarray:
        """X in float64, NaN where a cell is missing."""
        nan = HOLES if self._missing_is_nan else COMPLETE
        rows = validated_rows(self, X, nan, reset)
        check_finite(rows, column_labels(X), nan=nan)
        return (
            rows if self._missing_is_nan else np.where(rows == self.missing_values, np.nan, rows)
        )

    def _warn_about_empty_columns(self, labels: np.ndarray | None) -> None:
        empty = np.flatnonzero(~self._is_observed)
        if len(empty) and not self.keep_empty_features:
            names = ", ".join(column_name(labels, int(j)) for j in empty)
            warn_user(
                f"Columns without any observed cell are left out of the result: {names}. "
                "keep_empty_features=True keeps them, as 0.",
                UserWarning,
            )
