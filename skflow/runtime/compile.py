"""torch.compile for those who ask for it, and have a compiler."""

import warnings
from collections.abc import Callable

import torch
from torch import Tensor, nn


def is_compilable(flow: nn.Module) -> bool:
    """Whether all maps of a flow can be compiled in good time: none says `compilable = False`."""
    return all(getattr(part, "compilable", True) for part in flow.modules())


def compiled(function: Callable[..., Tensor], wanted: bool) -> Callable[..., Tensor]:
    """The function, compiled at its first call where that is wanted and works.

    Parameters
    ----------
    function : callable
        From tensors to a tensor.
    wanted : bool
        Whether to compile it.

    Returns
    -------
    callable

    Warns
    -----
    RuntimeWarning
        At the first call, where there is no compiler; the function itself is called then.
    """
    return _Compiled(function) if wanted else function


class _Compiled:
    def __init__(self, plain: Callable[..., Tensor]):
        self._plain = plain
        self._fast = torch.compile(plain)

    def __call__(self, *args: Tensor | None) -> Tensor:
        try:
            return self._fast(*args)
        except Exception as error:
            # torch wraps whatever went wrong in errors of its own, which differ by version
            result = self._plain(*args)  # where the fault is the caller's, it is raised here
            reason = str(error).strip().partition("\n")[0]
            warnings.warn(
                f"compile=True does not work here, and is ignored: {reason} torch.compile needs "
                "a C++ compiler for the CPU, such as g++ or clang.",
                RuntimeWarning,
                stacklevel=2,
            )
            self._fast = self._plain
            return result
