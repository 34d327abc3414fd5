"""torch.compile with a fallback to eager execution where there is no working compiler."""

import warnings
from collections.abc import Callable

import torch
from torch import Tensor, nn


def is_compilable(flow: nn.Module) -> bool:
    """Whether every module of a flow compiles in reasonable time: none has compilable = False."""
    return all(getattr(module, "compilable", True) for module in flow.modules())


def compiled(function: Callable[..., Tensor], enabled: bool) -> Callable[..., Tensor]:
    """Return the function, compiled at its first call if that is enabled and works.

    Parameters
    ----------
    function : callable
        From tensors to a tensor.
    enabled : bool
        Whether to compile it.

    Returns
    -------
    callable

    Warns
    -----
    RuntimeWarning
        At the first call, if compilation fails. The function is then called eagerly.
    """
    return _CompiledFunction(function) if enabled else function


class _CompiledFunction:
    def __init__(self, eager: Callable[..., Tensor]):
        self._eager = eager
        self._function = torch.compile(eager)

    def __call__(self, *args: Tensor | None) -> Tensor:
        try:
            return self._function(*args)
        except Exception as error:
            # Any exception: the classes in which torch wraps a compiler's errors differ by
            # version. If the arguments are at fault, the eager call raises.
            result = self._eager(*args)
            reason = str(error).strip().partition("\n")[0]
            warnings.warn(
                f"compile=True is ignored because compilation failed: {reason} torch.compile "
                "needs a C++ compiler for the CPU, such as g++ or clang.",
                RuntimeWarning,
                stacklevel=2,
            )
            self._function = self._eager
            return result
