"""Save and load fitted estimators as files of plain data, without pickle.

A file is a safetensors file: its arrays are tensors, all else is JSON in its metadata, under
the key "skflow": the version of this format, a SHA-256 of the file (with zeros in its own
place), the estimator's class, and the state that a pickle would hold.
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

from skflow.estimators.classifier import NormalizingFlowClassifier
from skflow.estimators.density import NormalizingFlowDensity
from skflow.estimators.flow_estimator import FlowEstimator
from skflow.estimators.outlier_detector import NormalizingFlowOutlierDetector
from skflow.estimators.p_values import CalibrationScores
from skflow.estimators.regressor import NormalizingFlowRegressor
from skflow.runtime.exceptions import InvalidFileError
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
_RECORDS: Records = {"CalibrationScores": CalibrationScores}
_LONGEST_HEADER = 100_000_000  # bytes; safetensors has the same limit
_NO_DIGEST = "0" * 64
# quotes are escaped: this is JSON in a string in JSON, so no string of a user's can match
_MARK = re.compile(rb'\{\\"format\\":(\d{1,9}),\\"sha256\\":\\"([0-9a-f]{64})\\",')
_MISFITS = (ArithmeticError, AttributeError, LookupError, RuntimeError, TypeError, ValueError)


def save(estimator: FlowEstimator, path: FilePath) -> None:
    """Write a fitted estimator to a file, as plain data: no pickle, no code.

    The file is complete or is not there: it is written beside `path` and then takes its
    place, so that an older file survives whatever goes wrong.

    Parameters
    ----------
    estimator : object
        A fitted `NormalizingFlowDensity`, `NormalizingFlowRegressor`,
        `NormalizingFlowClassifier` or `NormalizingFlowOutlierDetector`.
    path : str or path-like
        Where to write. The format is safetensors, and ".safetensors" the usual ending.

    Raises
    ------
    sklearn.exceptions.NotFittedError
        Where the estimator is not fitted.
    TypeError
        Where it is of another class, or holds what is no plain data, such as a function as
        `flow` or a generator as `random_state`. Nothing is written then.
    OSError
        Where the file cannot be written.

    See Also
    --------
    load : Read it again.

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
            "For others, also those that hold one of these, there are skops and pickle."
        )
    check_is_fitted(estimator)
    write_atomically(path, _to_bytes(estimator))


def load(path: FilePath) -> Any:
    """Read an estimator from a file that `save` wrote.

    Nothing in the file is executed. Scores are those of the estimator that was saved, to the
    last bit where they are computed on the same kind of processor. One that was fitted on a
    device that is not there comes back on the CPU.

    Parameters
    ----------
    path : str or path-like
        The file.

    Returns
    -------
    object
        The fitted estimator, of the class that was saved.

    Raises
    ------
    InvalidFileError
        Where the file is of another kind or of another version of the format, is cut or
        altered, or does not describe an estimator.
    OSError
        Where the file cannot be read.

    Warns
    -----
    UserWarning
        Where another version of skflow wrote the file.

    See Also
    --------
    save : Write such a file.

    Notes
    -----
    The checksum in the file tells accidents, not forgery: who can write the file can put
    another density into it, though never code.

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
    state.pop("_skl_callbacks", None)  # scikit-learn's: they watch fits
    try:
        state = encoder.encode(state, "")
    except TypeError as error:
        raise TypeError(
            f"{error} Nothing was written. A random_state can be set to an int with set_params, "
            "without a new fit; for a flow of your own, and for other objects, there are skops "
            "and pickle, whose files refer to code."
        ) from error
    record = {
        "format": _FORMAT,
        "sha256": _NO_DIGEST,
        "estimator": type(estimator).__name__,
        "state": state,
    }
    text = json.dumps(record, separators=(",", ":"), allow_nan=False)
    data = safetensors.numpy.save(encoder.arrays, metadata={"skflow": text})
    start, end = _mark(data).span(2)
    return data[:start] + _digest(data, start, end).encode() + data[end:]


def _read(path: FilePath) -> bytes:
    """The whole file, if it begins as one of ours."""
    with open(path, "rb") as file:
        start = file.read(8)
        if _header_length(start) <= os.fstat(file.fileno()).st_size - 8:
            start += file.read(_header_length(start))
        _mark(start)
        return start + file.read()


def _from_bytes(data: bytes) -> FlowEstimator:
    """The estimator, or an InvalidFileError that begins with a verb."""
    mark = _mark(data)
    if int(mark[1]) != _FORMAT:
        raise InvalidFileError(
            f"is of version {int(mark[1])} of the format, and this skflow reads version "
            f"{_FORMAT}. Install a newer skflow to read it."
        )
    if _digest(data, *mark.span(2)) != mark[2].decode():
        raise InvalidFileError(
            "is cut or altered: its checksum is not that of its content. Copy it again from "
            "where it was written, or save the estimator again."
        )
    try:
        return _build(data)
    except (SafetensorError, *_MISFITS) as error:
        raise InvalidFileError(f"does not describe a fitted estimator: {error}") from error


def _mark(data: bytes) -> re.Match[bytes]:
    """Where the header has the format's version and the checksum."""
    end = 8 + _header_length(data)
    if end <= len(data) and (mark := _MARK.search(data, 8, end)):
        return mark
    raise InvalidFileError(
        "is not a file that skflow.save wrote, or not all of it. Files of pickle, joblib, skops "
        "and torch are read by those libraries."
    )


def _header_length(data: bytes) -> int:
    """What the file says, or 0 where that is absurd."""
    length = int.from_bytes(data[:8], "little")
    return length if length <= _LONGEST_HEADER else 0


def _digest(data: bytes, start: int, end: int) -> str:
    """SHA-256 of a file, with zeros where the digest stands."""
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
    with AllocationLimit(
        4 * n_stored + 1000
    ):  # initial values are made, too: twice as many at most
        estimator.__setstate__(state)
    check_is_fitted(estimator)
    estimator._validate_params()
    _score_once(estimator, n_stored)
    return estimator


def _score_once(estimator: FlowEstimator, n_stored: int) -> None:
    """Raise where the arrays do not fit each other."""
    layers = estimator._spec.flow.layers
    if max(layers.n_features, layers.n_context) > n_stored:  # of each at least the mean is stored
        raise ValueError(f"{n_stored} numbers cannot be a density of {layers}")
    context = np.zeros((1, layers.n_context)) if layers.n_context else None
    estimator._log_prob(np.zeros((1, layers.n_features)), context)
