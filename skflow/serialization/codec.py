"""Plain values as JSON and arrays, and back: a closed list of types, nothing looked up by name."""

import math
import re
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np

Arrays = dict[str, np.ndarray]
Records = dict[str, type]  # dataclasses that may be stored, by their names

_TENSORS = frozenset("?bBhHiIlLqQefd")  # what safetensors holds as it is
_BYTES = re.compile(r"[<>|][iucfSUMm]\d+(\[\w+\])?")  # dtypes that are kept as their bytes


class Encoder:
    """Takes values apart: what `encode` returns is JSON, and refers to `arrays` by name.

    Parameters
    ----------
    records : dict
        Dataclasses that may be stored, by their names.
    """

    def __init__(self, records: Records):
        self.arrays: Arrays = {}
        self._records = records

    def encode(self, value: Any, name: str) -> Any:
        """JSON for a value found at a place called `name`, or a TypeError."""
        if isinstance(value, np.generic):
            return {"scalar": self.encode(np.asarray(value), name)}
        kind = type(value)
        if value is None or kind in (bool, int, str):
            return value
        if kind is float:
            return value if math.isfinite(value) else {"float": str(value)}
        if kind is list:
            return self._each(value, name)
        if kind is tuple:
            return {"tuple": self._each(value, name)}
        if kind is dict:
            return {
                "dict": [[self.encode(k, name), self._below(name, k, value[k])] for k in value]
            }
        if kind in (np.ndarray, np.memmap):
            return self._array(np.array(value, order="C"), name)
        if is_dataclass(kind) and self._records.get(kind.__name__) is kind:
            entries = {f.name: getattr(value, f.name) for f in fields(value)}
            return {"record": [kind.__name__, self.encode(entries, name)]}
        raise TypeError(
            f"{name} is {value!r}, and a {kind.__name__} cannot be stored as plain data."
        )

    def _each(self, values: Any, name: str) -> list[Any]:
        return [self._below(name, k, value) for k, value in enumerate(values)]

    def _item(self, name: str, key: Any, value: Any) -> list[Any]:
        return [self.encode(key, name), self._below(name, key, value)]

    def _below(self, name: str, key: Any, value: Any) -> Any:
        return self.encode(value, f"{name}.{key}" if name else f"{key}")

    def _array(self, array: np.ndarray, name: str) -> Any:
        shape = list(array.shape)
        if array.dtype.char in _TENSORS and array.dtype.isnative:
            return {"array": self._put(array, name)}
        if array.dtype.char == "O":
            return {"objects": [shape, self._each(array.ravel(), name)]}
        if _BYTES.fullmatch(array.dtype.str):
            as_bytes = np.frombuffer(array.tobytes(), np.uint8)
            return {"bytes": [array.dtype.str, shape, self._put(as_bytes, name)]}
        raise TypeError(f"{name} is an array of {array.dtype}, which cannot be stored.")

    def _put(self, array: np.ndarray, name: str) -> str:
        while name in self.arrays:
            name += "'"
        self.arrays[name] = array
        return name


class Decoder:
    """Puts values together again; a ValueError, LookupError or TypeError where they do not fit.

    Parameters
    ----------
    arrays : dict
        Arrays by name.
    records : dict
        Dataclasses that may be stored, by their names.
    """

    def __init__(self, arrays: Arrays, records: Records):
        self._arrays = arrays
        self._records = records

    def decode(self, value: Any) -> Any:
        """The value that `Encoder.encode` was given."""
        if isinstance(value, list):
            return [self.decode(v) for v in value]
        if not isinstance(value, dict):
            return value
        ((kind, content),) = value.items()
        make = {
            "array": self._arrays.__getitem__,
            "bytes": self._from_bytes,
            "dict": self._dict,
            "float": float,
            "objects": self._objects,
            "record": self._record,
            "scalar": lambda array: self.decode(array)[()],
            "tuple": lambda values: tuple(self.decode(values)),
        }
        return make[kind](content)

    def _dict(self, items: Any) -> dict[Any, Any]:
        return {self.decode(key): self.decode(value) for key, value in items}

    def _objects(self, content: Any) -> np.ndarray:
        shape, values = content
        if math.prod(shape) != len(values):
            raise ValueError(f"{len(values)} objects do not fill an array of shape {shape}")
        array = np.empty(len(values), dtype=object)
        array[:] = [self.decode(value) for value in values]
        return array.reshape(shape)

    def _from_bytes(self, content: Any) -> np.ndarray:
        dtype, shape, name = content
        if not _BYTES.fullmatch(dtype):
            raise ValueError(f"no array of {dtype!r} is stored as bytes")
        array = self._arrays[name]
        if math.prod(shape) * np.dtype(dtype).itemsize != array.nbytes:
            raise ValueError(f"{array.nbytes} bytes are no array of {dtype!r} and shape {shape}")
        return np.ndarray(shape, dtype, buffer=array.tobytes()).copy()

    def _record(self, content: Any) -> Any:
        name, entries = content
        return self._records[name](**self.decode(entries))
