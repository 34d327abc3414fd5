"""The scripts of docs/benchmarks, on toy data and with toy fits."""

import importlib
import shutil
import sys
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch

import skflow

SCRIPTS = Path(__file__).parents[2] / "docs" / "benchmarks"
ESTIMATORS = [
    name
    for name in skflow.__all__
    if name.startswith("NormalizingFlow") and name != "NormalizingFlowImputer"
]
TINY = {"n_estimators": 1, "max_iter": 3, "tol": 10, "n_transforms": 1, "hidden_layer_sizes": 4}


@pytest.fixture(autouse=True)
def restored_threads():
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.fixture
def script(monkeypatch):
    """Import a script by name, as it imports itself if run from the command line.

    The estimators that it fits have few weights, and are trained for a few steps.
    """
    monkeypatch.syspath_prepend(SCRIPTS)
    names = [path.stem for path in SCRIPTS.glob("*.py")]
    for name in names:
        monkeypatch.delitem(sys.modules, name, raising=False)

    def load(name):
        module = importlib.import_module(name)
        for estimator in set(ESTIMATORS) & set(vars(module)):
            monkeypatch.setattr(module, estimator, partial(getattr(skflow, estimator), **TINY))
        return module

    yield load
    for name in names:
        sys.modules.pop(name, None)


def toy_arrays(n_columns):
    """80 samples of integers and real numbers, targets, and labels of a few outliers."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(80, n_columns))
    X[:, 1::2] = rng.integers(0, 360, size=X[:, 1::2].shape)
    return {"X": X, "y": X[:, 0] + rng.normal(size=80), "is_outlier": np.arange(80) % 10 == 0}


@pytest.fixture(scope="session")
def toy_data(tmp_path_factory):
    """A folder like that of the data sets, with toys under their names."""
    folder = tmp_path_factory.mktemp("data")
    for name in (
        *("faithful", "wine_red_rnade", "power_head_maf", "protein", "boston_rnade", "concrete"),
        *("ionosphere_rnade", "sdss_photometry", "annthyroid_ad", "nyc_flights", "shuttle_ad"),
        *("wine_red_raw", "cover_ad"),
    ):
        n_columns = {"wine_red_raw": 12, "boston_rnade": 10}.get(name, 2)
        arrays = toy_arrays(n_columns)
        if name == "ionosphere_rnade":
            arrays["y"] = arrays["is_outlier"]
        np.savez(folder / f"{name}.npz", **arrays)
    shutil.copy(Path(__file__).parent / "toy_densities.py", folder / "synthetic_densities.py")
    return folder
