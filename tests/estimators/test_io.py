"""Round trips through save and load, and atomic file writes."""

import builtins
import errno
import io
import os
import pickle
import re

import joblib
import numpy as np
import pandas as pd
import pytest
import safetensors.numpy
import torch
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import skflow
from skflow import (
    NormalizingFlowClassifier,
    NormalizingFlowDensity,
    NormalizingFlowOutlierDetector,
    NormalizingFlowRegressor,
    Support,
)

FLOWERS, KINDS = load_iris(return_X_y=True, as_frame=True)
X, LENGTHS = FLOWERS.iloc[:, :3], FLOWERS.iloc[:, 3]
SPECIES = np.array(["setosa", "versicolor", "virginica"])[KINDS]
# 150 flowers are few for a p-value of 0.01.
pytestmark = pytest.mark.filterwarnings("ignore:Only rows rarer than all:UserWarning")
QUICK = {
    "flow": "realnvp",
    "n_transforms": 2,
    "hidden_layer_sizes": 8,
    "n_estimators": 2,
    "max_iter": 20,
    "tol": 10.0,
    "random_state": 0,
}


def fitted(kind, **params):
    estimator = kind(**(QUICK | params))
    target = {NormalizingFlowRegressor: LENGTHS, NormalizingFlowClassifier: SPECIES}.get(kind)
    return estimator.fit(X, target)


def answers(estimator):
    """Predictions of an estimator for the iris data, as arrays."""
    if isinstance(estimator, NormalizingFlowRegressor):
        return [
            estimator.log_prob(X, LENGTHS),
            estimator.predict(X),
            estimator.predict_quantiles(X[:9], [0.1, 0.9]),
            estimator.sample_y(X[:9], 3, random_state=0),
        ]
    said = [estimator.score_samples(X)]
    if isinstance(estimator, NormalizingFlowOutlierDetector):
        return [*said, estimator.predict(X), estimator.p_value(X)]
    if isinstance(estimator, NormalizingFlowClassifier):
        return [*said, estimator.predict(X), *estimator.sample(9, random_state=0)]
    return [*said, estimator.sample(9, random_state=0)]


def assert_same_answers(first, second):
    for one, other in zip(answers(first), answers(second), strict=True):
        assert one.dtype == other.dtype
        np.testing.assert_array_equal(one, other)


KINDS_OF_ESTIMATORS = [
    NormalizingFlowDensity,
    NormalizingFlowRegressor,
    NormalizingFlowClassifier,
    NormalizingFlowOutlierDetector,
]


@pytest.fixture(scope="module", params=KINDS_OF_ESTIMATORS, ids=lambda kind: kind.__name__)
def estimator(request):
    return fitted(request.param)


def copy_of(estimator):
    return pickle.loads(pickle.dumps(estimator))


@pytest.fixture(scope="module")
def density():
    return fitted(NormalizingFlowDensity)


@pytest.fixture
def file(density, tmp_path):
    """Path of a valid file."""
    skflow.save(density, tmp_path / "density.safetensors")
    return tmp_path / "density.safetensors"


def test_every_estimator_comes_back(estimator, tmp_path):
    skflow.save(estimator, tmp_path / "file")
    loaded = skflow.load(tmp_path / "file")
    assert type(loaded) is type(estimator)
    assert vars(loaded).keys() == vars(estimator).keys()
    assert_same_answers(loaded, estimator)
    assert list(loaded.feature_names_in_) == list(X.columns)
    assert joblib.hash(loaded.__getstate__()) == joblib.hash(estimator.__getstate__())


def test_skops_reads_every_estimator(estimator):
    skops = pytest.importorskip("skops.io")
    as_bytes = skops.dumps(estimator)
    untrusted = skops.get_untrusted_types(data=as_bytes)
    assert [name for name in untrusted if not name.startswith("skflow.")] == []
    assert_same_answers(skops.loads(as_bytes, trusted=untrusted), estimator)


def test_every_family_comes_back(tmp_path, any_family):
    estimator = fitted(NormalizingFlowDensity, flow=any_family)
    skflow.save(estimator, tmp_path / "file")
    assert_same_answers(skflow.load(tmp_path / "file"), estimator)


def test_one_column_comes_back(quick, moons, tmp_path):
    estimator = quick().fit(moons[:, :1])
    skflow.save(estimator, tmp_path / "file")
    np.testing.assert_array_equal(
        skflow.load(tmp_path / "file").score_samples(moons[:, :1]),
        estimator.score_samples(moons[:, :1]),
    )


@pytest.mark.parametrize(
    "params",
    [
        {"hidden_layer_sizes": (8, 4), "early_stopping": False},
        {"hidden_layer_sizes": np.array([8]), "noise": np.float32(0.1)},
        {"marginals": "yeo-johnson", "base": "normal"},
        {"dtype": "float32"},
        {"support": [Support(low=-5, high=5, atoms=[5]), None]},
        {"hidden_layer_sizes": (700, 1), "flow": "planar"},  # planar flows have no hidden layers
    ],
    ids=str,
)
def test_every_setting_comes_back(quick, moons, tmp_path, params):
    estimator = quick(**params).fit(moons)
    skflow.save(estimator, tmp_path / "file")
    loaded = skflow.load(tmp_path / "file")
    np.testing.assert_array_equal(loaded.score_samples(moons), estimator.score_samples(moons))
    assert repr(loaded.get_params()) == repr(estimator.get_params())


@pytest.mark.parametrize(
    "labels",
    [
        KINDS.to_numpy(),
        KINDS.to_numpy().astype(float) - 1,
        KINDS.to_numpy() == 1,
        SPECIES,
        SPECIES.astype(object),
        pd.Series(SPECIES, dtype="category"),
    ],
    ids=["int", "float", "bool", "str", "object", "categories"],
)
def test_classes_come_back(tmp_path, labels):
    estimator = NormalizingFlowClassifier(**QUICK).fit(X, labels)
    skflow.save(estimator, tmp_path / "file")
    loaded = skflow.load(tmp_path / "file")
    assert loaded.classes_.dtype == estimator.classes_.dtype
    assert loaded.classes_.tolist() == estimator.classes_.tolist()
    np.testing.assert_array_equal(loaded.predict(X), estimator.predict(X))


def test_attributes_of_later_come_back_too(density, tmp_path):
    grown = copy_of(density)
    grown.later_ = {"names": np.array(["a", None], dtype=object), "limits": (-np.inf, np.nan)}
    grown.supports_ = [Support(), Support("category", levels=(0, 1)), Support("circular")]
    skflow.save(grown, tmp_path / "file")
    loaded = skflow.load(tmp_path / "file")
    assert repr(loaded.later_) == repr(grown.later_)
    assert loaded.supports_ == grown.supports_


def test_a_parameter_of_later_has_its_default(density, tmp_path):
    """Files of an earlier version may lack a parameter."""
    older = copy_of(density)
    del older.dtype
    skflow.save(older, tmp_path / "file")
    loaded = skflow.load(tmp_path / "file")
    assert loaded.dtype == "float64"
    assert_same_answers(loaded, density)


def test_loaded_estimators_go_on(file):
    loaded = skflow.load(file)
    assert clone(loaded).fit(X).n_features_in_ == 3
    warm = loaded.set_params(warm_start=True).fit(X)
    assert warm.n_iter_ > 3


def test_same_fits_have_the_same_bytes(density, file, tmp_path):
    skflow.save(skflow.load(file), tmp_path / "again")
    assert (tmp_path / "again").read_bytes() == file.read_bytes()


def test_saving_leaves_the_estimator_as_it_was(density, tmp_path):
    before = dict(vars(density))
    skflow.save(density, tmp_path / "file")
    assert vars(density) == before


def test_any_reader_of_safetensors_sees_the_weights(file, density):
    tensors = safetensors.numpy.load_file(file)
    parts = tensors["_arrays.base.weights"]
    np.testing.assert_array_equal(parts, density.flow_.base.weights.numpy())


def test_a_file_of_another_device_loads_on_the_cpu(density, tmp_path):
    elsewhere = copy_of(density)
    elsewhere.device_ = torch.device("cuda:99")
    skflow.save(elsewhere, tmp_path / "file")
    loaded = skflow.load(tmp_path / "file")
    assert loaded.device_.type == "cpu"
    assert_same_answers(loaded, density)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device here")
def test_files_pass_between_devices(tmp_path):
    on_gpu = fitted(NormalizingFlowDensity, device="cuda")
    skflow.save(on_gpu, tmp_path / "file")
    loaded = skflow.load(tmp_path / "file")
    assert loaded.device_.type == "cuda"
    np.testing.assert_array_equal(loaded.score_samples(X), on_gpu.score_samples(X))
    expected = on_gpu.score_samples(X)
    on_gpu.device_ = torch.device("cuda:99")
    skflow.save(on_gpu, tmp_path / "moved")
    on_cpu = skflow.load(tmp_path / "moved")
    assert on_cpu.device_.type == "cpu"
    np.testing.assert_allclose(on_cpu.score_samples(X), expected, rtol=1e-9)


def test_another_version_warns(density, tmp_path, monkeypatch):
    monkeypatch.setattr("skflow.estimators.pickling.__version__", "9.8.7")
    skflow.save(density, tmp_path / "file")
    monkeypatch.undo()
    with pytest.warns(UserWarning, match=rf"9\.8\.7.*{re.escape(skflow.__version__)}"):
        loaded = skflow.load(tmp_path / "file")
    assert_same_answers(loaded, density)


# errors of save


@pytest.mark.parametrize("kind", KINDS_OF_ESTIMATORS)
def test_unfitted_estimators_are_not_saved(kind, tmp_path):
    with pytest.raises(NotFittedError):
        skflow.save(kind(), tmp_path / "file")
    assert list(tmp_path.iterdir()) == []


class OfAUser(NormalizingFlowDensity):
    """An estimator unknown to load."""


@pytest.mark.parametrize(
    "other", [StandardScaler(), make_pipeline(StandardScaler()), OfAUser(), None, "file"], ids=repr
)
def test_other_objects_are_not_saved(other, tmp_path):
    with pytest.raises(TypeError, match=f"{type(other).__name__} is not among .*Density.*skops"):
        skflow.save(other, tmp_path / "file")
    assert list(tmp_path.iterdir()) == []


def test_a_generator_is_not_saved(moons, quick, file):
    before = file.read_bytes()
    estimator = quick(random_state=np.random.RandomState(0)).fit(moons)
    with pytest.raises(TypeError, match=r"random_state is RandomState.*Nothing was.*skops"):
        skflow.save(estimator, file)
    assert file.read_bytes() == before
    skflow.save(estimator.set_params(random_state=0), file)


def test_a_flow_of_ones_own_is_not_saved(moons, quick, tmp_path):
    from skflow.flows.bijections import LULinear

    estimator = quick(flow=lambda d, c, generator: [LULinear(d)]).fit(moons)
    with pytest.raises(TypeError, match=r"flow is .*lambda.*pickle"):
        skflow.save(estimator, tmp_path / "file")
    assert list(tmp_path.iterdir()) == []


# atomic file writes


@pytest.mark.parametrize("where", ["fsync", "replace", "write"])
@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "full"), KeyboardInterrupt()], ids=repr)
def test_the_old_file_survives_what_goes_wrong(density, file, monkeypatch, where, error):
    def fail(*args):
        raise error

    class Full(io.FileIO):
        write = fail

    before = file.read_bytes()
    if where == "write":
        monkeypatch.setattr(builtins, "open", lambda path, mode: Full(path, mode.strip("b")))
    else:
        monkeypatch.setattr(os, where, fail)
    with pytest.raises(type(error)):
        skflow.save(density, file)
    monkeypatch.undo()
    assert file.read_bytes() == before
    assert os.listdir(file.parent) == [file.name]


def test_a_link_stays_a_link(density, file, tmp_path):
    (tmp_path / "link").symlink_to(file)
    file.write_text("old")
    skflow.save(density, tmp_path / "link")
    assert (tmp_path / "link").is_symlink()
    assert_same_answers(skflow.load(file), density)


def test_errors_of_the_disk_are_the_disks(density, tmp_path):
    with pytest.raises(FileNotFoundError):
        skflow.save(density, tmp_path / "no folder" / "file")
    with pytest.raises(FileNotFoundError):
        skflow.load(tmp_path / "no file")
    with pytest.raises(IsADirectoryError):
        skflow.load(tmp_path)
