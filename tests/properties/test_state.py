"""Pickles of fitted estimators, and settings of the caller, which change no number."""

import contextlib
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
import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from sklearn.preprocessing import PowerTransformer

import skflow
from skflow.compose import TransformedDensity
from skflow.metrics import neg_crps
from skflow.plotting import DensityDisplay

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


def test_every_family_survives_pickling(quick, moons, any_family):
    estimator = quick(flow=any_family).fit(moons)
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


@contextlib.contextmanager
def torch_setting(setter, value, default):
    """A global setting of torch, as a caller may have made it."""
    setter(value)
    try:
        yield
    finally:
        setter(default)


def of_dtype(dtype):
    return torch_setting(torch.set_default_dtype, dtype, torch.float32)


CALLERS = {
    "numpy raises": lambda: np.errstate(all="raise"),
    "numpy ignores": lambda: np.errstate(all="ignore"),
    "float64": lambda: of_dtype(torch.float64),
    "float16": lambda: of_dtype(torch.float16),
    "default device": lambda: torch_setting(torch.set_default_device, "meta", None),
    "device": lambda: torch.device("meta"),
    "inference mode": torch.inference_mode,
    "no_grad": torch.no_grad,
    "deterministic": lambda: torch_setting(torch.use_deterministic_algorithms, True, False),
    "autocast": lambda: torch.autocast("cpu", dtype=torch.bfloat16),
}
FEW = {
    "n_transforms": 1,
    "hidden_layer_sizes": 4,
    "n_bins": 3,
    "n_estimators": 2,
    "max_iter": 3,
    "tol": 10.0,
    "random_state": 0,
}


def numbers():
    """What fits of each kind compute, also far from the data."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(50, 2))
    y, labels, far = X[:, 0] ** 2, (X[:, 1] > 0).astype(int), 100 * X[:5]
    positive = np.column_stack([np.abs(X[:, 0]), np.abs(X[:, 1]).round(1) * 10])
    bounded = skflow.NormalizingFlowDensity(**FEW, support=["nonnegative", ("integer", 0, 40)])
    density = pickle.loads(pickle.dumps(bounded.fit(positive)))
    regressor = skflow.NormalizingFlowRegressor(**FEW).fit(X, y)
    classifier = skflow.NormalizingFlowClassifier(**FEW).fit(X, labels)
    detector = skflow.NormalizingFlowOutlierDetector(**FEW, contamination=0.1).fit(X)
    transformed = TransformedDensity(
        PowerTransformer(), skflow.NormalizingFlowDensity(**FEW, flow="flow_matching")
    ).fit(X)
    display = DensityDisplay.from_estimator(transformed, X[:, :2])
    return [
        density.score_samples(positive),
        density.sample(30, random_state=0),
        regressor.predict(X),
        regressor.predict_quantiles(far, [1e-6, 0.9]),
        regressor.log_prob(far, y[:5]),
        regressor.cdf(far, y[:5]),
        neg_crps(regressor, X[:9], y[:9], n_samples=8),
        classifier.predict_proba(far),
        classifier.sample(9, random_state=0)[0],
        detector.p_value(far),
        detector.decision_function(far),
        transformed.score_samples(X),
        transformed.sample(9, random_state=0),
        display.density,
    ]


@pytest.fixture(scope="module")
def expected_numbers():
    return numbers()


TOGETHER = [
    ("numpy raises", "float64", "device", "autocast"),
    ("numpy ignores", "float16", "default device", "inference mode", "deterministic"),
]


@pytest.mark.parametrize(
    "callers", [*TOGETHER, *(pytest.param([c], marks=pytest.mark.slow) for c in CALLERS)], ids=str
)
def test_settings_of_the_caller_change_no_number(expected_numbers, callers):
    with contextlib.ExitStack() as stack:
        for caller in callers:
            stack.enter_context(CALLERS[caller]())
        found = numbers()
    plt.close("all")
    for ours, theirs in zip(expected_numbers, found, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_settings_of_the_caller_change_no_family(quick, moons, any_family):
    fit = quick(flow=any_family, max_iter=2)
    expected = fit.fit(moons[:60]).score_samples(moons)
    with np.errstate(all="raise"), of_dtype(torch.float64), torch.device("meta"):
        np.testing.assert_array_equal(fit.fit(moons[:60]).score_samples(moons), expected)


@pytest.mark.parametrize("support", [("integer", 1, 5), "integer"])
def test_whole_numbers_leak_no_warning_from_inside(quick, support):
    """Cells that reach a bound of one column had shrunk those of the others."""
    counts = np.random.default_rng(0).integers(1, 6, (500, 5)).astype(float)
    density = quick(support=support, max_iter=2).fit(counts)
    assert np.isfinite(density.score_samples(counts)).all()
