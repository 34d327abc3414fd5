"""Checkpoint: the state of an unfinished fit in a file, from which another process resumes it."""

import hashlib
import json
import os
import time
import warnings
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from typing import Any

import numpy as np
import safetensors.numpy
import torch
from safetensors import SafetensorError, safe_open

from skflow.runtime.exceptions import InvalidFileError
from skflow.runtime.version import __version__
from skflow.serialization.atomic_write import FilePath, write_atomically
from skflow.serialization.codec import Decoder, Encoder

_METADATA_KEY = "skflow checkpoint"
_MIN_INTERVAL = 5.0  # seconds between two writes, so that they take little of the time


@dataclass(frozen=True)
class FitIdentity:
    """What a fit depends on; a checkpoint resumes only a fit of the same identity.

    `rows` is a digest of the data. `config` has one entry per field of the resolved
    configuration, which is compared as text because a flow may be a function of the user's.
    """

    version: str
    seed: int
    rows: str
    config: dict[str, str]
    warm_start: bool
    n_processes: int

    @classmethod
    def of(
        cls,
        seed: int,
        arrays: Iterable[np.ndarray],
        config: Any,
        warm_start: bool,
        n_processes: int,
    ) -> "FitIdentity":
        """The identity of a fit to `arrays` with a configuration that is a dataclass instance."""
        texts = {field.name: str(getattr(config, field.name)) for field in fields(config)}
        return cls(__version__, seed, _digest(arrays), texts, warm_start, n_processes)

    def difference(self, other: "FitIdentity") -> str | None:
        """Return what differs from another identity, in words for a user, or None."""
        if self.version != other.version:
            return "version of skflow"
        if self.seed != other.seed:
            return "random_state"
        if self.rows != other.rows:
            return "rows"
        names = [name for name in self.config if self.config[name] != other.config.get(name)]
        names += [
            n for n in ("warm_start", "n_processes") if getattr(self, n) != getattr(other, n)
        ]
        return f"settings ({', '.join(names)})" if names else None


class Checkpoint:
    """The state of one fit in one file, which exists until the fit is finished.

    Parameters
    ----------
    path : str, path-like or None
        The file; None for no checkpoint.

    Raises
    ------
    InvalidFileError
        If there is a file that is not a checkpoint or is damaged.
    """

    def __init__(self, path: FilePath | None):
        self._path = path
        self._last_write = -np.inf
        self._identity: FitIdentity | None = None
        self._state: Any = None
        if path is not None and os.path.exists(path):
            self._identity, self._state = _read(path)

    def resolve_seed(self, drawn: int, fixed: bool) -> int:
        """Return the seed of the fit in the file or, if there is none, the one just drawn.

        Raises
        ------
        ValueError
            If `random_state` has a fixed value that differs from that fit's.
        """
        seed = drawn if self._identity is None else self._identity.seed
        if fixed and seed != drawn:
            raise ValueError(self._mismatch("random_state"))
        return seed

    def identify(self, identity: FitIdentity) -> None:
        """Set the identity of the fit, which must be that of the file if there is one.

        Raises
        ------
        ValueError
            If the file belongs to another fit.
        """
        difference = None if self._identity is None else identity.difference(self._identity)
        if difference is not None:
            raise ValueError(self._mismatch(difference))
        self._identity = identity

    def pop_state(self) -> Any:
        """Return the state to resume from, or None, and release the memory that it takes."""
        state, self._state = self._state, None
        return state

    @property
    def due(self) -> bool:
        """Whether there is a file and the last write was long enough ago."""
        return self._path is not None and time.monotonic() - self._last_write >= _MIN_INTERVAL

    def write(self, state: Any) -> None:
        """Write a state of tensors, arrays, numbers, strings, lists and dicts.

        If the file cannot be written, warn once and continue without a checkpoint.
        """
        assert self._path is not None
        assert self._identity is not None
        encoder = Encoder({})
        record = {
            "identity": asdict(self._identity),
            "state": encoder.encode(_to_arrays(state), "state"),
        }
        metadata = {_METADATA_KEY: json.dumps(record)}
        try:
            write_atomically(self._path, safetensors.numpy.save(encoder.arrays, metadata=metadata))
        except OSError as error:
            warnings.warn(
                f"The checkpoint {os.fspath(self._path)!r} cannot be written: {error}. The fit "
                "continues without one.",
                RuntimeWarning,
                stacklevel=2,
            )
            self._path = None
        self._last_write = time.monotonic()

    def remove(self) -> None:
        """Delete the file, as the fit is finished."""
        if self._path is not None and os.path.exists(self._path):
            os.unlink(self._path)

    def _mismatch(self, difference: str) -> str:
        return (
            f"checkpoint={os.fspath(self._path or '')!r} belongs to an unfinished fit with "
            f"different {difference}. Finish that fit, delete the file, or pass another path."
        )


def _digest(arrays: Iterable[np.ndarray]) -> str:
    """SHA-256 of the shapes, dtypes and contents of arrays."""
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(repr((array.shape, array.dtype.str)).encode())
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


def _read(path: FilePath) -> tuple[FitIdentity, Any]:
    """The identity of the fit in a file, and its state."""
    try:
        with safe_open(path, framework="numpy") as file:
            record = json.loads(file.metadata()[_METADATA_KEY])
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        state = _to_tensors(Decoder(arrays, {}).decode(record["state"]))
        return FitIdentity(**record["identity"]), state
    except (SafetensorError, KeyError, TypeError, ValueError) as error:
        raise InvalidFileError(
            f"{os.fspath(path)} is not a checkpoint or is damaged. Delete it or pass another path."
        ) from error


def _to_arrays(value: Any) -> Any:
    """Replace the tensors in nested lists and dicts by arrays."""
    if isinstance(value, torch.Tensor):
        return value.detach().cpu().numpy()
    if isinstance(value, dict):
        return {key: _to_arrays(v) for key, v in value.items()}
    return [_to_arrays(v) for v in value] if isinstance(value, list) else value


def _to_tensors(value: Any) -> Any:
    """Replace the arrays in nested lists and dicts by tensors."""
    if isinstance(value, np.ndarray):
        return torch.from_numpy(value.copy())
    if isinstance(value, dict):
        return {key: _to_tensors(v) for key, v in value.items()}
    return [_to_tensors(v) for v in value] if isinstance(value, list) else value
