"""Tables that users pass as X: validated rows in float64, or a source of them."""

from abc import abstractmethod
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike
from sklearn import get_config
from sklearn.utils import Tags

from skflow.data.column_labels import Names, column_labels
from skflow.data.nan_policy import COMPLETE, COMPLETE_IN_THIS_FLOW, HOLES, NanPolicy
from skflow.data.sources import Source, source_of
from skflow.data.validation import check_finite
from skflow.estimators.fitted_density import FittedDensity
from skflow.estimators.validated_rows import validated_rows
from skflow.fitting.defaults import Task
from skflow.fitting.warm_start import FittedColumns, check_same_columns
from skflow.flows.any_order.any_order_density import AnyOrderDensity
from skflow.flows.families import ANY_ORDER


class TableInput(FittedDensity):
    """The validation of tables, in which NaN is an error unless the flow takes holes.

    `_task` says what a density is fitted for: conditional on what, robust or not.
    """

    _task: ClassVar[Task] = Task()

    @property
    def _takes_holes(self) -> bool:
        """Whether NaN in X is a cell that was not observed; rows to predict for are complete."""
        is_named = isinstance(self.flow, str) and self.flow in (ANY_ORDER, "auto")
        return is_named and self._task.context != "numbers"

    def _nan_policy(self, reset: bool) -> NanPolicy:
        """What NaN is in a fit, or in predictions: "auto" may have led to another family."""
        if self._task.context == "numbers":
            return COMPLETE
        is_complete = not reset and not isinstance(self.flow_, AnyOrderDensity)
        return HOLES if self._takes_holes and not is_complete else COMPLETE_IN_THIS_FLOW

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = self._takes_holes
        return tags

    def _opened(self, X: Any, reset: bool) -> np.ndarray | Source:
        """Validated rows, or a source of rows, each of which is checked when it is read."""
        source = source_of(X)
        if source is None:
            return self._validate(X, reset)
        source.nan = self._nan_policy(reset)
        self._validate(source.head(), reset)
        return source

    def _validate(self, X: ArrayLike, reset: bool) -> np.ndarray:
        """X in float64, its width and names checked, free of inf, and of NaN if it is an error."""
        nan = self._nan_policy(reset)
        earlier = self._columns_to_continue() if reset else None
        rows = validated_rows(self, X, nan, reset)
        if earlier is not None:
            check_same_columns(earlier, self._columns_to_continue())
        if not get_config()["assume_finite"]:
            check_finite(rows, self._names(X, rows), nan=nan)
        return rows

    def _names(self, X: Any, rows: np.ndarray | Source) -> Names:
        """The labels of the columns of X: its own ones, or the names that were seen in `fit`."""
        labels = rows.names if isinstance(rows, Source) else column_labels(X)
        return getattr(self, "feature_names_in_", None) if labels is None else labels

    @abstractmethod
    def _columns_to_continue(self) -> FittedColumns | None:
        """The columns of X, if a fit is continued."""
