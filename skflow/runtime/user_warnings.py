"""Warnings that point to the user's line, and some that are shown there once.

Python's own record, by which the action "default" shows a text once at each place, is void as soon
as any library enters ``warnings.catch_warnings``. A search does so for each fit.
"""

import sys
import warnings
from types import FrameType

_NOT_THE_USERS = ("skflow", "sklearn", "contextlib")
_MAX_REMEMBERED = 1000
_shown: set[tuple[str, str, int]] = set()


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


def warn_once(message: str, category: type[Warning]) -> None:
    """Issue a warning, unless Python's filters say "default" and it was shown at this place.

    Parameters
    ----------
    message : str
    category : type
        Class of the warning, which points to the line outside of skflow that led to it.
    """
    level, place = user_frame()
    key = (message, place.f_code.co_filename, place.f_lineno)
    module = place.f_globals.get("__name__", "")
    if key in _shown and _action(message, category, module, place.f_lineno) == "default":
        return
    if len(_shown) >= _MAX_REMEMBERED:
        _shown.clear()
    _shown.add(key)
    warnings.warn(message, category, stacklevel=level)


def _action(message: str, category: type[Warning], module: str, line: int) -> str:
    """What Python's filters say about a warning."""
    for action, text, kind, place, at in warnings.filters:
        matches = (text is None or _match(text, message)) and issubclass(category, kind)
        if matches and (place is None or _match(place, module)) and at in (0, line):
            return str(action)
    return "default"


def _match(pattern: object, text: str) -> bool:
    """Whether a pattern of a filter, a string in some of Python's own filters, matches."""
    return pattern == text if isinstance(pattern, str) else bool(pattern.match(text))  # type: ignore[attr-defined]
