"""Which family ``flow="auto"`` stands for: what the columns of a fit need."""

from collections.abc import Callable, Sequence
from typing import Any

from sklearn.base import BaseEstimator

from skflow.data.support import Support
from skflow.flows.families import ANY_ORDER, DEFAULT_FAMILY
from skflow.preprocessing.dataset import WeightedDataset
from skflow.preprocessing.supports import why_any_order

Family = str | Callable[..., Any]  # as users pass it


def resolved_flow(flow: Family, data: WeightedDataset, supports: Sequence[Support]) -> Family:
    """The family of a fit to samples whose columns have some supports."""
    if flow != "auto":
        return flow
    has_holes = bool(data.x.isnan().any())
    return ANY_ORDER if has_holes or _need_any_order(supports) else DEFAULT_FAMILY


def _need_any_order(supports: Sequence[Support]) -> bool:
    """Whether columns without holes have atoms, categories or lattices.

    A single column of whole numbers has exact probabilities in other families as well.
    """
    if len(supports) == 1:
        return bool(supports[0].atoms or why_any_order(supports[0]))
    return any(support.is_discrete or support.states for support in supports)


class WithFlow:
    """The parameters of an estimator, with the family that its `flow` stands for."""

    def __init__(self, parameters: BaseEstimator, flow: Family):
        self._parameters, self.flow = parameters, flow

    def __getattr__(self, name: str) -> Any:
        return getattr(self._parameters, name)
