"""How much a file may make torch allocate: about as much as it holds."""

import math
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch.overrides import TorchFunctionMode

_SIZED = {torch.empty, torch.full, torch.ones, torch.rand, torch.randn, torch.zeros}
_RANGES = {torch.arange, torch.linspace}


class AllocationLimit(TorchFunctionMode):
    """A context in which no more than so many elements of new tensors are made.

    Layers are built before the arrays of a file are loaded into them, and how large they are
    is said by numbers in the file: this is what keeps those numbers honest.

    Parameters
    ----------
    n_elements : int
        The sum over the tensors that torch's factories make.
    """

    def __init__(self, n_elements: int):
        super().__init__()
        self.left = n_elements

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Iterable[type],
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        """Count before anything is made, and raise a ValueError where it is too much."""
        if func in _SIZED or func in _RANGES:
            self.left -= max(1, _n_elements(func, args))
            if self.left < 0:
                raise ValueError(
                    f"{func.__name__}{args} is more than the arrays stored could fill"
                )
        return func(*args, **(kwargs or {}))


def _n_elements(func: Callable[..., Any], args: tuple[Any, ...]) -> int:
    if func in _RANGES:
        return int(max(args))
    shape = args[0] if isinstance(args[0], list | tuple) else args
    return math.prod(abs(n) for n in shape)
