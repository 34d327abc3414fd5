"""Save and load fitted estimators as plain data, without pickle.

The files are safetensors files. Arrays are stored as tensors, and everything else as JSON in the
metadata, under the key "skflow": the version of the format, the SHA-256 digest of the file
(computed with zeros in place of the digest), the class of the estimator, and the state that a
pickle would contain.
"""

import hashlib
import json
import os
import re
from typing import Any

import numpy as np
import safetensors.numpy
from safetensors import SafetensorError
from sklearn.utils.validation import check_is_fitted

from skflow.data.support import Support
from skflow.estimators.classifier import NormalizingFlowClassifier
from skflow.estimators.density import NormalizingFlowDensity
from skflow.estimators.flow_estimator import FlowEstimator
from skflow.estimators.outlier_detector import NormalizingFlowOutlierDetector
from skflow.estimators.p_values import CalibrationScores
from skflow.estimators.regressor import NormalizingFlowRegressor
from skflow.preprocessing.odd_cells import Fences
from skflow.runtime.exceptions import InvalidFileError
from skflow.runtime.own_settings import own_settings
from skflow.serialization.allocation_limit import AllocationLimit
from skflow.serialization.atomic_write import FilePath, write_atomically
from skflow.serialization.codec import Decoder, Encoder, Records

_FORMAT = 1
_ESTIMATORS: dict[str, type[FlowEstimator]] = {
    cls.__name__: cls
    for cls in (
        NormalizingFlowClassifier,
        NormalizingFlowDensity,
        NormalizingFlowOutlierDetector,
        NormalizingFlowRegressor,
    )
}
_RECORDS: Records = {cls.__name__: cls for cls in (CalibrationScores, Fences, Support)}
_MAX_HEADER_LENGTH = 100_000_000  # bytes, as in safetensors
_NO_DIGEST = "0" * 64
# In this JSON inside a JSON string, only structural quotes are escaped just once, so that no
# string of a user matches.
_SIGNATURE = re.compile(rb'\{\\"format\\":(\d{1,9}),\\"sha256\\":\\"([0-9a-f]{64})\\",')
_INCONSISTENT = (ArithmeticError, AttributeError, LookupError, RuntimeError, TypeError, ValueError)


@own_settings()
def save(estimator: FlowEstimator, path: FilePath) -> None:
    """Save a fitted estimator to a file, as plain data without pickle or code.

    The file is written atomically: first to a temporary file next to `path`, which then replaces
    `path`. If an error occurs, an existing file is left unchanged.

    Parameters
    ----------
    estimator : object
        A fitted `NormalizingFlowDensity`, `NormalizingFlowRegressor`,
        `NormalizingFlowClassifier` or `NormalizingFlowOutlierDetector`.
    path : str or path-like
        Path of the file. The format is safetensors, with the usual extension ".safetensors".

    Raises
    ------
    sklearn.exceptions.NotFittedError
        If the estimator is not fitted.
    TypeError
        If the estimator is of another class, or if a parameter is not plain data, such as a
        function as `flow` or a RandomState as `random_state`. Nothing is written in this case.
    OSError
        If the file cannot be written.

    See Also
    --------
    load : Load a saved estimator.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import skflow
    >>> from sklearn.datasets import load_iris
    >>> X = load_iris().data[:, :2]
    >>> density = skflow.NormalizingFlowDensity(effort="fast", random_state=0).fit(X)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "iris.safetensors"
    ...     skflow.save(density, path)
    ...     loaded = skflow.load(path)
    >>> bool((loaded.score_samples(X) == density.score_samples(X)).all())
    True
    """
    name = type(estimator).__name__
    if _ESTIMATORS.get(name) is not type(estimator):
        raise TypeError(
            f"{name} is not among the estimators that can be saved: {', '.join(_ESTIMATORS)}. "
            "For other estimators, including meta-estimators, use skops or pickle."
        )
    check_is_fitted(estimator)
    write_atomically(path, _to_bytes(estimator))


@own_settings()
def load(path: FilePath) -> Any:
    """Load an estimator from a file written by `save`.

    No code in the file is executed. On the same kind of processor, scores are bit for bit those
    of the saved estimator. If its device is not available, the estimator is loaded on the CPU.

    Parameters
    ----------
    path : str or path-like
        Path of the file.

    Returns
    -------
    object
        The fitted estimator, of the class that was saved.

    Raises
    ------
    InvalidFileError
        If the file has another format or another version of the format, is truncated or
        corrupted, or does not describe an estimator.
    OSError
        If the file cannot be read.

    Warns
    -----
    UserWarning
        If the file was written by another version of skflow.

    See Also
    --------
    save : Save a fitted estimator.

    Notes
    -----
    The checksum in the file detects accidental corruption, not tampering: anyone who can write
    the file can replace the density in it, but cannot make `load` execute code.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import skflow
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "notes.txt"
    ...     _ = path.write_text("Some other file.")
    ...     skflow.load(path)
    Traceback (most recent call last):
    skflow.InvalidFileError: ...notes.txt is not a file that skflow.save wrote...
    """
    try:
        return _from_bytes(_read(path))
    except InvalidFileError as error:
        raise InvalidFileError(f"{os.fspath(path)} {error}") from error.__cause__


def _to_bytes(estimator: FlowEstimator) -> bytes:
    encoder = Encoder(_RECORDS)
    state = dict(estimator.__getstate__())
    state.pop("_skl_callbacks", None)  # set by scikit-learn, and only used during a fit
    try:
        state = encoder.encode(state, "")
    except TypeError as error:
        raise TypeError(
            f"{error} Nothing was written. A random_state can be set to an int with set_params, "
            "without another fit. For a callable flow and for other objects, use skops or "
            "pickle, whose files refer to code."
        ) from error
    record = {
        "format": _FORMAT,
        "sha256": _NO_DIGEST,
        "estimator": type(estimator).__name__,
        "state": state,
    }
    text = json.dumps(record, separators=(",", ":"), allow_nan=False)
    data = safetensors.numpy.save(encoder.arrays, metadata={"skflow": text})
    start, end = _find_signature(data).span(2)
    return data[:start] + _digest(data, start, end).encode() + data[end:]


def _read(path: FilePath) -> bytes:
    """Content of a file, of which only the header is read if it is not one of skflow."""
    with open(path, "rb") as file:
        start = file.read(8)
        if _header_length(start) <= os.fstat(file.fileno()).st_size - 8:
            start += file.read(_header_length(start))
        _find_signature(start)
        return start + file.read()


def _from_bytes(data: bytes) -> FlowEstimator:
    """Estimator from the content of a file.

    The message of an InvalidFileError begins with a verb; `load` puts the path in front.
    """
    signature = _find_signature(data)
    if int(signature[1]) != _FORMAT:
        raise InvalidFileError(
            f"has version {int(signature[1])} of the format, but this version of skflow reads "
            f"version {_FORMAT}. Install a newer skflow to read it."
        )
    if _digest(data, *signature.span(2)) != signature[2].decode():
        raise InvalidFileError(
            "is truncated or corrupted: the checksum does not match its content. Copy it again "
            "from the original, or save the estimator again."
        )
    try:
        return _build(data)
    except (SafetensorError, *_INCONSISTENT) as error:
        raise InvalidFileError(f"does not describe a fitted estimator: {error}") from error


def _find_signature(data: bytes) -> re.Match[bytes]:
    """The version of the format (group 1) and the digest (group 2) in the header."""
    end = 8 + _header_length(data)
    if end <= len(data) and (signature := _SIGNATURE.search(data, 8, end)):
        return signature
    raise InvalidFileError(
        "is not a file that skflow.save wrote, or it is incomplete. Files written by pickle, "
        "joblib, skops or torch have to be read by those libraries."
    )


def _header_length(data: bytes) -> int:
    """Length of the header in bytes as stated in the file, or 0 if it exceeds the limit."""
    length = int.from_bytes(data[:8], "little")
    return length if length <= _MAX_HEADER_LENGTH else 0


def _digest(data: bytes, start: int, end: int) -> str:
    """SHA-256 digest of a file, with zeros in data[start:end], the place of the digest."""
    view = memoryview(data)
    digest = hashlib.sha256(view[:start])
    digest.update(_NO_DIGEST.encode())
    digest.update(view[end:])
    return digest.hexdigest()


def _build(data: bytes) -> FlowEstimator:
    header = json.loads(data[8 : 8 + _header_length(data)])
    record = json.loads(header["__metadata__"]["skflow"])
    arrays = safetensors.numpy.load(data)
    estimator = _ESTIMATORS[record["estimator"]]()
    state = Decoder(arrays, _RECORDS).decode(record["state"])
    n_stored = sum(array.size for array in arrays.values())
    # building the networks allocates initial values as well, at most twice as many
    with AllocationLimit(4 * n_stored + 1000):
        estimator.__setstate__(state)
    check_is_fitted(estimator)
    estimator._validate_params()
    _check_shapes(estimator, n_stored)
    return estimator


def _check_shapes(estimator: FlowEstimator, n_stored: int) -> None:
    """Score one row, which raises an error if the shapes of the arrays are inconsistent."""
    layers = estimator._spec.flow.layers
    # the means of all columns are stored; without this check, the row could exceed the memory
    if max(layers.n_features, layers.n_context) > n_stored:
        raise ValueError(f"{n_stored} stored numbers are too few for a density with {layers}")
    context = np.zeros((1, layers.n_context)) if layers.n_context else None
    row = np.zeros((1, layers.n_features))
    estimator._log_prob(row, context)
    if isinstance(estimator, NormalizingFlowOutlierDetector):
        estimator._p_values(row)
