"""A text is shown once at each place, although other libraries void Python's record."""

import warnings

import pytest

from skflow.runtime.user_warnings import warn_once


def shown(action, texts, **where):
    """The texts that are shown, at the line of this function's loop."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        warnings.filterwarnings(action, category=UserWarning, **where)
        for text in texts:
            with warnings.catch_warnings():  # as in each fit of a search
                warn_once(text, UserWarning)
    return [str(warning.message) for warning in caught]


def test_by_default_once():
    assert shown("default", ["a", "b", "a", "b"]) == ["a", "b"]


def test_as_often_as_filters_say():
    assert shown("always", ["c", "c"]) == ["c", "c"]
    assert shown("ignore", ["d", "d"]) == []
    assert shown("default", ["e", "e"], message="another") == ["e", "e"]
    assert shown("default", ["f", "f"], message="f", module="another") == ["f", "f"]
    with pytest.raises(UserWarning, match="g"):
        shown("error", ["g"])


def test_once_at_each_place():
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("default")
        for _ in range(2):
            warn_once("h", UserWarning)
            warn_once("h", UserWarning)
    assert len(caught) == 2
    assert {warning.filename for warning in caught} == {__file__}
