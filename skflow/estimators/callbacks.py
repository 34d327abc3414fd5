"""Support for scikit-learn's callbacks, which are experimental, in versions that have them."""

from collections.abc import Iterable, Iterator
from typing import Any, TypeVar

try:
    from sklearn.callback import CallbackSupportMixin
except ImportError:  # before scikit-learn 1.9

    class CallbackSupportMixin:  # type: ignore[no-redef]
        """Placeholder without callbacks."""


Update = TypeVar("Update")


class CallbackMixin(CallbackSupportMixin):
    """Calls the callbacks registered with `set_callbacks`.

    The fit is one task, and each validation check a subtask. If a callback returns True at the
    end of a check, training ends with the best weights so far. `sklearn.base._fit_context` tears
    the callbacks down.
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
        """Yield the updates of training, and call the callbacks after each of them."""
        context: Any = getattr(self, "_callback_fit_ctx", None)
        for update in updates:
            yield update
            if context is not None:
                task = context.subcontext(task_name="check")
                task.call_on_fit_task_begin(estimator=self)
                if task.call_on_fit_task_end(estimator=self):
                    return
