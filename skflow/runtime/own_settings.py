"""Settings of numpy and torch under which skflow computes, whatever those of the caller are."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from types import FunctionType
from typing import Any

import numpy as np
import torch

_AUTOCAST_DEVICES = ("cpu", "cuda")


@contextmanager
def own_settings() -> Iterator[None]:
    """Compute a ``with`` block, or a decorated function, under settings that do not vary.

    Floating-point errors of numpy are handled as numpy does by default, torch creates tensors
    on the CPU and in the precision asked for, and outside of inference mode. All of these
    settings are those of the current thread or context, so that no other code is affected.
    """
    with ExitStack() as settings:
        settings.enter_context(np.errstate(all="warn", under="ignore"))
        settings.enter_context(torch.inference_mode(False))
        for device in _AUTOCAST_DEVICES:
            if torch.is_autocast_enabled(device):
                settings.enter_context(torch.autocast(device, enabled=False))
        if torch.get_default_device().type != "cpu":
            settings.enter_context(torch.device("cpu"))
        yield


class OwnSettingsMixin:
    """Base of classes whose public methods compute under `own_settings`."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        for name, method in list(vars(cls).items()):
            if isinstance(method, FunctionType) and not name.startswith("_"):
                setattr(cls, name, own_settings()(method))
        super().__init_subclass__(**kwargs)
