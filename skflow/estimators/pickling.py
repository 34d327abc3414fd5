"""Pickling of fitted estimators as plain Python values and numpy arrays."""

import inspect
import warnings
from dataclasses import asdict
from typing import Any

import numpy as np
import torch
from sklearn.base import BaseEstimator

from skflow.data.support import Support
from skflow.flows.any_order.any_order_spec import AnyOrderSpec
from skflow.flows.distributions.distribution import Density
from skflow.flows.families import ANY_ORDER
from skflow.flows.spec import DensitySpec, from_arrays, to_arrays
from skflow.runtime.device import resolve_device, scoring_dtype
from skflow.runtime.own_settings import own_settings
from skflow.runtime.version import __version__


class PlainStateMixin(BaseEstimator):
    """The state of an estimator without torch classes, so that it loads on any machine."""

    @own_settings()
    def __getstate__(self) -> dict[str, Any]:
        """The state, in which arrays and a specification replace the fitted density."""
        state = super().__getstate__()
        if "flow_" in state:
            state = dict(state)
            state["_arrays"] = to_arrays(state.pop("flow_"))
            state["_spec"] = asdict(state["_spec"])
            state["supports_"] = [asdict(support) for support in state["supports_"]]
            state["device_"] = str(state["device_"])
            state["_skflow_version"] = __version__
        return state

    @own_settings()
    def __setstate__(self, state: dict[str, Any]) -> None:
        """Restore what `__getstate__` returned, on the CPU if the device is not available.

        Parameters that an earlier version did not have get their defaults.
        """
        state = dict(state)
        arrays = state.pop("_arrays", None)
        if arrays is not None:
            self._check_version(state.pop("_skflow_version"))
            state["device_"] = _device_or_cpu(state["device_"])
            state["supports_"] = [Support(**fields) for fields in state["supports_"]]
            state["_spec"], flow = _rebuilt(state["_spec"], arrays)
            state["flow_"] = flow.to(state["device_"], scoring_dtype(state["device_"]))
        parameters = inspect.signature(type(self)).parameters.values()
        super().__setstate__({p.name: p.default for p in parameters} | state)

    def _check_version(self, version: str) -> None:
        if version != __version__:
            warnings.warn(
                f"This {type(self).__name__} was saved by skflow {version} and is being loaded "
                f"by skflow {__version__}; check its scores before use.",
                UserWarning,
                stacklevel=3,
            )


def _rebuilt(
    record: dict[str, Any], arrays: dict[str, np.ndarray]
) -> tuple[DensitySpec | AnyOrderSpec, Density]:
    """A specification from its record, and the density that it specifies."""
    if record["flow"]["family"] == ANY_ORDER:
        any_order = AnyOrderSpec.from_record(record)
        return any_order, any_order.build(arrays)
    spec = DensitySpec.from_record(record)
    return spec, from_arrays(spec, arrays)


def _device_or_cpu(name: str) -> torch.device:
    """The device of a fit, or the CPU on a machine without it."""
    try:
        return resolve_device(name)
    except ValueError:
        return torch.device("cpu")
