"""Exceptions and warnings of skflow, in classes of their own so that they can be caught."""

import sys
import warnings
from types import FrameType

_NOT_THE_USERS = ("skflow", "sklearn", "contextlib")


class DegenerateColumnWarning(UserWarning):
    """A column that no density describes well: ties, a bound, odd values, a function of others."""

    __module__ = "skflow"


class UnreliablePredictionWarning(UserWarning):
    """A prediction that the data do not determine.

    A class of a row outside the support, or a mean of very heavy tails.
    """

    __module__ = "skflow"


class InvalidFileError(ValueError):
    """A file that ``skflow.save`` did not write or that was altered; nothing was loaded."""

    __module__ = "skflow"


def warn_user(message: str, category: type[Warning]) -> None:
    """Issue a warning that points to the line outside of skflow which led to it."""
    level, _ = user_frame()
    warnings.warn(message, category, stacklevel=level)


def user_frame() -> tuple[int, FrameType]:
    """The line outside of skflow that called the caller, and its stack level seen from there."""
    level, frame = 1, sys._getframe(1)
    while frame.f_back is not None and _is_inside(frame):
        level, frame = level + 1, frame.f_back
    return level, frame


def _is_inside(frame: FrameType) -> bool:
    return frame.f_globals.get("__name__", "").partition(".")[0] in _NOT_THE_USERS
