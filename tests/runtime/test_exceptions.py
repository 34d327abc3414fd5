"""Exceptions and warnings: public, picklable, and caught as the built-in classes they extend."""

import pickle

import pytest

import skflow
from skflow.runtime import exceptions


@pytest.mark.parametrize(
    ("name", "base"),
    [
        ("DegenerateColumnWarning", UserWarning),
        ("EmptyRowWarning", UserWarning),
        ("UnreliablePredictionWarning", UserWarning),
        ("InvalidFileError", ValueError),
    ],
)
def test_classes_are_those_of_skflow(name, base):
    kind = getattr(skflow, name)
    assert kind is getattr(exceptions, name)
    assert issubclass(kind, base)
    assert kind.__module__ == "skflow"
    copied = pickle.loads(pickle.dumps(kind("message")))
    assert type(copied) is kind
    assert copied.args == ("message",)
