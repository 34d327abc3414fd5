"""Files that are whole or not there."""

import os
import secrets
from pathlib import Path

FilePath = str | os.PathLike[str]


def write_atomically(path: FilePath, data: bytes) -> None:
    """Write a file that is complete when it appears under its name."""
    target = Path(os.path.realpath(path))
    beside = target.with_name(f".skflow-{secrets.token_hex(8)}")
    try:
        with open(beside, "xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, target)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise
