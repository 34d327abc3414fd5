"""Pickles of fitted estimators: without torch classes, portable, and reproducible."""

import copy
import hashlib
import importlib
import io
import os
import pickle
import re
import subprocess
import sys
from pathlib import Path

import joblib
import numpy as np
import pytest
import torch

import skflow

SETTINGS = [
    {},
    {"safety_net": True},
    {"early_stopping": False},
    {"base": "normal", "marginals": None},
    {"marginals": "yeo-johnson"},
    {"hidden_layer_sizes": [8, 4]},
]


def assert_same_density(first, second, X):
    np.testing.assert_array_equal(first.score_samples(X), second.score_samples(X))
    np.testing.assert_array_equal(
        first.sample(20, random_state=0), second.sample(20, random_state=0)
    )


def test_every_family_survives_pickling(quick, moons, family):
    estimator = quick(flow=family).fit(moons)
    assert_same_density(pickle.loads(pickle.dumps(estimator)), estimator, moons)


@pytest.mark.parametrize("params", SETTINGS, ids=str)
def test_every_setting_survives_pickling(quick, moons, params):
    estimator = quick(**params).fit(moons)
    assert_same_density(pickle.loads(pickle.dumps(estimator)), estimator, moons)


def test_every_attribute_survives_pickling(quick, moons):
    estimator = quick().fit(moons)
    loaded = pickle.loads(pickle.dumps(estimator))
    assert vars(loaded).keys() == vars(estimator).keys()
    for name in vars(estimator):
        if name != "flow_":
            assert getattr(loaded, name) == getattr(estimator, name), name


def test_pickling_leaves_the_estimator_as_it_was(quick, moons):
    estimator = quick().fit(moons)
    before = dict(vars(estimator))
    pickle.dumps(estimator)
    assert vars(estimator) == before


def test_unfitted_estimators_pickle(quick):
    assert pickle.loads(pickle.dumps(quick())).get_params() == quick().get_params()


@pytest.mark.parametrize("mmap_mode", [None, "r"])
def test_joblib(quick, moons, tmp_path, mmap_mode):
    estimator = quick().fit(moons)
    joblib.dump(estimator, tmp_path / "density.joblib")
    loaded = joblib.load(tmp_path / "density.joblib", mmap_mode=mmap_mode)
    assert_same_density(loaded, estimator, moons)
    loaded.fit(moons)


def test_deepcopy_is_another_estimator(quick, moons, more_moons):
    estimator = quick().fit(moons)
    expected = estimator.score_samples(moons)
    twin = copy.deepcopy(estimator)
    assert_same_density(twin, estimator, moons)
    twin.fit(more_moons)
    np.testing.assert_array_equal(estimator.score_samples(moons), expected)


class NoTorch(pickle.Unpickler):
    """Loads the estimators of skflow, plain Python and numpy, and refuses everything else."""

    allowed = ("builtins", "collections", "numpy", "skflow")

    def find_class(self, module, name):
        if module.split(".")[0] not in self.allowed:
            raise pickle.UnpicklingError(f"{module}.{name} is in the pickle")
        return super().find_class(module, name)


@pytest.mark.parametrize("params", SETTINGS, ids=str)
def test_pickles_contain_no_torch_class(quick, moons, params):
    estimator = quick(**params).fit(moons)
    loaded = NoTorch(io.BytesIO(pickle.dumps(estimator))).load()
    assert_same_density(loaded, estimator, moons)


def test_no_torch_detects_torch_classes():
    with pytest.raises(pickle.UnpicklingError, match="torch"):
        NoTorch(io.BytesIO(pickle.dumps(torch.device("cpu")))).load()


def test_state_can_be_read_without_torch(quick, moons):
    def plain(value):
        if isinstance(value, dict):
            return all(plain(v) for item in value.items() for v in item)
        if isinstance(value, (list, tuple)):
            return all(plain(v) for v in value)
        return value is None or isinstance(value, (str, int, float, bool, np.ndarray, np.generic))

    assert plain(quick().fit(moons).__getstate__())


FIT_AND_HASH = """
import hashlib, pickle, sys
from skflow import NormalizingFlowDensity
X, = pickle.load(sys.stdin.buffer)
estimator = NormalizingFlowDensity(**{params!r}).fit(X)
print(hashlib.sha256(pickle.dumps(estimator)).hexdigest())
"""

LOAD_AND_SCORE = """
import pickle, sys
estimator, X = pickle.load(sys.stdin.buffer)
print(repr(estimator.score(X)))
"""


def in_another_process(program, *objects, hash_seed="random"):
    root = str(Path(skflow.__file__).parents[1])
    environment = os.environ | {
        "PYTHONHASHSEED": hash_seed,
        "PYTHONPATH": os.pathsep.join([root, os.environ.get("PYTHONPATH", "")]),
    }
    done = subprocess.run(
        [sys.executable, "-c", program],
        input=pickle.dumps(objects),
        env=environment,
        capture_output=True,
        check=True,
    )
    return done.stdout.decode().strip()


def test_a_fit_in_another_process_has_the_same_pickle(quick, moons):
    here = hashlib.sha256(pickle.dumps(quick().fit(moons))).hexdigest()
    program = FIT_AND_HASH.format(params=quick().get_params())
    assert in_another_process(program, moons, hash_seed="1") == here


def test_scores_are_the_same_in_another_process(quick, moons):
    estimator = quick().fit(moons)
    there = in_another_process(LOAD_AND_SCORE, estimator, moons)
    assert float(there) == estimator.score(moons)


def test_fit_on_an_absent_device_loads_on_the_cpu(quick, moons):
    estimator = quick().fit(moons)
    expected = estimator.score_samples(moons)
    estimator.device_ = torch.device("cuda:99")
    loaded = pickle.loads(pickle.dumps(estimator))
    assert torch.device(loaded.device_).type == "cpu"
    np.testing.assert_array_equal(loaded.score_samples(moons), expected)


def test_other_version_warns_and_still_works(quick, moons):
    estimator = quick().fit(moons)
    here = skflow.__version__
    other = here.translate(str.maketrans("0123456789", "9876543210"))
    as_bytes = pickle.dumps(estimator).replace(here.encode(), other.encode())
    with pytest.warns(UserWarning, match=f"(?s){re.escape(other)}.*{re.escape(here)}"):
        loaded = pickle.loads(as_bytes)
    assert_same_density(loaded, estimator, moons)


SHIFT_AND_MIX = """
import torch
from skflow.flows.bijections import Bijection, Chain, LULinear


class Shift(Bijection):
    def __init__(self, n_features, generator):
        super().__init__()
        self.by = torch.nn.Parameter(0.1 * torch.randn(n_features, generator=generator))

    def forward(self, x, context=None):
        return x + self.by.unsqueeze(-2), x.new_zeros(x.shape[:-1])

    def inverse(self, z, context=None):
        return z - self.by.unsqueeze(-2), z.new_zeros(z.shape[:-1])


def shift_and_mix(n_features, n_context, generator):
    return Chain([LULinear(n_features), Shift(n_features, generator)])
"""


@pytest.fixture
def users_module(tmp_path, monkeypatch):
    """A module outside skflow that defines a family."""
    (tmp_path / "users_flows.py").write_text(SHIFT_AND_MIX)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "users_flows", raising=False)
    yield importlib.import_module("users_flows")
    sys.modules.pop("users_flows", None)


def test_custom_family_is_pickled_by_its_name(quick, moons, users_module):
    estimator = quick(flow=users_module.shift_and_mix).fit(moons)
    as_bytes = pickle.dumps(estimator)
    del sys.modules["users_flows"]
    loaded = pickle.loads(as_bytes)
    assert "users_flows" in sys.modules
    assert_same_density(loaded, estimator, moons)


def test_skops_loads_with_the_classes_of_skflow_trusted(quick, moons):
    skops = pytest.importorskip("skops.io")
    estimator = quick().fit(moons)
    as_bytes = skops.dumps(estimator)
    untrusted = skops.get_untrusted_types(data=as_bytes)
    assert [name for name in untrusted if not name.startswith("skflow.")] == []
    loaded = skops.loads(as_bytes, trusted=untrusted)
    assert_same_density(loaded, estimator, moons)
