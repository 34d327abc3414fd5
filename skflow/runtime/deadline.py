"""A deadline for work in many pieces, which asks between them whether it has passed."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_is_late: ContextVar[Callable[[], bool] | None] = ContextVar("is_late", default=None)


class OutOfTime(Exception):  # noqa: N818 - it ends work, and is never an error for a user
    """The deadline of the work under way has passed."""


@contextmanager
def deadline(is_late: Callable[[], bool]) -> Iterator[None]:
    """Let `check_time` raise in a ``with`` block as soon as `is_late` returns True."""
    token = _is_late.set(is_late)
    try:
        yield
    finally:
        _is_late.reset(token)


def check_time() -> None:
    """Raise `OutOfTime` if the work under way has a deadline that has passed.

    Long loops call this between two pieces of work, so that what they have done is lost but
    nothing is left half done.
    """
    is_late = _is_late.get()
    if is_late is not None and is_late():
        raise OutOfTime
