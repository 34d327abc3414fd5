"""The error is public, and an AssertionError."""

import pickle

import skflow.testing
from skflow.testing import DensityCheckError


def test_the_error_belongs_to_the_public_module():
    assert issubclass(DensityCheckError, AssertionError)
    assert DensityCheckError.__module__ == "skflow.testing"
    again = pickle.loads(pickle.dumps(DensityCheckError("∫ p = 2")))
    assert type(again) is skflow.testing.DensityCheckError
    assert str(again) == "∫ p = 2"
