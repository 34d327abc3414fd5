"""Encoder and Decoder: values survive a round trip, and anything else raises."""

import json
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from skflow.serialization.codec import Decoder, Encoder


@dataclass(frozen=True)
class Pair:
    left: object
    right: object


@dataclass
class Unknown:
    value: int


RECORDS = {"Pair": Pair}


def round_trip(value):
    encoder = Encoder(RECORDS)
    text = json.dumps(encoder.encode(value, ""), allow_nan=False)
    return Decoder(encoder.arrays, RECORDS).decode(json.loads(text))


def assert_same(first, second):
    """Equal in type and value at all levels; NaN equals NaN, and 0.0 differs from −0.0."""
    assert type(first) is type(second)
    if isinstance(first, np.ndarray):
        assert (first.dtype, first.shape) == (second.dtype, second.shape)
        if first.dtype.hasobject:
            assert_same(first.ravel().tolist(), second.ravel().tolist())
        else:
            assert first.tobytes() == second.tobytes()
    elif isinstance(first, dict):
        assert_same(list(first.items()), list(second.items()))
    elif isinstance(first, list | tuple):
        assert len(first) == len(second)
        for one, other in zip(first, second, strict=True):
            assert_same(one, other)
    elif isinstance(first, Pair):
        assert_same(vars(first), vars(second))
    else:
        assert repr(first) == repr(second)


scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
dtypes = (
    npst.boolean_dtypes()
    | npst.integer_dtypes(endianness="?")
    | npst.floating_dtypes(endianness="?")
    | npst.complex_number_dtypes(endianness="?")
    | npst.unicode_string_dtypes(max_len=4)
    | npst.byte_string_dtypes(max_len=4)
    | npst.datetime64_dtypes()
)
arrays = npst.arrays(dtypes, npst.array_shapes(min_dims=0, min_side=0, max_side=3))
object_arrays = npst.arrays(
    object, npst.array_shapes(max_side=3), elements=scalars, fill=st.none()
)
plain = st.recursive(
    scalars | arrays | object_arrays,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(st.text() | st.integers(), inner, max_size=3)
        | st.builds(Pair, inner, inner)
    ),
    max_leaves=8,
)


@given(plain)
def test_round_trip_of_plain_values(value):
    assert_same(round_trip(value), value)


@given(arrays)
def test_round_trip_of_numpy_scalars(array):
    for value in array.ravel()[:3]:
        assert_same(round_trip(value), value)


@pytest.mark.parametrize(
    "array",
    [
        np.arange(12.0).reshape(3, 4).T,
        np.arange(12)[::-3],
        np.asfortranarray(np.eye(3)),
        np.broadcast_to(np.float32(3), (2, 2)),
    ],
    ids=["transposed", "strided", "columns first", "broadcast"],
)
def test_round_trip_of_views_gives_their_values(array):
    copied = round_trip(array)
    assert copied.dtype == array.dtype
    np.testing.assert_array_equal(copied, array)
    assert copied.flags.writeable


def test_arrays_are_named_by_their_path():
    encoder = Encoder(RECORDS)
    encoder.encode({"a": {"b": [np.ones(2)]}, "a.b.0": np.zeros(3)}, "")
    assert {name: array.size for name, array in encoder.arrays.items()} == {
        "a.b.0": 2,
        "a.b.0'": 3,
    }


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"f": [0, len]}, "f.1 is .*builtin_function"),
        ({"f": np.random.RandomState(0)}, "f is .*RandomState"),
        ({"f": {1, 2}}, "f is {1, 2}, and a set"),
        ({"f": Unknown(3)}, "f is .*Unknown"),
        ({"f": np.array([len])}, "f.0 is .*builtin_function"),
        ({"f": np.ma.masked_array([1.0], [True])}, "(?s)f is .*MaskedArray"),
        ({"f": np.zeros(2, [("x", float)])}, "f is an array of"),
    ],
    ids=["function", "generator", "set", "dataclass", "objects", "masked array", "structured"],
)
def test_other_types_raise_with_their_path(value, message):
    with pytest.raises(TypeError, match=message):
        Encoder(RECORDS).encode(value, "")


@pytest.mark.parametrize(
    "encoded",
    [
        {"array": "nowhere"},
        {"bytes": ["|O8", [1], "eight"]},
        {"bytes": ["<U1000000000000", [1], "eight"]},
        {"bytes": ["<U1", [10**12], "eight"]},
        {"bytes": ["<U1", [-1, -2], "eight"]},
        {"objects": [[10**12], []]},
        {"objects": [[-1, -1], [0]]},
        {"record": ["Unknown", {"dict": [["value", 3]]}]},
        {"record": ["Pair", {"dict": [["left", 3]]}]},
        {"pickle": "gASVAgAAAAAAAABdlC4="},
        {"list": [], "tuple": []},
        {"dict": [[[], 1]]},
        {},
    ],
    ids=str,
)
def test_invalid_encodings_raise(encoded):
    decoder = Decoder({"eight": np.zeros(8, np.uint8)}, RECORDS)
    with pytest.raises((ValueError, LookupError, TypeError)):
        decoder.decode(encoded)
