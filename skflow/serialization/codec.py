"""Encoder and Decoder: plain Python and numpy values as JSON and named arrays, and back.

Only a fixed set of types can be decoded, and no name in the data is looked up in modules, so that
decoding executes nothing.
"""

import math
import re
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np

Arrays = dict[str, np.ndarray]
Records = dict[str, type]  # dataclasses that may be stored, by name

_TENSOR_DTYPES = frozenset("?bBhHiIlLqQefd")  # stored by safetensors as they are
_BYTES_DTYPES = re.compile(r"[<>|][iucfSUMm]\d+(\[\w+\])?")  # stored as raw bytes


class Encoder:
    """Encodes values as JSON that refers to arrays by name.

    Parameters
    ----------
    records : dict
        Dataclasses that may be stored, by name.

    Attributes
    ----------
    arrays : dict
        The arrays of all values encoded so far, by name.
    """

    def __init__(self, records: Records):
        self.arrays: Arrays = {}
        self._records = records

    def encode(self, value: Any, name: str) -> Any:
        """Return a JSON value; `name` is the value's path, by which arrays and errors go.

        Raises
        ------
        TypeError
            If the value is, or contains, an object of another type.
        """
        if isinstance(value, np.generic):
            return {"scalar": self.encode(np.asarray(value), name)}
        kind = type(value)
        if value is None or kind in (bool, int, str):
            return value
        if kind is float:
            return value if math.isfinite(value) else {"float": str(value)}
        if kind is list:
            return self._encode_items(value, name)
        if kind is tuple:
            return {"tuple": self._encode_items(value, name)}
        if kind is dict:
            return {
                "dict": [
                    [self.encode(key, name), self._encode_child(name, key, child)]
                    for key, child in value.items()
                ]
            }
        if kind in (np.ndarray, np.memmap):
            return self._encode_array(np.array(value, order="C"), name)
        if is_dataclass(kind) and self._records.get(kind.__name__) is kind:
            entries = {f.name: getattr(value, f.name) for f in fields(value)}
            return {"record": [kind.__name__, self.encode(entries, name)]}
        raise TypeError(
            f"{name} is {value!r}, and a {kind.__name__} cannot be stored as plain data."
        )

    def _encode_items(self, values: Any, name: str) -> list[Any]:
        return [self._encode_child(name, k, value) for k, value in enumerate(values)]

    def _encode_child(self, name: str, key: Any, value: Any) -> Any:
        return self.encode(value, f"{name}.{key}" if name else f"{key}")

    def _encode_array(self, array: np.ndarray, name: str) -> Any:
        shape = list(array.shape)
        if array.dtype.char in _TENSOR_DTYPES and array.dtype.isnative:
            return {"array": self._store(array, name)}
        if array.dtype.char == "O":
            return {"objects": [shape, self._encode_items(array.ravel(), name)]}
        if _BYTES_DTYPES.fullmatch(array.dtype.str):
            as_bytes = np.frombuffer(array.tobytes(), np.uint8)
            return {"bytes": [array.dtype.str, shape, self._store(as_bytes, name)]}
        raise TypeError(f"{name} is an array of {array.dtype}, which cannot be stored.")

    def _store(self, array: np.ndarray, name: str) -> str:
        """Add an array under its name, made unique, and return that name."""
        while name in self.arrays:
            name += "'"
        self.arrays[name] = array
        return name


class Decoder:
    """Rebuilds encoded values.

    Parameters
    ----------
    arrays : dict
        Arrays by name.
    records : dict
        Dataclasses that may be stored, by name.
    """

    def __init__(self, arrays: Arrays, records: Records):
        self._arrays = arrays
        self._records = records

    def decode(self, value: Any) -> Any:
        """Return the value that `Encoder.encode` was given.

        Raises
        ------
        ValueError, LookupError, TypeError
            If `value` is not what an encoder returned, or does not fit the arrays.
        """
        if isinstance(value, list):
            return [self.decode(v) for v in value]
        if not isinstance(value, dict):
            return value
        ((kind, content),) = value.items()
        decoders = {
            "array": self._arrays.__getitem__,
            "bytes": self._decode_bytes,
            "dict": self._decode_dict,
            "float": float,
            "objects": self._decode_objects,
            "record": self._decode_record,
            "scalar": lambda array: self.decode(array)[()],
            "tuple": lambda values: tuple(self.decode(values)),
        }
        return decoders[kind](content)

    def _decode_dict(self, items: Any) -> dict[Any, Any]:
        return {self.decode(key): self.decode(value) for key, value in items}

    def _decode_objects(self, content: Any) -> np.ndarray:
        shape, values = content
        if math.prod(shape) != len(values):
            raise ValueError(f"{len(values)} objects do not fill an array of shape {shape}")
        array = np.empty(len(values), dtype=object)
        array[:] = [self.decode(value) for value in values]
        return array.reshape(shape)

    def _decode_bytes(self, content: Any) -> np.ndarray:
        dtype, shape, name = content
        if not _BYTES_DTYPES.fullmatch(dtype):
            raise ValueError(f"arrays of {dtype!r} are not stored as bytes")
        array = self._arrays[name]
        if math.prod(shape) * np.dtype(dtype).itemsize != array.nbytes:
            raise ValueError(
                f"{array.nbytes} bytes are not an array of {dtype!r} and shape {shape}"
            )
        return np.ndarray(shape, dtype, buffer=array.tobytes()).copy()

    def _decode_record(self, content: Any) -> Any:
        name, entries = content
        return self._records[name](**self.decode(entries))
