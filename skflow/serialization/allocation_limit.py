"""AllocationLimit: a bound on the tensors that torch creates while a file is loaded."""

import math
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch.overrides import TorchFunctionMode

_SHAPED_FACTORIES = {
    torch.empty,
    torch.full,
    torch.ones,
    torch.rand,
    torch.randn,
    torch.zeros,
}
_RANGE_FACTORIES = {torch.arange, torch.linspace}


class AllocationLimit(TorchFunctionMode):
    """A context in which torch's factory functions create a limited number of elements in total.

    Layers are built before the arrays of a file are loaded into them, with sizes that are
    numbers in the file. Without a limit, a forged or damaged file of a few bytes could allocate
    any amount of memory.

    Parameters
    ----------
    n_elements : int
        The maximum sum of the numbers of elements of new tensors.
    """

    def __init__(self, n_elements: int):
        super().__init__()
        self._remaining = n_elements

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Iterable[type],
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        """Call a function of torch, or raise a ValueError if it would exceed the limit."""
        if func in _SHAPED_FACTORIES or func in _RANGE_FACTORIES:
            self._remaining -= max(1, _n_elements(func, args))
            if self._remaining < 0:
                raise ValueError(
                    f"{func.__name__}{args} would allocate more than the stored arrays need"
                )
        return func(*args, **(kwargs or {}))


def _n_elements(func: Callable[..., Any], args: tuple[Any, ...]) -> int:
    """An upper bound on the number of elements of a factory function's result."""
    if func in _RANGE_FACTORIES:
        return int(max(args))
    shape = args[0] if isinstance(args[0], list | tuple) else args
    return math.prod(abs(size) for size in shape)
