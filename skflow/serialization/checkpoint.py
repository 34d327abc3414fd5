"""A fit that survives its process: training's state in a file, to go on from."""

import hashlib
import json
import os
import time
import warnings
from collections.abc import Iterable
from typing import Any

import numpy as np
import safetensors.numpy
import torch
from safetensors import SafetensorError, safe_open

from skflow.runtime.exceptions import InvalidFileError
from skflow.runtime.version import __version__
from skflow.serialization.atomic_write import FilePath, write_atomically
from skflow.serialization.codec import Decoder, Encoder

_KEY = "skflow checkpoint"
_SECONDS = 5.0  # between two files, so that writing costs little


class Checkpoint:
    """The state of one fit in one file, which is there until the fit has ended.

    Parameters
    ----------
    path : str, path-like or None
        The file; None for no file.
    """

    def __init__(self, path: FilePath | None):
        self._path = path
        self._written = -np.inf
        self._identity: dict[str, Any] = {}
        self._state: Any = None
        if path is not None and os.path.exists(path):
            self._identity, self._state = _read(path)

    def seed(self, drawn: int, fixed: bool) -> int:
        """The seed of the fit that the file is of, or one just drawn.

        Raises
        ------
        ValueError
            Where that fit had another fixed seed.
        """
        known = self._identity.get("seed", drawn)
        if fixed and known != drawn:
            raise ValueError(self._of_another("random_state"))
        return int(known)

    def begin(self, seed: int, settings: str, arrays: Iterable[np.ndarray]) -> None:
        """Say what the fit is of.

        Raises
        ------
        ValueError
            Where the file is of other rows, other settings, or another version of skflow.
        """
        digest = hashlib.sha256()
        for array in arrays:
            digest.update(repr((array.shape, array.dtype.str)).encode())
            digest.update(np.ascontiguousarray(array).data)
        identity = {
            "version": __version__,
            "seed": seed,
            "rows": digest.hexdigest(),
            "settings": settings,
        }
        for what, value in identity.items():
            if self._identity.get(what, value) != value:
                raise ValueError(self._of_another(what))
        self._identity = identity

    def take(self) -> Any:
        """The state to go on from, if there is one; given once, to be let go of."""
        state, self._state = self._state, None
        return state

    @property
    def due(self) -> bool:
        """Whether it is time to write."""
        return self._path is not None and time.monotonic() - self._written >= _SECONDS

    def write(self, state: Any) -> None:
        """Keep a state; a warning, and no more files, where that fails."""
        assert self._path is not None
        encoder = Encoder({})
        text = json.dumps(self._identity | {"state": encoder.encode(_plain(state), "state")})
        try:
            write_atomically(
                self._path, safetensors.numpy.save(encoder.arrays, metadata={_KEY: text})
            )
        except OSError as error:
            warnings.warn(
                f"The checkpoint {os.fspath(self._path)!r} cannot be written: {error}. The fit "
                "goes on without.",
                RuntimeWarning,
                stacklevel=2,
            )
            self._path = None
        self._written = time.monotonic()

    def remove(self) -> None:
        """The fit has ended."""
        if self._path is not None and os.path.exists(self._path):
            os.unlink(self._path)

    def _of_another(self, what: str) -> str:
        return (
            f"checkpoint={os.fspath(self._path or '')!r} is of an unfinished fit with other "
            f"{what}. Fit that one to its end, delete the file, or name another."
        )


def _read(path: FilePath) -> tuple[dict[str, Any], Any]:
    """What the fit was of, and its state."""
    try:
        with safe_open(path, framework="numpy") as file:
            record = json.loads(file.metadata()[_KEY])
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        state = _tensors(Decoder(arrays, {}).decode(record.pop("state")))
    except (SafetensorError, KeyError, TypeError, ValueError) as error:
        raise InvalidFileError(
            f"{os.fspath(path)} is no checkpoint, or damaged. Delete it, or name another file."
        ) from error
    return record, state


def _plain(value: Any) -> Any:
    """With arrays in place of tensors."""
    if isinstance(value, torch.Tensor):
        return value.detach().cpu().numpy()
    if isinstance(value, dict):
        return {key: _plain(v) for key, v in value.items()}
    return [_plain(v) for v in value] if isinstance(value, list) else value


def _tensors(value: Any) -> Any:
    """With tensors in place of arrays."""
    if isinstance(value, np.ndarray):
        return torch.from_numpy(value.copy())
    if isinstance(value, dict):
        return {key: _tensors(v) for key, v in value.items()}
    return [_tensors(v) for v in value] if isinstance(value, list) else value
