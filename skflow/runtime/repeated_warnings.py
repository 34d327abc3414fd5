"""Warnings that are shown once at each place, whatever happens to Python's record of them.

Python's own record, by which the action "default" shows a text once at each place, is void as soon
as any library enters ``warnings.catch_warnings``. A search does so for each fit.
"""

import warnings

from skflow.runtime.exceptions import user_frame

_MAX_REMEMBERED = 1000
_shown: set[tuple[str, str, int]] = set()


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
