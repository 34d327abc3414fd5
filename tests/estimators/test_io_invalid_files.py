"""Files that were not written by skflow.save, or were modified, raise InvalidFileError."""

import contextlib
import functools
import hashlib
import json
import pickle
import re
from collections import Counter

import joblib
import numpy as np
import pytest
import safetensors.numpy
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sklearn.datasets import load_iris
from torch.overrides import TorchFunctionMode

import skflow
from skflow import InvalidFileError, NormalizingFlowDensity

X = load_iris().data[:, :3]
CONTINUOUS = ("flow_matching", "flow_matching_ot", "diffusion", "cnf")
UNUSED = {
    *((flow, "n_bins") for flow in ("planar", "radial", "nice", "realnvp", "maf", *CONTINUOUS)),
    *((flow, "n_transforms") for flow in CONTINUOUS),  # steps of the solver
    *((flow, "layers") for flow in ("planar", "radial")),
}  # settings without an effect in a family


@functools.cache
def fit_of(flow):
    params = {"n_transforms": 2, "hidden_layer_sizes": 8, "n_estimators": 2, "max_iter": 2}
    return NormalizingFlowDensity(flow=flow, tol=10.0, random_state=0, **params).fit(X)


@pytest.fixture(scope="module")
def density():
    return fit_of("realnvp")


@pytest.fixture
def file(density, tmp_path):
    """Path of a valid file."""
    skflow.save(density, tmp_path / "density.safetensors")
    return tmp_path / "density.safetensors"


def header_of(data):
    return int.from_bytes(data[:8], "little")


def forged(data, change):
    """Content of a file with changed record and arrays, and a valid checksum."""
    header = json.loads(data[8 : 8 + header_of(data)])
    record, arrays = json.loads(header["__metadata__"]["skflow"]), safetensors.numpy.load(data)
    change(record, arrays)
    record["sha256"] = "0" * 64
    text = json.dumps(record, separators=(",", ":"))
    forgery = safetensors.numpy.save(arrays, metadata={"skflow": text})
    return signed(forgery)


def signed(data):
    """Content of a file with the checksum in place of zeros."""
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
    (spec,) = (v for k, v in record["state"]["dict"] if k == "_spec")
    (design,) = (v for k, v in spec["dict"] if k == "flow")
    return design["dict"], next(v for k, v in design["dict"] if k == "layers")["dict"]


class Made(TorchFunctionMode):
    """Records the size of the largest tensor returned by a torch function."""

    n_elements = 0

    def __torch_function__(self, func, types, args=(), kwargs=None):
        out = func(*args, **(kwargs or {}))
        if isinstance(out, torch.Tensor):
            self.n_elements = max(self.n_elements, out.numel())
        return out


@pytest.mark.parametrize("name", ["n_features", "n_context", "n_transforms", "n_bins", "layers"])
def test_numbers_in_a_file_allocate_nothing(tmp_path, family, name):
    """Layers larger than the arrays of the file are refused before they are allocated."""

    def change(record, arrays):
        design, sizes = sizes_of(record)
        entries = design if name == "n_transforms" else sizes
        place = "hidden_layer_sizes" if name == "layers" else name
        entry = next(entry for entry in entries if entry[0] == place)
        large = 100 if (family, name) in UNUSED else 10**4  # steps of a solver are slow
        entry[1] = {"tuple": [8, large, large]} if name == "layers" else large

    file = tmp_path / "file"
    skflow.save(fit_of(family), file)
    file.write_bytes(forged(file.read_bytes(), change))
    with Made() as made, contextlib.suppress(InvalidFileError):
        skflow.load(file)
        assert (family, name) in UNUSED
    assert made.n_elements < 10**8


@pytest.mark.parametrize("name", ["n_features", "n_context"])
def test_rows_are_not_made_as_wide_as_a_file_says(file, name):
    """Without a learned component no layer is built that would check the number of columns."""

    def change(record, arrays):
        stored, spec = (
            next(v for k, v in record["state"]["dict"] if k == wanted)["dict"]
            for wanted in ("_arrays", "_spec")
        )
        for k, part in enumerate(dict(spec)["components"]["tuple"]):
            n_fixed = len(dict(part["dict"])["bijections"]["tuple"])
            next(entry for entry in part["dict"] if entry[0] == "learned")[1] = False
            for entry in list(stored):
                bijection = re.match(
                    rf"base\.components\.{k}\.chain\.bijections\.(\d+)\.", entry[0]
                )
                if bijection and int(bijection[1]) >= n_fixed:
                    stored.remove(entry)
        next(entry for entry in sizes_of(record)[1] if entry[0] == name)[1] = 10**13

    file.write_bytes(forged(file.read_bytes(), change))
    with pytest.raises(InvalidFileError, match="stored numbers are too few for a density with"):
        skflow.load(file)


@pytest.mark.parametrize(
    "change",
    [
        lambda record, arrays: record.update(estimator="OrdinaryLeastSquares"),
        lambda record, arrays: record.update(state=None),
        lambda record, arrays: record.pop("state"),
        lambda record, arrays: arrays.pop("_arrays.base.weights"),
        lambda record, arrays: arrays.update({"_arrays.base.weights": np.ones(99)}),
        lambda record, arrays: arrays.update({"_arrays.chain.bijections.0.loc": np.ones(4)}),
        lambda record, arrays: arrays.update(
            {"_arrays.chain.bijections.0.loc": np.ones((3, 3, 3))}
        ),
        set_entry("_arrays", {"dict": []}),
        set_entry("_spec", {"dict": []}),
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
    """Content with a byte changed, truncated, extended, or with bytes inserted or removed."""
    kind = draw(st.sampled_from(["flip", "set", "cut", "insert", "delete", "grow", "swap"]))
    # half of the positions in the short header
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


def signed_again(data):
    """Content with a valid checksum, if it still contains one."""
    mark = re.search(rb'sha256\\":\\"([0-9a-f]{64})', data)
    return signed(data[: mark.start(1)] + b"0" * 64 + data[mark.end(1) :]) if mark else data


@given(st.data())
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_altered_files_are_refused(file, density, data):
    skflow.save(density, file)
    original = file.read_bytes()
    attempt = altered(original, data.draw)
    file.write_bytes(attempt)
    if attempt == original:
        skflow.load(file)
    else:
        with pytest.raises(InvalidFileError):
            skflow.load(file)


def outcome(file, X):
    try:
        loaded = skflow.load(file)
    except InvalidFileError:
        return "refused"
    with contextlib.suppress(ValueError, RuntimeError), np.errstate(all="ignore"):
        loaded.score_samples(X)
    return "accepted"


def places(value, path=()):
    """Paths of keys to all values in nested lists and dicts."""
    yield path
    if isinstance(value, list | dict):
        for key in value if isinstance(value, dict) else range(len(value)):
            yield from places(value[key], (*path, key))


def misfit(data, draw):
    """A well-formed file in which a value or an array is replaced."""

    def change(record, arrays):
        if draw(st.booleans()):
            name = draw(st.sampled_from(sorted(arrays)))
            shape = draw(st.lists(st.integers(0, 4), max_size=4))
            kind = draw(st.sampled_from([np.float64, np.float32, np.int8, bool]))
            arrays[name] = np.full(shape, draw(st.floats()), float).astype(kind)
        else:
            *path, last = draw(st.sampled_from(list(places(record["state"]))[1:]))
            inside = functools.reduce(lambda value, key: value[key], path, record["state"])
            inside[last] = draw(values)

    with np.errstate(invalid="ignore", over="ignore"):
        return forged(data, change)


leaves = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=9)
)
tags = st.sampled_from(["array", "bytes", "dict", "float", "objects", "record", "scalar", "tuple"])
values = st.recursive(
    leaves
    | st.sampled_from(["_arrays.base.weights", "realnvp", "cuda:1", "t", "CalibrationScores"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(tags, inner, max_size=1),
    max_leaves=6,
)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # deprecation warnings of torch about shapes
@pytest.mark.parametrize("way", [altered, signed_again, misfit])
def test_no_alteration_gets_through(file, way, capsys):
    """Files with a valid checksum may load; all others raise InvalidFileError."""
    original = file.read_bytes()
    counts = Counter()

    @given(st.data())
    @settings(max_examples=1000 if way is misfit else 5000, deadline=None, database=None)
    def tried(data):
        if way is misfit:
            attempt = misfit(original, data.draw)
        else:
            attempt = altered(original, data.draw)
            attempt = signed_again(attempt) if way is signed_again else attempt
        file.write_bytes(attempt)
        counts["unaltered" if attempt == original else outcome(file, X)] += 1

    tried()
    with capsys.disabled():
        print(f"\n{way.__name__}: {dict(counts)}")
    assert counts["refused"] > counts["accepted"]
    assert way is not altered or counts["accepted"] == 0
