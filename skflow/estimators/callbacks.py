"""scikit-learn's callbacks, which are experimental there: for those versions that have them."""

from collections.abc import Iterable, Iterator
from typing import Any, TypeVar

try:
    from sklearn.callback import CallbackSupportMixin
except ImportError:  # before scikit-learn 1.9

    class CallbackSupportMixin:  # type: ignore[no-redef]
        """Nothing to support."""


Update = TypeVar("Update")


class CallbackMixin(CallbackSupportMixin):
    """Calls the callbacks that `set_callbacks` was given: a task for the fit, one for a check.

    A callback that returns True at the end of a check ends training, with the best weights so
    far. `sklearn.base._fit_context` tears them down.
    """

    def _begin_callbacks(self) -> None:
        if hasattr(self, "_init_callback_context"):
            context = self._init_callback_context(max_subtasks=None)
            context.call_on_fit_task_begin(estimator=self)

    def _end_callbacks(self) -> None:
        context = getattr(self, "_callback_fit_ctx", None)
        if context is not None:
            context.call_on_fit_task_end(estimator=self)

    def _told(self, updates: Iterable[Update]) -> Iterator[Update]:
        """Pass updates on, and tell the callbacks of each."""
        context: Any = getattr(self, "_callback_fit_ctx", None)
        for update in updates:
            yield update
            if context is not None:
                task = context.subcontext(task_name="check")
                task.call_on_fit_task_begin(estimator=self)
                if task.call_on_fit_task_end(estimator=self):
                    return
