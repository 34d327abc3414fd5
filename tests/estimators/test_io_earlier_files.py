"""Files written by earlier versions load, with the same predictions."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone

import skflow

FORMATS = sorted((Path(__file__).parent / "files").glob("format-*"))


@pytest.mark.filterwarnings("ignore:.*was saved by skflow:UserWarning")
@pytest.mark.parametrize("folder", FORMATS, ids=lambda folder: folder.name)
@pytest.mark.parametrize("name", ["density", "regressor", "classifier", "detector"])
def test_predictions_are_those_of_the_earlier_version(folder, name):
    expected = json.loads((folder / "expected.json").read_text())
    rows = pd.DataFrame(expected["rows"], columns=expected["columns"])
    estimator = skflow.load(folder / f"{name}.safetensors")
    assert clone(estimator).support is None  # a parameter missing in those files
    for method, answer in expected["answers"][name].items():
        said = getattr(estimator, method)(rows)
        if said.dtype.kind == "f":
            np.testing.assert_allclose(said, answer, rtol=1e-7, atol=1e-12)
        else:
            np.testing.assert_array_equal(said, answer)


def test_there_are_such_files():
    assert [folder.name for folder in FORMATS] == ["format-1"]
