"""Torch devices: resolving names, dtypes for scoring, memory of freed tensors."""

import torch


def resolve_device(name: str) -> torch.device:
    """Return the torch device for a name.

    Parameters
    ----------
    name : str
        ``"auto"`` (a CUDA device if there is one, otherwise the CPU), ``"cpu"``, ``"cuda"``,
        ``"cuda:1"``, ``"mps"``.

    Returns
    -------
    torch.device

    Raises
    ------
    ValueError
        If the device is not available; the message lists those that are.
    """
    available = available_devices()
    if name == "auto":
        return torch.device("cuda" if "cuda" in available else "cpu")
    if name not in available:
        raise ValueError(
            f"device={name!r} is not available. Available devices: "
            f"{', '.join(map(repr, available))}; 'auto' selects a CUDA device if there is one and "
            "the CPU otherwise."
        )
    return torch.device(name)


def available_devices() -> list[str]:
    """Return the names of this machine's devices."""
    names = ["cpu"]
    if torch.cuda.is_available():
        names += ["cuda", *(f"cuda:{k}" for k in range(torch.cuda.device_count()))]
    if torch.backends.mps.is_available():
        names.append("mps")
    return names


def scoring_dtype(device: torch.device) -> torch.dtype:
    """Return float64, or float32 for devices without float64."""
    return torch.float32 if device.type == "mps" else torch.float64


def keep_freed_memory() -> None:
    """Let the C library keep freed blocks of up to 32 MB instead of returning them at once.

    glibc raises its threshold for returning memory (M_MMAP_THRESHOLD) when the first block of
    this size is freed. Otherwise the larger tensors of every training step would be mapped and
    unmapped anew, and page faults would take a tenth of the time. No effect with other C
    libraries.
    """
    torch.empty(31 << 20, dtype=torch.uint8)
