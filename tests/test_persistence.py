"""save and load: the same estimator, or InvalidFileError; never something in between."""

import builtins
import contextlib
import errno
import functools
import hashlib
import io
import json
import os
import pickle
import re

import joblib
import numpy as np
import pandas as pd
import pytest
import safetensors.numpy
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch.overrides import TorchFunctionMode

import skflow
from skflow import (
    InvalidFileError,
    NormalizingFlowClassifier,
    NormalizingFlowDensity,
    NormalizingFlowOutlierDetector,
    NormalizingFlowRegressor,
)

FLOWERS, KINDS = load_iris(return_X_y=True, as_frame=True)
X, LENGTHS = FLOWERS.iloc[:, :3], FLOWERS.iloc[:, 3]
SPECIES = np.array(["setosa", "versicolor", "virginica"])[KINDS]
NO_MATTER = {
    *((flow, "n_bins") for flow in ("planar", "radial", "nice", "realnvp", "maf")),
    *((flow, "layers") for flow in ("planar", "radial")),
}  # what a family has no use for
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
    """All that an estimator says of the flowers, as arrays."""
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


@pytest.fixture(scope="module")
def density():
    return fitted(NormalizingFlowDensity)


@pytest.fixture
def file(density, tmp_path):
    """A path at which there is a valid file."""
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


def test_every_family_comes_back(tmp_path, family):
    skflow.save(fit_of_family(family), tmp_path / "file")
    assert_same_answers(skflow.load(tmp_path / "file"), fit_of_family(family))


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
        {"hidden_layer_sizes": (700, 1), "flow": "planar"},  # which has no use for them
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
    grown = clone(density)
    grown.__setstate__(density.__getstate__())
    grown.later_ = {"names": np.array(["a", None], dtype=object), "limits": (-np.inf, np.nan)}
    skflow.save(grown, tmp_path / "file")
    assert repr(skflow.load(tmp_path / "file").later_) == repr(grown.later_)


def test_a_parameter_of_later_has_its_default(file, density):
    """Files of a version that had one parameter less load in one that has it."""

    def without_dtype(record, arrays):
        entries = record["state"]["dict"]
        entries.remove(["dtype", "float64"])

    file.write_bytes(forged(file.read_bytes(), without_dtype))
    loaded = skflow.load(file)
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
    elsewhere = clone(density)
    elsewhere.__setstate__(density.__getstate__())
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
    moved = forged((tmp_path / "file").read_bytes(), set_entry("device_", "cuda:99"))
    (tmp_path / "moved").write_bytes(moved)
    on_cpu = skflow.load(tmp_path / "moved")
    assert on_cpu.device_.type == "cpu"
    np.testing.assert_allclose(on_cpu.score_samples(X), on_gpu.score_samples(X), rtol=1e-9)


def test_another_version_warns(file, density):
    other = set_entry("_skflow_version", "9.8.7")
    file.write_bytes(forged(file.read_bytes(), other))
    with pytest.warns(UserWarning, match=rf"9\.8\.7.*{re.escape(skflow.__version__)}"):
        loaded = skflow.load(file)
    assert_same_answers(loaded, density)


# what is not saved


@pytest.mark.parametrize("kind", KINDS_OF_ESTIMATORS)
def test_unfitted_estimators_are_not_saved(kind, tmp_path):
    with pytest.raises(NotFittedError):
        skflow.save(kind(), tmp_path / "file")
    assert list(tmp_path.iterdir()) == []


class OfAUser(NormalizingFlowDensity):
    """An estimator that load could not know."""


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


# files that are whole or not there


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


# files that are not ours


def header_of(data):
    return int.from_bytes(data[:8], "little")


def forged(data, change):
    """The file with its record and arrays changed, and a checksum that is right again."""
    header = json.loads(data[8 : 8 + header_of(data)])
    record, arrays = json.loads(header["__metadata__"]["skflow"]), safetensors.numpy.load(data)
    change(record, arrays)
    record["sha256"] = "0" * 64
    text = json.dumps(record, separators=(",", ":"))
    forgery = safetensors.numpy.save(arrays, metadata={"skflow": text})
    return signed(forgery)


def signed(data):
    """The file with a right checksum in the place of zeros."""
    digest = hashlib.sha256(data).hexdigest().encode()
    return data.replace(b"0" * 64, digest, 1)


def set_entry(key, value):
    def change(record, arrays):
        entries = record["state"]["dict"]
        entries[[k for k, _ in entries].index(key)][1] = value

    return change


def test_forging_nothing_changes_nothing(file):
    before = file.read_bytes()
    assert forged(before, lambda record, arrays: None) == before


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x00" * 8,
        b"\xff" * 64,
        (10**9).to_bytes(8, "little") + b"{}",
        b"PK\x03\x04" + b"\x00" * 100,
        pickle.dumps({"an": "estimator"}),
        safetensors.numpy.save({"w": np.zeros(3)}),
        safetensors.numpy.save({"w": np.zeros(3)}, metadata={"skflow": "1"}),
    ],
    ids=["empty", "zeros", "ones", "a huge header", "zip", "pickle", "safetensors", "not quite"],
)
def test_other_kinds_of_files_are_refused(tmp_path, content):
    (tmp_path / "file").write_bytes(content)
    with pytest.raises(InvalidFileError, match=r"file is not a file that skflow\.save wrote"):
        skflow.load(tmp_path / "file")


def test_joblibs_files_are_refused(density, tmp_path):
    joblib.dump(density, tmp_path / "file")
    with pytest.raises(InvalidFileError, match="joblib"):
        skflow.load(tmp_path / "file")


def test_a_file_of_a_later_format_is_refused(file):
    data = file.read_bytes()
    file.write_bytes(data.replace(rb"{\"format\":1,", rb"{\"format\":2,", 1))
    with pytest.raises(InvalidFileError, match=r"version 2 of the format.*newer skflow"):
        skflow.load(file)


def test_a_huge_file_of_another_kind_is_not_read(tmp_path):
    with open(tmp_path / "file", "wb") as sparse:
        sparse.truncate(10**12)
    with pytest.raises(InvalidFileError):
        skflow.load(tmp_path / "file")


@pytest.mark.parametrize("share", [0.01, 0.3, 0.9, 0.9999])
def test_cut_files_are_refused(file, share):
    data = file.read_bytes()
    file.write_bytes(data[: int(share * len(data))])
    with pytest.raises(InvalidFileError):
        skflow.load(file)


def sizes_of(record):
    (blueprint,) = (v for k, v in record["state"]["dict"] if k == "_blueprint")
    (design,) = (v for k, v in blueprint["dict"] if k == "design")
    return design["dict"], next(v for k, v in design["dict"] if k == "sizes")["dict"]


class Made(TorchFunctionMode):
    """Knows the largest tensor that torch's functions returned."""

    n_elements = 0

    def __torch_function__(self, func, types, args=(), kwargs=None):
        out = func(*args, **(kwargs or {}))
        if isinstance(out, torch.Tensor):
            self.n_elements = max(self.n_elements, out.numel())
        return out


@pytest.mark.parametrize("name", ["n_features", "n_context", "n_transforms", "n_bins", "layers"])
def test_numbers_in_a_file_allocate_nothing(tmp_path, family, name):
    """Layers that the arrays of the file could not fill are refused before they are made."""

    def change(record, arrays):
        design, sizes = sizes_of(record)
        entries = design if name == "n_transforms" else sizes
        place = "hidden_layer_sizes" if name == "layers" else name
        entry = next(entry for entry in entries if entry[0] == place)
        entry[1] = {"tuple": [8, 10**4, 10**4]} if name == "layers" else 10**4

    file = tmp_path / "file"
    skflow.save(fit_of_family(family), file)
    file.write_bytes(forged(file.read_bytes(), change))
    with Made() as made, contextlib.suppress(InvalidFileError):
        skflow.load(file)
        assert (family, name) in NO_MATTER
    assert made.n_elements < 10**8


@functools.cache
def fit_of_family(flow):
    return fitted(NormalizingFlowDensity, flow=flow, max_iter=2)


@pytest.mark.parametrize(
    "change",
    [
        lambda record, arrays: record.update(estimator="OrdinaryLeastSquares"),
        lambda record, arrays: record.update(state=None),
        lambda record, arrays: record.pop("state"),
        lambda record, arrays: arrays.pop("_arrays.base.weights"),
        lambda record, arrays: arrays.update({"_arrays.base.weights": np.ones(99)}),
        lambda record, arrays: arrays.update({"_arrays.chain.links.0.loc": np.ones(4)}),
        lambda record, arrays: arrays.update({"_arrays.chain.links.0.loc": np.ones((3, 3, 3))}),
        set_entry("_arrays", {"dict": []}),
        set_entry("_blueprint", {"dict": []}),
        set_entry("flow", "a flow of tomorrow"),
        set_entry("n_bins", "eight"),
        set_entry("_seed", {"array": "nowhere"}),
    ],
)
def test_what_is_no_estimator_is_refused(file, change):
    file.write_bytes(forged(file.read_bytes(), change))
    with pytest.raises(InvalidFileError, match="does not describe a fitted estimator"):
        skflow.load(file)


def test_lists_in_lists_without_end_are_refused(file):
    deep = "[" * 100_000 + "]" * 100_000
    data = file.read_bytes()
    header = json.loads(data[8 : 8 + header_of(data)])["__metadata__"]["skflow"]
    text = re.sub('"sha256":"[0-9a-f]*"', f'"sha256":"{"0" * 64}"', header)
    text = text.replace('"state":', f'"deep":{deep},"state":')
    file.write_bytes(
        signed(safetensors.numpy.save(safetensors.numpy.load(data), metadata={"skflow": text}))
    )
    with pytest.raises(InvalidFileError, match="does not describe"):
        skflow.load(file)


def altered(data, draw):
    """A file flipped, cut, grown, or with bytes put in or taken out somewhere."""
    kind = draw(st.sampled_from(["flip", "set", "cut", "insert", "delete", "grow", "swap"]))
    # half of the places in the header, which is short
    end = draw(st.sampled_from([8, 8 + header_of(data), len(data)]))
    at = draw(st.integers(0, end - 1))
    some = draw(st.binary(min_size=1, max_size=16))
    length = draw(st.integers(1, 64))
    if kind == "flip":
        return data[:at] + bytes([data[at] ^ 1 << draw(st.integers(0, 7))]) + data[at + 1 :]
    if kind == "set":
        return data[:at] + some + data[at + len(some) :]
    if kind == "cut":
        return data[:at]
    if kind == "insert":
        return data[:at] + some + data[at:]
    if kind == "delete":
        return data[:at] + data[at + length :]
    if kind == "grow":
        return data + some
    return data[:at] + data[at + length :] + data[at : at + length]


def check_altered(file, original, altered):
    """Whether an altered file was loaded; if so, it was not altered."""
    file.write_bytes(altered)
    try:
        skflow.load(file)
    except InvalidFileError:
        return False
    assert altered == original
    return True


@given(st.data())
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_altered_files_are_refused(file, density, data):
    skflow.save(density, file)
    original = file.read_bytes()
    check_altered(file, original, altered(original, data.draw))
