"""The memory of this machine, by which requests are judged before anything is allocated."""

import os
from contextlib import suppress
from pathlib import Path

_LIMIT_OF_CONTAINER = Path("/sys/fs/cgroup/memory.max")
_IF_UNKNOWN = 64 << 30  # bytes
_UNITS = ("bytes", "kB", "MB", "GB", "TB", "PB", "EB")


def total_memory() -> int:
    """Return the memory in bytes that this machine or container has, used or not.

    What is free at the moment does not count, so that the same request is always either
    possible or not. Where the system does not tell, 64 GB.
    """
    limits = []
    try:
        limits.append(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    except (AttributeError, OSError, ValueError):  # not on Windows
        limits.append(_IF_UNKNOWN)
    with suppress(OSError, ValueError):  # no container, or one without a limit
        limits.append(int(_LIMIT_OF_CONTAINER.read_text()))
    return min(limit for limit in limits if limit > 0)


def check_memory(request: str, n_bytes: int, advice: str) -> None:
    """Raise a ValueError if a request needs more memory than this machine has.

    Parameters
    ----------
    request : str
        What was asked for, with the name of the parameter.
    n_bytes : int
        What it needs at least.
    advice : str
        What to try instead.
    """
    total = total_memory()
    if n_bytes > total:
        raise ValueError(
            f"{request} needs at least {format_bytes(n_bytes)} of memory, but this machine has "
            f"{format_bytes(total)}. {advice}"
        )


def format_bytes(n_bytes: int) -> str:
    """Return a number of bytes with two significant digits, "16 GB"."""
    power = max(0, min((len(str(int(n_bytes))) - 1) // 3, len(_UNITS) - 1))
    return f"{float(f'{n_bytes / 1000**power:.2g}'):g} {_UNITS[power]}"
