"""Atomic file writes: a file appears under its name only when it is complete."""

import os
import secrets
from pathlib import Path

FilePath = str | os.PathLike[str]


def write_atomically(path: FilePath, data: bytes) -> None:
    """Write a file so that, whatever fails, `path` has the old content or all of the new one.

    The data are written to a temporary file in the same directory, which then replaces `path`;
    if `path` is a symbolic link, it replaces the link's target.
    """
    target = Path(os.path.realpath(path))
    temporary = target.with_name(f".skflow-{secrets.token_hex(8)}")
    try:
        with open(temporary, "xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
