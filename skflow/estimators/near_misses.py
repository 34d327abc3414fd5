"""Hints for parameter values that nearly are valid."""

import difflib
import re
from typing import Any

import numpy as np
from sklearn.utils._param_validation import StrOptions

_HINTS = {
    "device": "Pass the name of the device, such as 'cpu' or 'cuda'.",
    "hidden_layer_sizes": "Pass one int for each hidden layer, such as (64, 64).",
}


def hint_for(message: str, estimator: Any) -> str:
    """Return a hint to append to scikit-learn's message about an invalid parameter, or "".

    Parameters
    ----------
    message : str
        The message, which begins with the name of the parameter.
    estimator : object
        The estimator with the parameter.
    """
    match = re.match(r"The '(\w+)' parameter", message)
    if match is None:
        return ""
    name = match[1]
    value = getattr(estimator, name)
    if isinstance(value, np.random.Generator):
        return "Of a numpy.random.Generator rng, pass int(rng.integers(2**32))."
    if not isinstance(value, str):
        return _HINTS.get(name, "")
    options = [
        option
        for constraint in estimator._parameter_constraints[name]
        if isinstance(constraint, StrOptions)
        for option in constraint.options
    ]
    return _did_you_mean(value, options)


def _did_you_mean(value: str, options: list[str]) -> str:
    """A question that names the option most similar to a value, if one is."""
    folded = {_folded(option): option for option in sorted(options)}
    similar = difflib.get_close_matches(_folded(value), folded, n=1, cutoff=0.6)
    return f"Did you mean {folded[similar[0]]!r}?" if similar else ""


def _folded(name: str) -> str:
    return re.sub(r"[\s_-]", "", name.lower())
