"""From a device's name to the device."""

import torch


def resolve_device(name: str) -> torch.device:
    """The torch device that a name asks for.

    Parameters
    ----------
    name : str
        ``"auto"`` (a CUDA device where there is one, else the CPU), ``"cpu"``, ``"cuda"``,
        ``"cuda:1"``, ``"mps"``.

    Returns
    -------
    torch.device

    Raises
    ------
    ValueError
        When the device is not there; the message lists those that are.
    """
    there = available_devices()
    if name == "auto":
        return torch.device("cuda" if "cuda" in there else "cpu")
    if name not in there:
        raise ValueError(
            f"device={name!r} is not there. Available: {', '.join(map(repr, there))}; "
            "'auto' takes a CUDA device where there is one and the CPU otherwise."
        )
    return torch.device(name)


def available_devices() -> list[str]:
    """Names of the devices of this machine."""
    names = ["cpu"]
    if torch.cuda.is_available():
        names += ["cuda", *(f"cuda:{k}" for k in range(torch.cuda.device_count()))]
    if torch.backends.mps.is_available():
        names.append("mps")
    return names


def scoring_dtype(device: torch.device) -> torch.dtype:
    """float64, but float32 on a device that has no float64."""
    return torch.float32 if device.type == "mps" else torch.float64


def keep_freed_memory() -> None:
    """Let the C library keep freed blocks of up to 32 MB instead of returning them at once.

    glibc raises its threshold for that when the first such block is freed. Without this,
    every step of a fit maps and unmaps its larger tensors anew, and a tenth of the time goes
    into page faults. Elsewhere it does nothing.
    """
    torch.empty(31 << 20, dtype=torch.uint8)
