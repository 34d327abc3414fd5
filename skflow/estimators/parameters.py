"""Parameters shared by all estimators: their types and constraints."""

import os
import sys
from collections.abc import Callable, Sequence
from numbers import Integral, Real
from typing import Any, ClassVar, Literal

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils._param_validation import Interval, InvalidParameterError, StrOptions

from skflow.data.support import Support
from skflow.estimators.docstrings import fill_placeholders
from skflow.estimators.near_misses import hint_for
from skflow.flows.distributions.normal_and_t import BASES
from skflow.flows.families import ANY_ORDER, FAMILIES
from skflow.flows.nets.mlp import ACTIVATIONS

Seed = int | np.random.RandomState | None

_AUTO = StrOptions({"auto"})


class FlowParameters(BaseEstimator):
    """Types and constraints of the shared parameters.

    Each estimator writes all parameters out in the signature of its own `__init__`, where
    type checkers and editors find them, and stores them with ``self._store(locals())``. When
    the class is created, the shared documentation is filled into its docstring.
    """

    flow: str | Callable[..., Any]
    effort: Literal["full", "fast"]
    support: Support | str | tuple | list | dict | None
    n_estimators: Literal["auto"] | int
    safety_net: bool
    marginals: Literal["auto", "yeo-johnson"] | None
    base: Literal["auto", "normal", "t"]
    max_iter: Literal["auto"] | int
    max_time: float | None
    max_rows: int
    learning_rate_init: Literal["auto"] | float
    batch_size: Literal["auto"] | int
    alpha: float
    noise: Literal["auto"] | float
    n_transforms: Literal["auto"] | int
    hidden_layer_sizes: Literal["auto"] | int | Sequence[int]
    n_bins: int
    activation: Literal["silu", "relu", "gelu", "elu", "tanh"]
    dropout: Literal["auto"] | float
    early_stopping: Literal["auto"] | bool
    validation_fraction: float
    n_iter_no_change: int
    tol: float
    warm_start: bool
    checkpoint: str | os.PathLike[str] | None
    random_state: Seed
    device: str
    dtype: Literal["float64", "float32"]
    compile: bool
    verbose: int

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "flow": [StrOptions({"auto", ANY_ORDER, *FAMILIES}), callable],
        "effort": [StrOptions({"full", "fast"})],
        "support": [None, Support, str, tuple, list, dict],
        "n_estimators": [_AUTO, Interval(Integral, 1, None, closed="left")],
        "safety_net": ["boolean"],
        "marginals": [StrOptions({"auto", "yeo-johnson"}), None],
        "base": [StrOptions({"auto", *BASES})],
        "max_iter": [_AUTO, Interval(Integral, 1, None, closed="left")],
        "max_time": [Interval(Real, 0, None, closed="neither"), None],
        "max_rows": [Interval(Integral, 2, None, closed="left")],
        "learning_rate_init": [_AUTO, Interval(Real, 0, None, closed="neither")],
        "batch_size": [_AUTO, Interval(Integral, 1, None, closed="left")],
        "alpha": [Interval(Real, 0, None, closed="left")],
        "noise": [_AUTO, Interval(Real, 0, None, closed="left")],
        "n_transforms": [_AUTO, Interval(Integral, 1, None, closed="left")],
        "hidden_layer_sizes": [_AUTO, Interval(Integral, 1, None, closed="left"), "array-like"],
        "n_bins": [Interval(Integral, 1, 256, closed="both")],
        "activation": [StrOptions(ACTIVATIONS.keys())],
        "dropout": [_AUTO, Interval(Real, 0, 1, closed="left")],
        "early_stopping": [_AUTO, "boolean"],
        "validation_fraction": [Interval(Real, 0, 1, closed="neither")],
        "n_iter_no_change": [Interval(Integral, 1, None, closed="left")],
        "tol": [Interval(Real, 0, None, closed="left")],
        "warm_start": ["boolean"],
        "checkpoint": [str, os.PathLike, None],
        "random_state": ["random_state"],
        "device": [str],
        "dtype": [StrOptions({"float64", "float32"})],
        "compile": ["boolean"],
        "verbose": ["verbose"],
    }

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        is_estimator = "__init__" in vars(cls) and super(cls, cls).__init__ is object.__init__
        if is_estimator and sys.flags.optimize < 2:  # python -OO removes docstrings
            cls.__doc__ = fill_placeholders(cls)

    def _validate_params(self) -> None:
        """Validate the parameters as scikit-learn does, with a hint where one is at hand."""
        try:
            super()._validate_params()
        except InvalidParameterError as error:
            hint = hint_for(str(error), self)
            raise InvalidParameterError(f"{error} {hint}".rstrip()) from None

    def _store(self, arguments: dict[str, Any]) -> None:
        """Set the arguments of `__init__`, its ``locals()``, as attributes."""
        for name, value in arguments.items():
            if name != "self":
                setattr(self, name, value)
