"""The version: one string, in the form that packaging tools accept."""

import re

import skflow
from skflow.runtime import version


def test_version_is_public_and_canonical():
    assert skflow.__version__ == version.__version__
    assert re.fullmatch(r"\d+\.\d+\.\d+((a|b|rc)\d+)?(\.dev\d+)?", version.__version__)
