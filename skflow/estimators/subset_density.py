"""SubsetDensity: some columns of a fitted density, given others."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils import Tags, get_tags

from skflow.data.column_labels import label_of
from skflow.data.nan_policy import HOLES
from skflow.data.sample_weights import check_weights
from skflow.data.support import Support
from skflow.data.unsupported_values import check_not_masked
from skflow.data.validation import check_count, check_finite
from skflow.estimators.fitted_density import FittedDensity
from skflow.estimators.given_cells import (
    NamedColumns,
    given_row,
    given_rows,
    named_columns,
    selected_columns,
)
from skflow.estimators.imputation import in_container_of
from skflow.estimators.parameters import Seed
from skflow.estimators.validated_rows import validated_rows
from skflow.preprocessing.supports import check_given
from skflow.runtime.own_settings import OwnSettingsMixin


class SubsetDensity(OwnSettingsMixin):
    """Density of some columns of a fitted density, marginal or given values of other columns.

    It is returned by ``condition`` and ``marginal`` of a `NormalizingFlowDensity` whose flow is
    "any_order", and is a view of that density as it was then: nothing is fitted, and a later fit
    of the density does not change it. Save the density itself and condition it anew; pickle
    keeps both. Where columns have no names, indices are those of its own columns, from 0.

    Parameters
    ----------
    parent : NormalizingFlowDensity
        The fitted density.
    given : ndarray of shape (n_columns,)
        Values of the columns of the parent that are given, NaN for all others.
    columns : sequence of int
        The columns of the parent that it is a density of.

    Attributes
    ----------
    supports_ : list of Support
        The values that each column can take.
    n_features_in_ : int
        Number of columns.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the columns. Defined only if the parent was fitted with names.

    See Also
    --------
    NormalizingFlowDensity.condition : The density of all other columns given some.
    NormalizingFlowDensity.marginal : The density of some columns.

    Notes
    -----
    Scores and samples of a subset are those of one exact density of its columns. Those of
    different subsets fit together nearly: the network learns p(a), p(b | a) and p(a, b) apart,
    so that log p(a) + log p(b | a) may differ from log p(a, b) by some hundredths of a nat.

    Examples
    --------
    >>> import numpy as np
    >>> from skflow import NormalizingFlowDensity
    >>> rng = np.random.default_rng(0)
    >>> x = rng.normal(size=300)
    >>> X = np.column_stack([x, x + 0.5 * rng.normal(size=300)])
    >>> density = NormalizingFlowDensity(
    ...     flow="any_order", effort="fast", max_iter=2, tol=10, random_state=0
    ... ).fit(X)
    >>> conditional = density.condition({0: 1.0})
    >>> conditional
    SubsetDensity([1], given={0: 1.0})
    >>> conditional.sample(500, random_state=0).mean().round()
    np.float64(1.0)
    >>> conditional.score_samples([[1.0], [4.0]]).argmax()
    np.int64(0)
    """

    __module__ = "skflow"

    supports_: list[Support]

    def __init__(self, parent: FittedDensity, given: np.ndarray, columns: Sequence[int]):
        self._parent, self._given, self._columns = _as_it_is(parent), given, list(columns)
        own = named_columns(parent).take(columns)
        self.n_features_in_, self.supports_ = len(own), list(own.supports)
        if own.names is not None:
            self.feature_names_in_ = own.names

    def __repr__(self) -> str:
        names = named_columns(self._parent).names
        own = [label_of(names, j) for j in self._columns]
        known = {label_of(names, j): float(self._given[j]) for j in self._given_columns}
        return f"SubsetDensity({own!r}{f', given={known!r}' if known else ''})"

    def __sklearn_tags__(self) -> Tags:
        return get_tags(self._parent)

    def score_samples(self, X: ArrayLike) -> np.ndarray:
        """Compute the log-likelihood of each sample, given the given values.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Samples of the columns of this density, in their order. NaN is a cell that was not
            observed.

        Returns
        -------
        ndarray of shape (n_samples,)
            The log-density of the observed cells in nats, given the values that this density is
            conditional on; 0 for rows without any observed cell.
        """
        return self._parent._log_prob_given(
            self._full_rows(self._rows_of(X)), ~np.isnan(self._given)
        )

    def score(self, X: ArrayLike, y: Any = None, sample_weight: ArrayLike | None = None) -> float:
        """Compute the mean log-likelihood, in nats per sample.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Samples of the columns of this density.
        y : None
            Ignored, present for API consistency.
        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative sample weights.

        Returns
        -------
        float
            The (weighted) mean of ``score_samples(X)``.
        """
        check_not_masked(sample_weight, "sample_weight")
        scores = self.score_samples(X)
        weights = None if sample_weight is None else check_weights(sample_weight, len(scores))
        return float(np.average(scores, weights=weights))

    def sample(
        self,
        n_samples: int = 1,
        random_state: Seed = None,
        given: Mapping[Any, float] | ArrayLike | None = None,
    ) -> np.ndarray:
        """Generate random samples from the density.

        Parameters
        ----------
        n_samples : int, default=1
            Number of samples to generate, for each row of `given`.
        random_state : int, RandomState instance or None, default=None
            Random state of the samples. If None, every call returns different samples.
        given : dict or array-like of shape (n_rows, n_features), default=None
            Further values that samples have, of columns of this density, as in
            `NormalizingFlowDensity.sample`.

        Returns
        -------
        ndarray of shape (n_samples, n_features) or (n_rows * n_samples, n_features)
            Samples in the units of the columns, as float64.
        """
        n_samples = check_count("n_samples", n_samples)
        own = given_rows({} if given is None else given, self._own_columns)
        draws = self._parent._sample_given(
            self._full_rows(own), n_samples, random_state, self._columns
        )
        return draws[:, self._columns]

    def condition(self, given: Mapping[Any, float]) -> "SubsetDensity":
        """Return the density of the other columns, given values of some.

        Parameters
        ----------
        given : dict
            Values by names or indices of columns of this density, in addition to those that are
            given already. NaN means that the column is not given.

        Returns
        -------
        SubsetDensity
            The density of all columns of this one that are not given.
        """
        row = given_row(given, self._own_columns)
        left = [j for j, value in zip(self._columns, row, strict=True) if np.isnan(value)]
        if not left:
            raise ValueError(
                "given has a value for every column, so that there is no column left to be a "
                "density of. For the density at these values, use score_samples."
            )
        return SubsetDensity(self._parent, self._full_rows(row[np.newaxis])[0], left)

    def marginal(self, columns: Sequence[Any]) -> "SubsetDensity":
        """Return the density of some of the columns, whatever the others are.

        Parameters
        ----------
        columns : list of str or int
            Names or indices of columns of this density, in the order that is wanted.

        Returns
        -------
        SubsetDensity
            The density of these columns, given what this density is given.
        """
        index = selected_columns(columns, self._own_columns)
        return SubsetDensity(self._parent, self._given, [self._columns[j] for j in index])

    def impute(
        self, X: ArrayLike, n_draws: int | None = None, random_state: Seed = None
    ) -> np.ndarray:
        """Replace missing cells by likely values, or by draws.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Samples of the columns of this density, with NaN in the cells to be imputed.
        n_draws : int or None, default=None
            Number of completed tables; see `NormalizingFlowDensity.impute`.
        random_state : int, RandomState instance or None, default=None
            Random state of the draws.

        Returns
        -------
        ndarray of shape (n_samples, n_features) or (n_draws, n_samples, n_features)
            The completed rows, as a data frame like X if X is one and there are no draws.
        """
        return self._imputed_like(X, self._rows_of(X), n_draws, random_state)

    def _imputed_like(
        self, X: Any, rows: np.ndarray, n_draws: int | None, random_state: Seed
    ) -> Any:
        """Validated rows (n, k) of X without holes."""
        check_given(rows, self.supports_, self._own_columns.names, "X")
        full = self._full_rows(rows)
        if n_draws is None:
            return in_container_of(X, self._parent._imputed(full, self._columns)[:, self._columns])
        n_draws = check_count("n_draws", n_draws)
        draws = self._parent._sample_given(full, n_draws, random_state, self._columns)
        return draws[:, self._columns].reshape(len(rows), n_draws, -1).swapaxes(0, 1)

    @property
    def _given_columns(self) -> list[int]:
        return np.flatnonzero(~np.isnan(self._given)).tolist()

    @property
    def _own_columns(self) -> NamedColumns:
        return named_columns(self)

    def _rows_of(self, X: ArrayLike) -> np.ndarray:
        """Rows of the columns of this density, NaN where a cell is missing."""
        rows = validated_rows(self, X, HOLES, reset=False)
        check_finite(rows, self._own_columns.names, nan=HOLES)
        return rows

    def _full_rows(self, rows: np.ndarray) -> np.ndarray:
        """Rows (n, d) of the parent with those of this density and the given values."""
        full = np.tile(self._given, (len(rows), 1))
        full[:, self._columns] = rows
        return full


def _as_it_is(density: FittedDensity) -> FittedDensity:
    """A shallow copy of a fitted density, which a later fit of it does not change."""
    copy = object.__new__(type(density))
    copy.__dict__.update(vars(density))
    return copy
